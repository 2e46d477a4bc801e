// SPDX-License-Identifier: MIT
// Signals: what becomes of one that is sent, and of those that wait.
//
// Rules:
//  - Which signals a process catches and ignores and what its threads block stands in pages that the process writes
//    itself. They are read anew each time; a process that lies in them harms only itself.
//  - Default actions are carried out here, at once when some thread does not block the signal. Only caught signals
//    become events; liblinux then asks for them with PROC_SIGNAL_TAKE. SIGKILL never asks.
//  - A signal below SIGRTMIN is pending once; others queue up, each with its siginfo.
//  - Signals may be for any number of processes at once, and what a step can do after its commit is bounded. What is too
//    much for one is pending, and sent once more in later steps (signals_send_later()).
//  - The first process has no default actions, as on Linux.
#include "servers/proc/proc.h"
#include <linux/signal.h>
#include <linux/resource.h>

#define FIRST_REAL_TIME 32
#define THREADS_A_STEP 16  // of processes that are sent signals
#define UNSTOPPABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define STOP_SIGNALS (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define IGNORED_BY_DEFAULT (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT))
#define SYNCHRONOUS \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGFPE) | \
     SIGNAL_BIT(SIGSYS))

enum action { ACTION_IGNORE, ACTION_CATCH, ACTION_END, ACTION_STOP };

static enum action action_of(const struct process *process, int signal)
{
    uint64_t bit = SIGNAL_BIT(signal);
    if (!(bit & UNSTOPPABLE) && process->page->caught & bit) return ACTION_CATCH;
    if (!(bit & UNSTOPPABLE) && process->page->ignored & bit) return ACTION_IGNORE;
    if (bit & IGNORED_BY_DEFAULT || process == state->init) return ACTION_IGNORE;
    return bit & STOP_SIGNALS ? ACTION_STOP : ACTION_END;
}

static uint64_t blocked(const struct thread *thread) { return thread->page->blocked & ~UNSTOPPABLE; }

// --- the queue

void signal_queue_drop(struct signal_queue *queue, uint64_t set)
{
    if (!(queue->pending & set)) return;
    queue->pending &= ~set;
    struct queued_signal *last = NULL;
    for (struct queued_signal **link = &queue->first; *link;) {
        struct queued_signal *info = *link;
        if (!(SIGNAL_BIT(info->signal) & set)) {
            last = info;
            link = &info->next;
            continue;
        }
        *link = info->next;
        table_free(&state->signals, info);
    }
    queue->last = last;
}

static bool queue_add(struct process *process, struct signal_queue *queue, const struct queued_signal *info)
{
    uint64_t bit = SIGNAL_BIT(info->signal);
    bool real_time = info->signal >= FIRST_REAL_TIME;
    if (!real_time && queue->pending & bit) return true;
    bool allowed = !real_time || state->signals.n_used < process->limits[RLIMIT_SIGPENDING][0];
    struct queued_signal *record = allowed ? table_new(&state->signals) : NULL;
    if (!record && real_time && info->code != SI_USER) return false;
    queue->pending |= bit;
    if (!record) return true;
    *record = *info;
    record->next = NULL;
    if (queue->last)
        queue->last->next = record;
    else
        queue->first = record;
    queue->last = record;
    return true;
}

// Take the first signal of this number. One that was noted without a record has no siginfo.
static void queue_take(struct signal_queue *queue, int signal, struct queued_signal *info)
{
    *info = (struct queued_signal){.signal = signal, .code = SI_USER};
    struct queued_signal *previous = NULL, *found = NULL;
    bool more = false;
    for (struct queued_signal *at = queue->first, *before = NULL; at; before = at, at = at->next) {
        if (at->signal != signal) continue;
        if (found) {
            more = true;
            break;
        }
        found = at;
        previous = before;
    }
    if (!more) queue->pending &= ~SIGNAL_BIT(signal);
    if (!found) return;
    *info = *found;
    if (previous)
        previous->next = found->next;
    else
        queue->first = found->next;
    if (queue->last == found) queue->last = previous;
    table_free(&state->signals, found);
}

// --- stopping and continuing

static void drop_everywhere(struct process *process, uint64_t set)
{
    signal_queue_drop(&process->signals, set);
    for (struct thread *thread = process->threads; thread; thread = thread->next)
        signal_queue_drop(&thread->signals, set);
}

