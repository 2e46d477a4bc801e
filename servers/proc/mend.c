// SPDX-License-Identifier: MIT
// What follows from other things, made anew by the audit (audit.c): buckets of pids, the tree of processes, timers, and where
// their pages are. Only what is there already is written again where all is well.
//
// A process that has no space any more cannot go on: it is left without, and ended by exits_look_again().
#include "servers/proc/proc.h"
#include "lib/server/audit.h"

static void mend_buckets(void)
{
    memset(state->pid_buckets, 0, sizeof state->pid_buckets);
    memset(state->tid_buckets, 0, sizeof state->tid_buckets);
    for_each (process, process, &state->processes) {
        struct process **bucket = &state->pid_buckets[process->pid % PID_BUCKETS];
        process->pid_next = *bucket;
        *bucket = process;
        if (process->pid == 1) state->init = process;
    }
    for_each (thread, thread, &state->threads) {
        struct thread **bucket = &state->tid_buckets[thread->tid % PID_BUCKETS];
        thread->tid_next = *bucket;
        *bucket = thread;
    }
}

// --- the tree

static bool is_process(const struct process *process) { return process && table_holds(&state->processes, process); }

// How many children the list has; -1: it does not hold together.
static int children_of(const struct process *parent)
{
    int n = 0;
    const struct process *previous = NULL, *child = parent->first_child;
    for (; child; previous = child, child = child->next_sibling)
        if (!is_process(child) || child->parent != parent || child->previous_sibling != previous ||
            ++n > (int)state->processes.n_used)
            return -1;
    return parent->last_child == previous ? n : -1;
}

static bool tree_holds(void)
{
    int n = 0;
    for_each (process, process, &state->processes) {
        int n_children = children_of(process);
        if (n_children < 0 || (!process->parent && process != state->init)) return false;
        n += n_children - (process->parent != NULL);
    }
    return n == 0;
}

// Among its parent's children, by age.
static void put_into_tree(struct process *process)
{
    struct process *parent = process->parent, *before = parent->last_child;
    while (before && before->start_ns > process->start_ns) before = before->previous_sibling;
    process->previous_sibling = before;
    process->next_sibling = before ? before->next_sibling : parent->first_child;
    *(before ? &before->next_sibling : &parent->first_child) = process;
    *(process->next_sibling ? &process->next_sibling->previous_sibling : &parent->last_child) = process;
}

static void mend_tree(void)
{
    if (tree_holds()) return;
    log_line("the tree of processes was damaged");
    for_each (process, process, &state->processes)
        process->first_child = process->last_child = process->next_sibling = process->previous_sibling = NULL;
    for_each (process, process, &state->processes) {
        if (process == state->init)
            process->parent = NULL;
        else if (!is_process(process->parent) || process->parent == process)
            process->parent = state->init;
        if (process->parent) put_into_tree(process);
    }
}

static void mend_timers(void)
{
    state->timers = NULL;
    for_each (process, process, &state->processes) {
        if (!process->timer_deadline_ns) continue;
        struct process **link = &state->timers;
        while (*link && (*link)->timer_deadline_ns <= process->timer_deadline_ns) link = &(*link)->timer_next;
        process->timer_next = *link;
        *link = process;
    }
}

// --- pages: they stand in the space where the areas are

static void mend_pages(struct process *process)
{
    struct space *space = process->space;
    process->page = space ? space_see(space, PROCESS_AREA(process->area)) : NULL;
    if (!process->page) process->space = NULL;
    process->n_threads = 0;
    for (struct thread *thread = process->threads; thread; thread = thread->next) {
        process->n_threads++;
        thread->page = space ? space_see(space, THREAD_AREA(thread->area) + THREAD_AREA_PAGE) : NULL;
        if (!thread->page) process->space = NULL;
    }
}

void mend_links(void)
{
    mend_buckets();
    mend_tree();
    mend_timers();
    for_each (process, process, &state->processes)
        if (process->life == PROCESS_LIVE) mend_pages(process);
}
