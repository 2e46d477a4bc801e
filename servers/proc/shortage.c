// SPDX-License-Identifier: MIT
// What happens when something runs short: a part is root's, who has most memory ends, a crowd runs behind the others.
//
// Kernel objects come from blocks, contents from pages. Ordinary users get no new process or thread once an eighth of
// the blocks, pages or process records is left, and no new page once a sixty-fourth of the pages is: root can still
// look around and kill. Whoever needs a page when there is none asks again after the process with most pages, which
// need not be itself, has ended; what a dead space still holds is waited for first. A user with many threads is a
// crowd: it has the processor when nobody else wants it, so that a fork bomb does not keep others waiting for its
// thousand slices.
#include "servers/proc/proc.h"
#include <linux/signal.h>

#define ROOT_PART 8         // of blocks, pages, records: for new processes
#define ROOT_PAGES_PART 64  // of pages: for pages
#define ROOT_HAS_HALF 2     // root's processes count for less
#define CROWD 16            // threads of one user; below half of that it is none any more
#define CROWD_A_STEP 64     // processes whose priority changes at a time

bool kept_for_root(const struct process *process)
{
    const struct pages *pages = &state->pages;
    return process->ids.euid != 0 &&
           (state->n_free_blocks < state->n_blocks / ROOT_PART || pages->n_free < pages->n / ROOT_PART ||
            state->processes.n_used > state->processes.n_records - state->processes.n_records / ROOT_PART);
}

bool pages_kept_for_root(const struct process *process)
{
    return process->ids.euid != 0 && state->pages.n_free < state->pages.n / ROOT_PAGES_PART;
}

// Pages that may come free when the process ends.
static uint64_t pages_of(const struct process *process)
{
    uint64_t n = process->space->pages.n_pages;
    const struct shared *last = NULL;
    for (const struct region *region = process->space->regions; region; region = region->next) {
        if (region->shared && region->shared != last) n += region->shared->pages.n_pages;
        last = region->shared;
    }
    return process->ids.uid == 0 ? n / ROOT_HAS_HALF : n;
}

static struct process *biggest(void)
{
    struct process *found = NULL;
    uint64_t most = 0;
    for_each_process(process)
    {
        if (process->life != PROCESS_LIVE || process == state->init) continue;
        uint64_t n = pages_of(process);
        if (found && n <= most) continue;
        found = process;
        most = n;
    }
    return found;
}

bool memory_make_room(struct process *needs)
{
    if (space_reap()) {
        more_work();
        return true;
    }
    struct process *victim = biggest();
    if (!victim) victim = needs;
    log_line("out of memory (%u of %u pages, %u of %u blocks free): process %u (%s) of user %u ends",
             state->pages.n_free, state->pages.n, state->n_free_blocks, state->n_blocks, victim->pid, victim->comm,
             victim->ids.uid);
    bool itself = victim == needs;
    process_exit(victim, SIGKILL);
    return !itself;
}

void crowd_update(uint32_t uid)
{
    uint32_t n = 0, changes = 0;
    for_each_process(process) n += process->ids.uid == uid ? process->n_threads : 0;
    for_each_process(process)
    {
        if (process->ids.uid != uid || process->life != PROCESS_LIVE || changes == CROWD_A_STEP) continue;
        uint32_t crowded = uid != 0 && n >= (process->crowded ? CROWD / 2 : CROWD);
        if (process->crowded == crowded) continue;
        process->crowded = crowded;
        apply_nice(process);
        changes++;
    }
}
