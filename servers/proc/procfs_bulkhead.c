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
    text_add(text, "blocks_total %u\nblocks_free %u\n", state->n_blocks, state->n_free_blocks);
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
    *component = (struct component){.state = m.words[0], .starts = m.words[1], .memory_bytes = m.words[2]};
    memcpy(component->name, &rt_utcb()->words[COMPONENT_INFO_WORDS], COMPONENT_NAME);
    component->name[COMPONENT_NAME - 1] = 0;
    return true;
}

void make_components(struct text *text, struct process *process)
{
    (void)process;
    struct component component;
    for (uint64_t index = 0; component_look_up(index, &component); index++)
        text_add(text, "%lu %s state %lu starts %lu memory %lu\n", index, component.name, component.state,
                 component.starts, component.memory_bytes);
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

void effect_kill(uint64_t index, uint64_t starts, uint64_t c)
{
    (void)c;
    struct component component;
    if (!component_look_up(index, &component) || component.starts != starts) return;
    log_line("killing %s, as was asked for in /proc/bulkhead/kill", component.name);
    struct message m = {.info = INFO(SUPERVISOR_KILL, 1, 0), .words = {index}};
    (void)ipc_call(SLOT_SUPERVISOR, &m);
}
