// SPDX-License-Identifier: MIT
// Evidence of deaths that components brought about themselves: registers, stack, the latest messages, the cause. The
// newest are kept in our vault, a short form goes to the log.
//
// Taken before the instance is destroyed, in a turn of its own. The dead thread's stack is mapped here for a moment; its own
// mapping goes first, since frames lie in one space only. The record itself is not logged for undoing: it counts when the
// number does.
#include "servers/supervisor/supervisor.h"
#include "lib/rt/string.h"

#define KEPT_MAX 16
#define STACK_VIEW_ADDRESS 0x200020000000ull
#define LOGGED_MESSAGES 8
#define LOGGED_STACK 8

void evidence_attach(void)
{
    struct system *s = the_system;
    s->evidence_kept = (uint32_t)(vault_available() / sizeof(struct evidence));
    if (s->evidence_kept > KEPT_MAX) s->evidence_kept = KEPT_MAX;
    if (s->evidence_kept == 0) panic("no room in the vault for evidence");
    s->evidence = vault_alloc(s->evidence_kept * sizeof(struct evidence));
}

static void take_stack(const struct component *c, struct evidence *e)
{
    uint32_t stack = part_slot(c, PART_STACK);
    uint64_t offset = e->registers.sp - (COMPONENT_INFO_ADDRESS - (1ull << STACK_BITS));
    if (offset >= 1ull << STACK_BITS || offset % sizeof(uint64_t) != 0) return;
    if (frames_unmap(stack) != OK) return;
    if (frames_map(stack, SLOT_OWN_ASPACE, STACK_VIEW_ADDRESS, offset / PAGE_SIZE, 1, RIGHT_READ) != OK) return;
    uint64_t in_page = offset % PAGE_SIZE, n = (PAGE_SIZE - in_page) / sizeof(uint64_t);
    e->n_stack = n < EVIDENCE_STACK_WORDS ? n : EVIDENCE_STACK_WORDS;
    memcpy(e->stack, (const uint8_t *)STACK_VIEW_ADDRESS + in_page, e->n_stack * sizeof(uint64_t));
    (void)frames_unmap(stack);
}

static void take_trace(const struct component *c, struct evidence *e)
{
    uint64_t n = c->trace->n;
    e->n_trace = n < TRACE_ENTRIES ? n : TRACE_ENTRIES;
    for (uint64_t i = 0; i < e->n_trace; i++) e->trace[i] = c->trace->entries[(n - e->n_trace + i) % TRACE_ENTRIES];
}

static void log_short(const struct evidence *e)
{
    const struct thread_registers *r = &e->registers;
    log_line("%s evidence %lu: rip %lx rsp %lx rbp %lx flags %lx", e->name, e->number, r->pc, r->sp, r->rbp, r->flags);
    log_line("%s rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx", e->name, r->rax, r->rbx, r->rcx, r->rdx, r->rsi,
             r->rdi);
    for (uint64_t i = 0; i < e->n_stack && i < LOGGED_STACK; i += 4)
        log_line("%s stack %lx: %lx %lx %lx %lx", e->name, r->sp + i * 8, e->stack[i], e->stack[i + 1], e->stack[i + 2],
                 e->stack[i + 3]);
    for (uint64_t i = e->n_trace > LOGGED_MESSAGES ? e->n_trace - LOGGED_MESSAGES : 0; i < e->n_trace; i++) {
        const struct trace_entry *t = &e->trace[i];
        log_line("%s message %lu us: event %u, label %x, from %lx, word %lx: %s", e->name, t->time_ns / 1000, t->event,
                 t->label, t->badge, t->word, t->err == TRACE_RUNS ? "was running" : err_name(t->err));
    }
}

// Keep it, under the next number.
static void keep(struct evidence *e)
{
    struct system *s = the_system;
    e->number = s->n_evidence + 1;
    rt_memcpy(&s->evidence[s->n_evidence % s->evidence_kept], e, sizeof *e);
    s->n_evidence++;
    log_short(e);
}

void evidence_take(struct component *c)
{
    struct evidence e = {.at_ns = c->died_at, .index = c->index, .starts = c->info->starts, .death = c->last_death};
    memcpy(e.name, c->spec->name, sizeof e.name);
    memcpy(e.fault, c->fault, sizeof e.fault);
    memset(c->fault, 0, sizeof c->fault);
    if (thread_get_registers(part_slot(c, PART_THREAD), &e.registers) == OK) take_stack(c, &e);
    take_trace(c, &e);
    keep(&e);
    c->evidence = the_system->n_evidence;
}

// Whoever found the twin dead has left it in the shared page; it has no ring of messages.
void evidence_take_twin(enum twin twin)
{
    struct twin_record *r = twin_record(twin);
    if (!r->evidence_due) return;
    struct evidence e = {.at_ns = r->died_ns,
                         .index = the_system->n_components + (uint32_t)twin,
                         .starts = (uint32_t)r->starts - 1,
                         .death = r->last_death,
                         .registers = r->registers};
    string_copy(e.name, sizeof e.name, twin_name(twin));
    memcpy(e.fault, r->fault, sizeof e.fault);
    keep(&e);
    r->evidence_due = 0;
}

// Answers as many words from `first` on as fit, and the numbers of the oldest kept and of the newest.
err_t evidence_show(struct message *m)
{
    const struct system *s = the_system;
    uint64_t number = m->words[0], first = m->words[1];
    uint64_t oldest = s->n_evidence > s->evidence_kept ? s->n_evidence - s->evidence_kept + 1 : 1;
    if (number == 0) number = s->n_evidence;
    if (number > s->n_evidence || number == 0 || first >= EVIDENCE_WORDS) return ERR_NOT_FOUND;
    if (number < oldest) number = oldest;
    uint64_t n = EVIDENCE_WORDS - first < SUPERVISOR_TEXT_WORDS ? EVIDENCE_WORDS - first : SUPERVISOR_TEXT_WORDS;
    const uint64_t *words = (const uint64_t *)&s->evidence[(number - 1) % s->evidence_kept];
    memcpy(&rt_utcb()->words[SUPERVISOR_TEXT_WORD], words + first, n * sizeof(uint64_t));
    m->words[0] = number;
    m->words[1] = n;
    m->words[2] = oldest;
    m->words[3] = s->n_evidence;
    return OK;
}