static void process_stop(struct process *process, int signal)
{
    if (process->stopped) return;
    process->stopped = 1;
    process->stop_signal = (uint32_t)signal;
    process->report_stop = 1;
    process->report_continue = 0;
    for (struct thread *thread = process->threads; thread; thread = thread->next) thread_event_later(thread);
    if (process->parent && !(process->parent->page->child_flags & SA_NOCLDSTOP))
        signal_child(process, CLD_STOPPED, signal);
    wait_wake_parent(process);
}

static void process_continue(struct process *process)
{
    drop_everywhere(process, STOP_SIGNALS);
    if (!process->stopped) return;
    process->stopped = 0;
    process->report_stop = 0;
    process->report_continue = 1;
    for (struct thread *thread = process->threads; thread; thread = thread->next) {
        if (thread->stopped_call) server_reply_later(thread->stopped_call, ERR_RESTARTED, 0, NULL, 0);
        thread->stopped_call = 0;
        if (process->signals.pending | thread->signals.pending) thread_event_later(thread);
    }
    if (process->parent && !(process->parent->page->child_flags & SA_NOCLDSTOP))
        signal_child(process, CLD_CONTINUED, SIGCONT);
    wait_wake_parent(process);
}

// Stop signals of the terminal do nothing to a group that nobody could continue.
static void stop_by(struct process *process, int signal)
{
    if (signal == SIGSTOP || !process->group_orphaned) process_stop(process, signal);
}

// --- sending

// A thread that would take the signal now: the one asked for, or any of the process, the main thread first.
static struct thread *taker(struct process *process, struct thread *thread, int signal)
{
    uint64_t bit = SIGNAL_BIT(signal);
    if (thread) return blocked(thread) & bit ? NULL : thread;
    struct thread *found = NULL;
    for (struct thread *each = process->threads; each; each = each->next)
        if (!(blocked(each) & bit) && (!found || each->tid == process->pid)) found = each;
    return found;
}

// A thread in rt_sigtimedwait for this signal.
static struct thread *waiter(struct process *process, struct thread *thread, int signal)
{
    for (struct thread *each = process->threads; each; each = each->next)
        if ((!thread || each == thread) && each->page->waited & SIGNAL_BIT(signal)) return each;
    return NULL;
}

static bool send_queued(struct process *process, struct thread *thread, const struct queued_signal *info,
                        struct thread *receiver)
{
    if (!queue_add(process, thread ? &thread->signals : &process->signals, info)) return false;
    if (receiver)
        thread_event_later(receiver);
    else
        process->page->signals_held = 1;
    return true;
}

void signals_note_held(struct process *process)
{
    uint64_t pending = process->signals.pending;
    for (const struct thread *thread = process->threads; thread; thread = thread->next)
        pending |= thread->signals.pending;
    if (pending) process->page->signals_held = 1;
}

static bool send_now(struct process *process, struct thread *thread, const struct queued_signal *info)
{
    int signal = info->signal;
    if (signal == SIGCONT) process_continue(process);
    if (SIGNAL_BIT(signal) & STOP_SIGNALS) drop_everywhere(process, SIGNAL_BIT(SIGCONT));
    if (process->stopped && signal != SIGKILL)  // it waits until the process goes on
        return send_queued(process, thread, info, NULL);
    struct thread *waits = waiter(process, thread, signal);
    if (waits) return send_queued(process, thread, info, waits);
    struct thread *takes = taker(process, thread, signal);
    if (!takes) return send_queued(process, thread, info, NULL);
    switch (action_of(process, signal)) {
    case ACTION_IGNORE: return true;
    case ACTION_END: process_exit(process, (uint32_t)signal); return true;
    case ACTION_STOP: stop_by(process, signal); return true;
    case ACTION_CATCH: break;
    }
    return send_queued(process, thread, info, takes);
}

// May this step act on one more process? A re-run counts anew, and decides the same.
static bool step_takes(const struct process *process)
{
    static uint64_t step;
    static uint32_t n_threads;
    if (step != vault_step()) n_threads = 0;
    step = vault_step();
    if (n_threads > 0 && n_threads + process->n_threads > THREADS_A_STEP) return false;
    n_threads += process->n_threads;
    return true;
}

// A stop and a continue that follow each other are not both kept.
static bool send_later(struct process *process, const struct queued_signal *info)
{
    uint64_t bit = SIGNAL_BIT(info->signal), drop = 0;
    if (bit & SIGNAL_BIT(SIGCONT)) drop = STOP_SIGNALS;
    if (bit & STOP_SIGNALS) drop = SIGNAL_BIT(SIGCONT);
    drop_everywhere(process, drop);
    if (!queue_add(process, &process->signals, info)) return false;
    process->sent_later = (process->sent_later & ~drop) | bit;
    state->signals_later = 1;
    more_work();
    return true;
}

