// SPDX-License-Identifier: MIT
// /proc/bulkhead: what proc's memory and kernel objects are used for, the system's components, and killing one of them.
//
// A kill names the instance by how often the component had been started when the request ran, so that the effect,
// performed again after a restart of our own, does not hit its successor.
#include "servers/proc/procfs.h"
#include "protocols/supervisor.h"

#define COMPONENT_INFO_WORDS 8  // of SUPERVISOR_LIST's answer, where the name begins

void make_ledger(struct text *text, struct process *process)
{
    (void)process;
    uint32_t sessions = 0;
    for_each_process(each) for (unsigned i = 0; i < SERVERS; i++) sessions += each->sessions[i] != 0;
    text_add(text, "pages_total %u\npages_free %u\n", state->pages.n, state->pages.n_free);
    text_add(text, "blocks_total %u\nblocks_free %u\nblock_kib %u\n", state->n_blocks, state->n_free_blocks,
             1u << (BLOCK_BITS - 10));
    text_add(text, "slots_total %u\nslots_free %u\n", rt_info()->cspace_slots - SLOT_DYNAMIC, slots_free());
    text_add(text, "processes %u\nthreads %u\nkits %u\nspaces %u\nsessions %u\n", state->processes.n_used,
             state->threads.n_used, state->kits.n_used, state->spaces.n_used, sessions);
    text_add(text, "regions %u\nchunks %u\nsources %u\nshared_memory %u\nsignals %u\n", state->regions.n_used,
             state->chunks.n_used, state->sources.n_used, state->shareds.n_used, state->signals.n_used);
    text_add(text, "open_files %u\nforks %lu\n", state->io.descriptions.n_used, state->forks);
}

bool component_look_up(uint64_t index, struct component *component)
{
    struct message m = {.info = INFO(SUPERVISOR_LIST, 1, 0), .words = {index}};
    if (ipc_call(SLOT_SUPERVISOR, &m) != OK) return false;
    *component = (struct component){
        .state = m.words[0], .starts = m.words[1], .memory_bytes = m.words[2], .renewals = m.words[3]};
    memcpy(component->name, &rt_utcb()->words[COMPONENT_INFO_WORDS], COMPONENT_NAME);
    component->name[COMPONENT_NAME - 1] = 0;
    return true;
}

void make_components(struct text *text, struct process *process)
{
    (void)process;
    struct component component;
    for (uint64_t index = 0; component_look_up(index, &component); index++)
        text_add(text, "%lu %s state %lu starts %lu renewals %lu memory %lu\n", index, component.name, component.state,
                 component.starts, component.renewals, component.memory_bytes);
}

// What the components had in use when they answered their latest heartbeat.
void make_usage(struct text *text, struct process *process)
{
    (void)process;
    for (uint64_t index = 0;; index++) {
        struct message m = {.info = INFO(SUPERVISOR_SHOW, 1, 0), .words = {index}};
        if (ipc_call(SLOT_SUPERVISOR, &m) != OK) return;
        struct component_status status;
        memcpy(&status, &rt_utcb()->words[SUPERVISOR_TEXT_WORD], sizeof status);
        const uint64_t *usage = status.usage;
        text_add(text, "%s slots %lu descriptions %lu chunks %lu threads %lu waiters %lu\n", status.name,
                 usage[USAGE_SLOTS], usage[USAGE_DESCRIPTIONS], usage[USAGE_CHUNKS], usage[USAGE_THREADS],
                 usage[USAGE_WAITERS]);
    }
}

// All that the supervisor tells of each component, a line each of names and values.
void make_status(struct text *text, struct process *process)
{
    (void)process;
    for (uint64_t index = 0;; index++) {
        struct message m = {.info = INFO(SUPERVISOR_SHOW, 1, 0), .words = {index}};
        if (ipc_call(SLOT_SUPERVISOR, &m) != OK) return;
        struct component_status s;
        memcpy(&s, &rt_utcb()->words[SUPERVISOR_TEXT_WORD], sizeof s);
        text_add(text, "%s index %lu state %u starts %lu last_death %u", s.name, index, s.state, s.starts,
                 s.last_death);
        text_add(text, " now %lu started %lu ready %lu recovery %lu recovery_max %lu", s.now_ns, s.started_ns,
                 s.ready_ns, s.recovery_ns, s.recovery_max_ns);
        text_add(text, " memory %lu used %lu cpu %lu beat_age %lu evidence %lu deaths", s.memory_bytes,
                 s.usage[USAGE_BYTES], s.cpu_ns, s.beat_age_ns, s.evidence);
        for (unsigned i = 0; i < COMPONENT_DEATHS; i++) text_add(text, "%s%lu", i ? "," : " ", s.deaths[i]);
        text_add(text, "\n");
    }
}

