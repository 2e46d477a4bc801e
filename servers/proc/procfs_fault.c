// SPDX-License-Identifier: MIT
// /proc/bulkhead/fault: faults to order from the supervisor, a line each, and what became of the latest ones.
//
//   COMPONENT kill SITE [next]               end the instance when it is about to run this instruction
//   COMPONENT patch SITE BYTES [next]        put these bytes (hexadecimal) in the place of the instruction
//   COMPONENT register SITE NUMBER MASK      invert bits of a register there (its place in struct thread_registers)
//   COMPONENT hang [SITE]                    stand still there, or at once
//   COMPONENT store ADDRESS BYTES            change data, stack or vault at once
//   COMPONENT flip ADDRESS MASK              invert bits of a word of them at once
//   COMPONENT sweep FIRST END                end it at every instruction from FIRST to END, each once
//   COMPONENT cover FIRST END                log each of them when it is reached first
//   COMPONENT clear                          forget all these, and the failures that they brought about
//
// `next` means the next instance, so that a recovery is hit. The handler checks and numbers the orders and puts them into
// the vault; the effect passes them on, and the supervisor takes each number once, however often the effect is performed.
#include "servers/proc/procfs.h"
#include "protocols/faults.h"
#include "protocols/manifest.h"
#include "protocols/supervisor.h"

#define WORDS_OF_LINE 5
#define COMPONENTS_MOST (MANIFEST_COMPONENTS + 2)  // and the twins

