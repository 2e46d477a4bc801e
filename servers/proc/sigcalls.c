// SPDX-License-Identifier: MIT
// Signal requests: kill and its kin, taking, looking, and the terminal's signals.
#include "servers/proc/proc.h"
#include <linux/signal.h>

#define SIGINFO_WORDS 16
#define SIGINFO_FIELDS 16  // byte offset of the part that depends on the code

static bool may_signal(const struct process *sender, const struct process *target, int signal)
{
    const struct identity *from = &sender->ids, *to = &target->ids;
    if (signal == SIGCONT && sender->sid == target->sid) return true;
    return from->euid == 0 || from->euid == to->suid || from->euid == to->uid || from->uid == to->suid ||
           from->uid == to->uid;
}

static bool valid(uint64_t signal) { return signal <= SIGNALS; }

// Send to one process; signal 0 only asks whether one might.
static err_t send_to(struct process *sender, struct process *target, struct thread *thread, struct queued_signal *info)
{
    if (!may_signal(sender, target, info->signal)) return ERR_LINUX(EPERM);
    if (info->signal == 0 || signal_send(target, thread, info)) return OK;
    return ERR_LINUX(EAGAIN);
}

// kill to several: success when one got it. `everybody` leaves out the first process and the sender.
static err_t send_to_many(struct process *sender, uint32_t pgid, bool everybody, struct queued_signal *info)
{
    err_t result = ERR_LINUX(ESRCH);
    bool sent = false;
    bool self = false;
    for_each_process(target)
    {
        bool meant = everybody ? target->pid > 1 && target != sender : target->pgid == pgid;
        if (!meant) continue;
        if (target == sender) {  // last, since it may end
            self = true;
            continue;
        }
        err_t err = send_to(sender, target, NULL, info);
        sent |= err == OK;
        result = err;
    }
    if (self && send_to(sender, sender, NULL, info) == OK) sent = true;
    return sent ? OK : result;
}

err_t proc_kill(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *sender = caller(request);
    int32_t pid = (int32_t)request->words[0];
    if (!sender || !valid(request->words[1])) return ERR_LINUX(EINVAL);
    struct queued_signal info = {.signal = (int32_t)request->words[1]};
    signal_fields_kill(&info, sender, SI_USER);
    if (pid > 0) {
        struct process *target = process_by_pid((uint32_t)pid);
        return target ? send_to(sender, target, NULL, &info) : ERR_LINUX(ESRCH);
    }
    if (pid == INT32_MIN) return ERR_LINUX(ESRCH);
    return send_to_many(sender, pid == 0 ? sender->pgid : (uint32_t)-pid, pid == -1, &info);
}

// The thread of this tid, when it belongs to process tgid (0: any).
static struct thread *find_thread(uint64_t tgid, uint64_t tid)
{
    struct thread *thread = thread_by_tid(tid);
    return thread && (tgid == 0 || thread->process->pid == tgid) ? thread : NULL;
}

err_t proc_tkill(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *sender = caller(request);
    if (!sender || !valid(request->words[2])) return ERR_LINUX(EINVAL);
    struct thread *thread = find_thread(request->words[0], request->words[1]);
    if (!thread) return ERR_LINUX(ESRCH);
    struct queued_signal info = {.signal = (int32_t)request->words[2]};
    signal_fields_kill(&info, sender, SI_TKILL);
    return send_to(sender, thread->process, thread, &info);
}

err_t proc_queue(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *sender = caller(request);
    if (!sender || !valid(request->words[2]) || request->n_words < MSG_REGISTERS + SIGINFO_WORDS)
        return ERR_LINUX(EINVAL);
    struct process *target = process_by_pid(request->words[0]);
    struct thread *thread = request->words[1] ? find_thread(request->words[0], request->words[1]) : NULL;
    if (!target || (request->words[1] && !thread)) return ERR_LINUX(ESRCH);
    struct queued_signal info = {.signal = (int32_t)request->words[2], .uid = sender->ids.uid};
    const char *siginfo = (const char *)&request->words[MSG_REGISTERS];
    memcpy(&info.error, siginfo + 4, sizeof info.error);
    memcpy(&info.code, siginfo + 8, sizeof info.code);
    memcpy(info.fields, siginfo + SIGINFO_FIELDS, sizeof info.fields);
    if ((info.code >= 0 || info.code == SI_TKILL) && target != sender) return ERR_LINUX(EPERM);
    return send_to(sender, target, thread, &info);
}

static void siginfo_words(const struct queued_signal *info, struct answer *answer)
{
    char *siginfo = (char *)&answer->words[MSG_REGISTERS];
    memset(siginfo, 0, SIGINFO_WORDS * 8);
    memcpy(siginfo, &info->signal, sizeof info->signal);
    memcpy(siginfo + 4, &info->error, sizeof info->error);
    memcpy(siginfo + 8, &info->code, sizeof info->code);
    memcpy(siginfo + SIGINFO_FIELDS, info->fields, sizeof info->fields);
    answer->n_words = MSG_REGISTERS + SIGINFO_WORDS;
}

// A stopped process waits here until it is continued; liblinux's stub then sends the request again.
static err_t wait_stopped(struct thread *thread)
{
    if (thread->stopped_call) server_forget(thread->stopped_call);
    thread->stopped_call = 0;
    return server_defer(&thread->stopped_call);
}

err_t proc_signal_take(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    struct queued_signal info;
    if (!process->stopped && signal_take(thread, request->words[1], &info)) {
        answer->words[0] = (uint64_t)info.signal;
        siginfo_words(&info, answer);
    } else if (process->life == PROCESS_LIVE && process->stopped) {
        return wait_stopped(thread);
    } else {
        answer->n_words = 2;
    }
    answer->words[1] = thread->signals.pending | process->signals.pending;
    signals_note_held(process);
    return OK;
}

err_t proc_signal_pending(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    answer->words[0] = (thread->signals.pending | process->signals.pending) & thread->page->blocked;
    answer->n_words = 1;
    return OK;
}

err_t proc_signal_changed(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    signal_review(thread);
    return OK;
}

// What job control wants to know of a process that reads or writes in the background.
enum { TTY_SENT = 0, TTY_REFUSED = 1, TTY_ORPHANED = 2 };

err_t proc_tty_signal(const struct request *request, struct answer *answer)
{
    int signal = (int)request->words[1];
    if (signal < 1 || signal > SIGNALS) return ERR_INVALID;
    uint64_t badge = request->words[2];
    answer->n_words = 1;
    answer->words[0] = TTY_SENT;
    struct process *culprit = badge ? process_at(BADGE_SLOT(badge)) : NULL;
    if (culprit && culprit->generation == BADGE_GENERATION(badge) && culprit->life == PROCESS_LIVE &&
        (signal == SIGTTIN || signal == SIGTTOU)) {
        uint64_t refused = culprit->page->ignored;
        for (const struct thread *thread = culprit->threads; thread; thread = thread->next)
            if (thread->tid == culprit->pid) refused |= thread->page->blocked;
        if (refused & SIGNAL_BIT(signal))
            answer->words[0] = TTY_REFUSED;
        else if (culprit->group_orphaned)
            answer->words[0] = TTY_ORPHANED;
    }
    if (answer->words[0] == TTY_SENT) signal_group((uint32_t)request->words[0], signal, SI_KERNEL);
    return OK;
}