// What the manifest gives each component: "NAME calls PEER" and so on.
void make_grants(struct text *text, struct process *process)
{
    (void)process;
    static const char *const verbs[] = {
        [COMPONENT_CAP_CALL] = "calls",  [COMPONENT_CAP_MINT] = "mints",     [COMPONENT_CAP_SIGNAL] = "signals",
        [COMPONENT_CAP_IRQ] = "irq",     [COMPONENT_CAP_IOPORT] = "ioports", [COMPONENT_CAP_FRAMES] = "bundle",
        [COMPONENT_CAP_TABLE] = "table",
    };
    struct component component;
    for (uint64_t index = 0; component_look_up(index, &component); index++)
        for (uint64_t n = 0;; n++) {
            struct message m = {.info = INFO(SUPERVISOR_GRANT, 2, 0), .words = {index, n}};
            if (ipc_call(SLOT_SUPERVISOR, &m) != OK) break;
            const char *name = (const char *)&rt_utcb()->words[SUPERVISOR_TEXT_WORD];
            uint64_t kind = m.words[0], detail = m.words[2];
            text_add(text, "%s %s ", component.name, kind < sizeof verbs / sizeof verbs[0] ? verbs[kind] : "?");
            if (kind == COMPONENT_CAP_IOPORT)
                text_add(text, "0x%lx+%lu\n", detail & 0xffff, detail >> 16);
            else if (kind == COMPONENT_CAP_IRQ)
                text_add(text, "%lu\n", detail);
            else
                text_add(text, "%s\n", name);
        }
}

// What the kernel and the components have logged, as far back as the kernel keeps it.
void make_log(struct text *text, struct process *process)
{
    (void)process;
    for (uint64_t position = 0, n = 1; n > 0 && text->n < text->room;) {
        struct message m = {.words = {position, sizeof rt_utcb()->words}};
        if (rt_invoke(SLOT_LOG, LOG_READ, 2, &m) != OK) return;
        position = m.words[0];
        n = m.words[1];
        const uint64_t *words = rt_utcb()->words;
        for (uint64_t i = 0; i < n && text->n < text->room; i++) {
            uint64_t word = 2 + i / 8;
            text->to[text->n++] = (char)((word < MSG_REGISTERS ? m.words[word] : words[word]) >> i % 8 * 8);
        }
    }
}

// The component of this name dies at once; the supervisor does with it what its manifest says.
err_t store_kill(const char *value, size_t bytes)
{
    while (bytes > 0 && value[bytes - 1] == '\n') bytes--;
    struct component component;
    for (uint64_t index = 0; component_look_up(index, &component); index++) {
        if (strlen(component.name) != bytes || memcmp(component.name, value, bytes) != 0) continue;
        server_effect(EFFECT_KILL, index, component.starts, 0);
        return OK;
    }
    return ERR_LINUX(ENOENT);
}

// A flat image for the next update, in order from offset 0. Saying it twice is harmless, so it is said at once.
err_t store_image(uint64_t offset, const char *bytes, size_t n)
{
    for (size_t done = 0, piece; done < n; done += piece) {
        piece = n - done < SUPERVISOR_STAGE_BYTES ? n - done : SUPERVISOR_STAGE_BYTES;
        struct message m = {.info = INFO(SUPERVISOR_STAGE, MSG_WORDS, 0), .words = {offset + done, piece}};
        memcpy(&rt_utcb()->words[MSG_REGISTERS], bytes + done, piece);
        err_t err = ipc_call(SLOT_SUPERVISOR, &m);
        if (err != OK)
            return err == ERR_LIMIT ? ERR_LINUX(EFBIG) : err == ERR_BUSY ? ERR_LINUX(EBUSY) : ERR_LINUX(EINVAL);
    }
    return OK;
}

static bool is_word(const char *text, const char *end, const char *word)
{
    return strlen(word) == (size_t)(end - text) && memcmp(text, word, strlen(word)) == 0;
}

// "COMPONENT staged|same|bundle": go on with the staged image, the one that runs, or the one of the boot.
err_t store_update(const char *value, size_t bytes)
{
    static const char *const images[] = {
        [UPDATE_SAME] = "same", [UPDATE_STAGED] = "staged", [UPDATE_BUNDLE] = "bundle"};
    const char *end = value + bytes, *space = memchr(value, ' ', bytes);
    if (!space) return ERR_LINUX(EINVAL);
    while (end > space && end[-1] == '\n') end--;
    struct component component;
    for (uint64_t index = 0; component_look_up(index, &component); index++)
        for (unsigned what = 0; what < sizeof images / sizeof images[0]; what++)
            if (is_word(value, space, component.name) && is_word(space + 1, end, images[what])) {
                server_effect(EFFECT_UPDATE, index, what, 0);
                return OK;
            }
    return ERR_LINUX(ENOENT);
}

// A component that is being updated refuses to be, so that asking twice does no more than once.
void effect_update(uint64_t index, uint64_t what, uint64_t c)
{
    (void)c;
    struct message m = {.info = INFO(SUPERVISOR_UPDATE, 2, 0), .words = {index, what}};
    err_t err = ipc_call(SLOT_SUPERVISOR, &m);
    struct component component;
    if (err != OK && component_look_up(index, &component))
        log_line("%s is not updated: %s", component.name, err_name(err));
}

void effect_kill(uint64_t index, uint64_t starts, uint64_t c)
{
    (void)c;
    struct component component;
    if (!component_look_up(index, &component) || component.starts != starts) return;
    log_line("killing %s, as was asked for in /proc/bulkhead/kill", component.name);
    struct message m = {.info = INFO(SUPERVISOR_KILL, 2, 0), .words = {index, starts}};
    (void)ipc_call(SLOT_SUPERVISOR, &m);
}