static const char *const kinds[] = {
    [FAULT_KILL] = "kill",   [FAULT_PATCH] = "patch", [FAULT_REGISTER] = "register",
    [FAULT_HANG] = "hang",   [FAULT_STORE] = "store", [FAULT_FLIP] = "flip",
    [FAULT_SWEEP] = "sweep", [FAULT_CLEAR] = "clear", [FAULT_COVER] = "cover",
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

// --- reading

static const char *kind_name(uint64_t what)
{
    unsigned kind = FAULT_ORDER_KIND(what);
    return kind < N_KINDS && kinds[kind] ? kinds[kind] : "?";
}

void make_faults(struct text *text, struct process *process)
{
    (void)process;
    static const char *const states[] = {"refused", "waiting", "armed", "done", "missed"};
    uint64_t last = state->n_faults, first = last > FAULTS_SHOWN ? last - FAULTS_SHOWN + 1 : 1;
    for (uint64_t number = first; number <= last; number++) {
        struct message m = {.info = INFO(SUPERVISOR_FAULTS, 1, 0), .words = {number}};
        struct component component = {0};
        if (ipc_call(SLOT_SUPERVISOR, &m) != OK) continue;
        uint64_t what = m.words[0], address = m.words[1], at = m.words[2], ns = m.words[3], hits = m.words[4];
        err_t err = (err_t)m.words[5];
        if (!component_look_up(FAULT_ORDER_INDEX(what), &component)) continue;
        text_add(text, "%lu %s %s 0x%lx %s hits %lu ns %lu start %u %s\n", number, component.name, kind_name(what),
                 address, at < sizeof states / sizeof states[0] ? states[at] : "?", hits, ns, FAULT_ORDER_STARTS(what),
                 err_name(err));
    }
}

// --- writing

// The words of a line, 0-terminated in place. Returns how many; more than there is room for are counted, not kept.
static unsigned split(char *line, char *words[WORDS_OF_LINE])
{
    unsigned n = 0;
    for (char *p = line; *p; n++) {
        while (*p == ' ') p++;
        if (!*p) break;
        if (n < WORDS_OF_LINE) words[n] = p;
        while (*p && *p != ' ') p++;
        if (*p) *p++ = '\0';
    }
    return n;
}

static bool number_of(const char *word, uint64_t *number)
{
    const char *end;
    *number = string_to_number(word, &end);
    return end != word && *end == '\0';
}

// Hexadecimal digits as bytes. Returns their number, 0 when they are none or too many.
static unsigned bytes_of(const char *word, uint8_t bytes[FAULT_DATA_BYTES])
{
    size_t digits = strlen(word);
    if (digits % 2 != 0 || digits > 2 * FAULT_DATA_BYTES) return 0;
    for (size_t i = 0; i < digits; i += 2) {
        const char pair[] = {'0', 'x', word[i], word[i + 1], '\0'};
        uint64_t byte;
        if (!number_of(pair, &byte) || word[i] == 'x') return 0;
        bytes[i / 2] = (uint8_t)byte;
    }
    return (unsigned)digits / 2;
}

// What stands behind the kind, as the kind wants it.
static bool parse_arguments(struct fault_to_order *order, enum fault_kind kind, unsigned n, char *const words[],
                            unsigned *n_bytes)
{
    bool has_address = n == 0 || number_of(words[0], &order->address);
    switch (kind) {
    case FAULT_KILL: return n == 1 && has_address;
    case FAULT_HANG: return n <= 1 && has_address;
    case FAULT_PATCH:
    case FAULT_STORE: return n == 2 && has_address && (*n_bytes = bytes_of(words[1], (uint8_t *)order->data)) > 0;
    case FAULT_REGISTER:
        return n == 3 && has_address && number_of(words[1], &order->data[0]) && number_of(words[2], &order->data[1]);
    case FAULT_FLIP:
    case FAULT_SWEEP:
    case FAULT_COVER: return n == 2 && has_address && number_of(words[1], &order->data[0]);
    case FAULT_CLEAR: return n == 0;
    }
    return false;
}

// Names do not change, so they are asked for once: faults of the supervisor are ordered here, too.
static bool find_component(const char *name, uint64_t *index)
{
    static char names[COMPONENTS_MOST][COMPONENT_NAME];
    static uint64_t n;
    for (bool asked = false;; asked = true) {
        for (*index = 0; *index < n; ++*index)
            if (strcmp(names[*index], name) == 0) return true;
        if (asked) return false;
        struct component component;
        for (n = 0; n < COMPONENTS_MOST && component_look_up(n, &component); n++)
            memcpy(names[n], component.name, COMPONENT_NAME);
    }
}

static err_t parse(char *line, struct fault_to_order *order)
{
    char *words[WORDS_OF_LINE];
    unsigned n = split(line, words), kind = 0, n_bytes = 0;
    if (n < 2 || n > WORDS_OF_LINE) return ERR_LINUX(EINVAL);
    bool next = n > 2 && strcmp(words[n - 1], "next") == 0;
    n -= next;
    while (kind < N_KINDS && (!kinds[kind] || strcmp(kinds[kind], words[1]) != 0)) kind++;
    *order = (struct fault_to_order){0};
    if (kind == N_KINDS || !parse_arguments(order, kind, n - 2, words + 2, &n_bytes)) return ERR_LINUX(EINVAL);
    struct component component = {0};
    uint64_t index;
    if (!find_component(words[0], &index) || (next && !component_look_up(index, &component))) return ERR_LINUX(ENOENT);
    order->what = FAULT_ORDER(kind, index, n_bytes, next ? component.starts + 1 : 0);
    return OK;
}

err_t store_faults(const char *value, size_t bytes)
{
    static char text[PAGE_SIZE + 1];
    unsigned n = 0;
    memcpy(text, value, bytes);
    text[bytes] = '\0';
    for (char *line = text, *end; *line; line = end) {
        end = strchr(line, '\n');
        end = end ? end : line + strlen(line);
        if (*end) *end++ = '\0';
        if (n == FAULTS_A_WRITE) return ERR_LINUX(E2BIG);
        err_t err = parse(line, &state->faults[n]);
        if (err != OK) return err;
        n++;
    }
    for (unsigned i = 0; i < n; i++) state->faults[i].number = ++state->n_faults;
    if (n > 0) server_effect(EFFECT_FAULTS, n, 0, 0);
    return OK;
}

// What is refused is seen by those who read.
void effect_faults(uint64_t n, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    for (uint64_t i = 0; i < n; i++) {
        const struct fault_to_order *order = &state->faults[i];
        struct component component = {0};
        (void)component_look_up(FAULT_ORDER_INDEX(order->what), &component);
        log_line("fault %lu: %s %s %lx", order->number, component.name, kind_name(order->what), order->address);
        struct message m = {
            .info = INFO(SUPERVISOR_FAULT, 6, 0),
            .words = {order->number, order->what, order->address, order->data[0], order->data[1], order->data[2]}};
        (void)ipc_call(SLOT_SUPERVISOR, &m);
    }
}
