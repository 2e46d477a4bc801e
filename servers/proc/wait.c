// SPDX-License-Identifier: MIT
// wait: what a parent can learn of its children, and the waking of those who wait.
//
// Nobody is kept inside a request. A thread without news is marked and told ERR_AGAIN; a child's change signals all
// marked threads of the parent, which ask again.
#include "servers/proc/proc.h"
#include <linux/wait.h>
#include <linux/signal.h>

#define STATUS_CONTINUED 0xffff

void process_times(const struct process *process, struct times *times)
{
    *times = process->own;
    for (const struct thread *thread = process->threads; thread; thread = thread->next)
        times->user_ns += thread_consumed_ns(thread);
}

static void add_times(struct times *to, const struct times *more)
{
    to->user_ns += more->user_ns;
    to->system_ns += more->system_ns;
    to->minor_faults += more->minor_faults;
    to->major_faults += more->major_faults;
    if (to->max_pages < more->max_pages) to->max_pages = more->max_pages;
}

void wait_wake_parent(struct process *child)
{
    if (!child->parent) return;
    for (struct thread *thread = child->parent->threads; thread; thread = thread->next) {
        if (!thread->waits_for_child) continue;
        thread->waits_for_child = 0;
        thread_wake(thread);
    }
}

void wait_vfork_done(struct process *child)
{
    if (!child->made_by_vfork || !child->parent) return;
    child->made_by_vfork = 0;
    for (struct thread *thread = child->parent->threads; thread; thread = thread->next) {
        if (thread->waits_for_vfork != child->pid) continue;
        thread->waits_for_vfork = 0;
        thread_wake(thread);
    }
}

static bool is_meant(const struct process *parent, const struct process *child, int32_t which)
{
    if (which > 0) return child->pid == (uint32_t)which;
    if (which == -1) return true;
    return child->pgid == (which == 0 ? parent->pgid : (uint32_t)-which);
}

// What this child has to tell. False: nothing that was asked for.
static bool news_of(const struct process *child, uint64_t options, uint32_t *status)
{
    if (child->life == PROCESS_ZOMBIE && options & WEXITED)
        *status = child->status;
    else if (child->life == PROCESS_LIVE && child->report_stop && options & WSTOPPED)
        *status = child->stop_signal << 8 | 0x7f;
    else if (child->life == PROCESS_LIVE && child->report_continue && options & WCONTINUED)
        *status = STATUS_CONTINUED;
    else
        return false;
    return true;
}

static void consume(struct process *parent, struct process *child)
{
    child->report_stop = 0;
    child->report_continue = 0;
    if (child->life != PROCESS_ZOMBIE) return;
    add_times(&parent->children, &child->own);
    add_times(&parent->children, &child->children);
    process_free(child);
}

static void report(struct process *child, uint32_t status, struct answer *answer)
{
    struct times times;
    process_times(child, &times);
    if (child->life == PROCESS_ZOMBIE) add_times(&times, &child->children);
    rusage_words(&times, answer);
    answer->words[0] = child->pid;
    answer->words[1] = status;
    answer->words[2] = child->ids.uid;
}

err_t proc_wait(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[3]) : NULL;
    if (!thread) return ERR_INVALID;
    int32_t which = (int32_t)request->words[0];
    uint64_t options = request->words[1];
    bool any = false;
    for (struct process *child = process->first_child; child; child = child->next_sibling) {
        uint32_t status;
        if (!is_meant(process, child, which)) continue;
        any = true;
        if (!news_of(child, options, &status)) continue;
        report(child, status, answer);
        if (!(request->words[2] & PROC_WAIT_NO_REAP)) consume(process, child);
        thread->waits_for_child = 0;
        return OK;
    }
    if (!any) return ERR_LINUX(ECHILD);
    answer->n_words = 1;
    answer->words[0] = 0;
    if (options & WNOHANG) return OK;
    thread->waits_for_child = 1;
    return ERR_AGAIN;
}

err_t proc_wait_vfork(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    const struct process *child = process_by_pid(request->words[1]);
    if (!child || child->parent != process || !child->made_by_vfork) return OK;
    thread->waits_for_vfork = child->pid;
    return ERR_AGAIN;
}
