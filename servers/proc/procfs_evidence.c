// SPDX-License-Identifier: MIT
// /proc/bulkhead/evidence: what the supervisor has kept of deaths, the newest last.
#include "servers/proc/procfs.h"
#include "protocols/evidence.h"
#include "protocols/supervisor.h"

static const char *death_name(uint32_t death)
{
    static const char *const names[COMPONENT_DEATHS] = {"none",    "kill",    "exit", "fault", "hang",
                                                        "overrun", "ceiling", "plan", "doubt", "renewal"};
    return death < COMPONENT_DEATHS ? names[death] : "?";
}

// The evidence of this number, or the oldest that is kept. False: there is none so new.
static bool fetch(uint64_t number, struct evidence *evidence)
{
    for (uint64_t at = 0; at < EVIDENCE_WORDS;) {
        struct message m = {.info = INFO(SUPERVISOR_EVIDENCE, 2, 0), .words = {number, at}};
        if (ipc_call(SLOT_SUPERVISOR, &m) != OK || m.words[1] > EVIDENCE_WORDS - at) return false;
        if (m.words[0] != number && at > 0) return false;  // it has been overwritten meanwhile
        number = m.words[0];
        memcpy((uint64_t *)evidence + at, &rt_utcb()->words[SUPERVISOR_TEXT_WORD], m.words[1] * sizeof(uint64_t));
        at += m.words[1];
    }
    return evidence->n_trace <= TRACE_ENTRIES && evidence->n_stack <= EVIDENCE_STACK_WORDS;
}

static void add_registers(struct text *text, const struct thread_registers *r)
{
    text_add(text, "rip %016lx rsp %016lx flags %08lx\n", r->pc, r->sp, r->flags);
    text_add(text, "rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
    text_add(text, "rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
    text_add(text, "r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
    text_add(text, "r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
}

static void add_message(struct text *text, const struct trace_entry *t)
{
    text_add(text, "message %lu us event %u label %x from %lx word %lx %s\n", t->time_ns / 1000, t->event, t->label,
             t->badge, t->word, t->err == TRACE_RUNS ? "was running" : err_name(t->err));
}

void make_evidence(struct text *text, struct process *process)
{
    (void)process;
    struct evidence e;
    for (uint64_t number = 1; fetch(number, &e); number = e.number + 1) {
        text_add(text, "evidence %lu: %s, start %u, ended by %s at %lu us\n", e.number, e.name, e.starts,
                 death_name(e.death), e.at_ns / 1000);
        text_add(text, "fault kind %lu address %lx code %lx\n", e.fault[FAULT_WORD_KIND], e.fault[FAULT_WORD_ADDRESS],
                 e.fault[FAULT_WORD_CODE]);
        add_registers(text, &e.registers);
        for (uint64_t i = 0; i < e.n_stack; i++)
            text_add(text, "%s%016lx%s", i % 4 == 0 ? "stack " : " ", e.stack[i],
                     i % 4 == 3 || i + 1 == e.n_stack ? "\n" : "");
        for (uint64_t i = 0; i < e.n_trace; i++) add_message(text, &e.trace[i]);
    }
}