bool signal_send(struct process *process, struct thread *thread, const struct queued_signal *info)
{
    if (process->life != PROCESS_LIVE) return true;
    if (!thread && (process->sent_later || !step_takes(process))) return send_later(process, info);
    return send_now(process, thread, info);
}

static void send_what_was_put_off(struct process *process)
{
    while (process->life == PROCESS_LIVE && process->sent_later) {
        struct queued_signal info;
        int signal = __builtin_ctzll(process->sent_later) + 1;
        process->sent_later &= process->sent_later - 1;
        queue_take(&process->signals, signal, &info);
        (void)send_now(process, NULL, &info);
    }
}

void signals_send_later(void)
{
    if (!state->signals_later) return;
    state->signals_later = 0;
    for_each_process(process)
    {
        if (!process->sent_later) continue;
        if (step_takes(process))
            send_what_was_put_off(process);
        else
            state->signals_later = 1;
    }
}

void signal_fields_kill(struct queued_signal *info, const struct process *sender, int code)
{
    info->code = code;
    info->uid = sender ? sender->ids.uid : 0;
    uint32_t fields[2] = {sender ? sender->pid : 0, info->uid};
    memcpy(info->fields, fields, sizeof fields);
}

void signal_simple(struct process *process, int signal, int code)
{
    struct queued_signal info = {.signal = signal, .code = code};
    (void)signal_send(process, NULL, &info);
}

void signal_group(uint32_t pgid, int signal, int code)
{
    for_each_process(process) if (process->pgid == pgid && process->life == PROCESS_LIVE)
        signal_simple(process, signal, code);
}

void signal_child(struct process *child, int code, int status)
{
    struct process *parent = child->parent;
    if (!parent || parent->life != PROCESS_LIVE) return;
    struct times times;
    process_times(child, &times);
    struct {
        uint32_t pid, uid;
        int32_t status, zero;
        int64_t user_ticks, system_ticks;
    } fields = {child->pid,
                child->ids.uid,
                status,
                0,
                (int64_t)(times.user_ns / 10000000),
                (int64_t)(times.system_ns / 10000000)};
    struct queued_signal info = {.signal = SIGCHLD, .code = code, .uid = child->ids.uid};
    _Static_assert(sizeof fields == sizeof info.fields, "siginfo of SIGCHLD");
    memcpy(info.fields, &fields, sizeof fields);
    (void)signal_send(parent, NULL, &info);
    child->end_told = child->life == PROCESS_ZOMBIE;
}

// --- faults

bool signal_is_fatal_for(const struct thread *thread, int signal)
{
    return signal == SIGKILL || action_of(thread->process, signal) != ACTION_CATCH ||
           blocked(thread) & SIGNAL_BIT(signal);
}

// --- taking

// Synchronous signals first, then the lowest number.
static int choose(uint64_t set)
{
    uint64_t first = set & SYNCHRONOUS ? set & SYNCHRONOUS : set;
    return __builtin_ctzll(first) + 1;
}

bool signal_take(struct thread *thread, uint64_t set, struct queued_signal *info)
{
    struct process *process = thread->process;
    for (;;) {
        uint64_t own = thread->signals.pending & set, shared = process->signals.pending & set;
        if (!(own | shared)) return false;
        int signal = choose(own | shared);
        queue_take(own & SIGNAL_BIT(signal) ? &thread->signals : &process->signals, signal, info);
        if (thread->page->waited & SIGNAL_BIT(signal)) return true;
        switch (action_of(process, signal)) {
        case ACTION_CATCH: return true;
        case ACTION_IGNORE: break;
        case ACTION_END: process_exit(process, (uint32_t)signal); return false;
        case ACTION_STOP:
            stop_by(process, signal);
            if (process->stopped) return false;
            break;
        }
    }
}

void signal_review(struct thread *thread)
{
    struct process *process = thread->process;
    drop_everywhere(process, process->page->ignored & ~UNSTOPPABLE & ~blocked(thread));
    uint64_t ready = (thread->signals.pending | process->signals.pending) & ~blocked(thread);
    for (; ready; ready &= ready - 1) {
        int signal = __builtin_ctzll(ready) + 1;
        if (action_of(process, signal) != ACTION_CATCH) {
            struct queued_signal info;
            (void)signal_take(thread, SIGNAL_BIT(signal), &info);
            if (process->life != PROCESS_LIVE) return;
        } else {
            thread_event_later(thread);
        }
    }
    signals_note_held(process);
}
