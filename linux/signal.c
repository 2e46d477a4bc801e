// SPDX-License-Identifier: MIT
// Signals: actions, masks, taking what is pending, and how an interrupted call goes on.
//
// proc keeps the pending queues and carries out default actions; it looks at the caught and ignored sets in the process
// page and at the mask in the thread page, which are written here. A handler runs at the exit to the program only:
// signals_deliver() takes what proc has and builds frames (sigframe.c). A signal that a thread sends itself, and
// catches, is none of proc's business: it is delivered at the exit of that very call.
#include <linux/signal.h>
#include "linux/linux.h"

#define SIGINFO_BYTES 128
#define STOP_AND_CONTINUE \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU) | SIGNAL_BIT(SIGCONT))

void mask_set(uint64_t mask)
{
    struct thread_page *page = thread_page();
    uint64_t old = page->blocked;
    __atomic_store_n(&page->blocked, mask & ~UNBLOCKABLE, __ATOMIC_SEQ_CST);
    if (old & ~page->blocked && __atomic_load_n(&process_page()->signals_held, __ATOMIC_SEQ_CST)) {
        struct message m = {.words = {thread_index()}};
        process_page()->signals_held = 0;
        (void)ask_proc(PROC_SIGNAL_CHANGED, 0, &m);
    }
}

long mask_temporarily(uint64_t user_mask, uint64_t bytes)
{
    struct thread *t = self();
    uint64_t mask;
    if (bytes != sizeof mask) return -EINVAL;
    if (!copy_in(&mask, user_mask, sizeof mask)) return -EFAULT;
    t->saved_mask = thread_page()->blocked;
    t->restore_mask = 1;
    mask_set(mask);
    return 0;
}

void mask_back(long result)
{
    struct thread *t = self();
    if (!t->restore_mask || result == -ERESTARTNOHAND) return;
    t->restore_mask = 0;
    mask_set(t->saved_mask);
}

void signal_self(int signal)
{
    struct message m = {.words = {process_page()->pid, thread_page()->tid, (uint64_t)signal}};
    (void)ask_proc(PROC_TKILL, 0, &m);
}

// Take a pending signal of the set; 0: none. The siginfo is copied; `left` becomes the set that is still pending.
static int take(uint64_t set, void *info, uint64_t *left)
{
    struct message m = {.words = {thread_index(), set}};
    *left = 0;
    if (ask_proc(PROC_SIGNAL_TAKE, 0, &m) < 0 || m.words[0] > SIGNALS) return 0;
    memcpy(info, long_words(), SIGINFO_BYTES);
    *left = m.words[1];
    return (int)m.words[0];
}

// Whether a signal for this thread itself may be delivered here: caught, not blocked, no side effects on what is
// pending, and none that came before it. It will be at the exit.
static bool keep_own(int signal, int code)
{
    struct thread *t = self();
    uint64_t bit = SIGNAL_BIT(signal), *pending = &rt_utcb()->events_pending;
    if (signal < 1 || signal > SIGNALS || bit & STOP_AND_CONTINUE) return false;
    if (!(process_page()->caught & bit) || thread_page()->blocked & bit || *pending) return false;
    t->own_signal = signal;
    t->own_code = code;
    __atomic_or_fetch(pending, OWN_SIGNAL, __ATOMIC_SEQ_CST);
    return true;
}

// The call in the frame was interrupted: run it again, by its own number or by restart_syscall.
static void run_again(struct frame *frame, uint64_t number)
{
    frame->rax = number;
    frame->rip -= 2;  // the length of SYSCALL
    frame->rcx = frame->rip;
}

// A handler is going to run on top of an interrupted call.
static void settle_for_handler(struct frame *frame, const struct action *action)
{
    if (frame->call == (uint64_t)NO_CALL) return;
    switch (-(long)frame->rax) {
    case ERESTARTSYS:
        if (action->flags & SA_RESTART)
            run_again(frame, frame->call);
        else
            frame->rax = (uint64_t)-EINTR;
        break;
    case ERESTARTNOINTR: run_again(frame, frame->call); break;
    case ERESTARTNOHAND:
    case ERESTART_RESTARTBLOCK: frame->rax = (uint64_t)-EINTR; break;
    }
    frame->call = (uint64_t)NO_CALL;
}

static void settle_without_handler(struct frame *frame)
{
    if (frame->call == (uint64_t)NO_CALL) return;
    switch (-(long)frame->rax) {
    case ERESTARTSYS:
    case ERESTARTNOINTR:
    case ERESTARTNOHAND: run_again(frame, frame->call); break;
    case ERESTART_RESTARTBLOCK: run_again(frame, 219); break;  // restart_syscall
    }
    frame->call = (uint64_t)NO_CALL;
}

static void set_default(int signal)
{
    struct process *p = process();
    p->actions[signal - 1].handler = 0;
    page_of(p)->caught &= ~SIGNAL_BIT(signal);
}

// The handler runs next, with its signals blocked. False: there is no place for its frame.
static bool enter_handler(struct frame *frame, int signal, const void *info, const struct action *action,
                          uint64_t old_mask)
{
    if (!signal_frame(frame, signal, info, action, old_mask)) return false;
    uint64_t blocked = thread_page()->blocked | action->mask | (action->flags & SA_NODEFER ? 0 : SIGNAL_BIT(signal));
    thread_page()->blocked = blocked & ~UNBLOCKABLE;
    if (action->flags & SA_RESETHAND) set_default(signal);
    return true;
}

void force_signal(struct frame *frame, const struct siginfo *info, const char *why)
{
    const struct action action = process()->actions[info->si_signo - 1];
    uint64_t blocked = thread_page()->blocked;
    if (action.handler <= (uint64_t)SIG_IGN || blocked & SIGNAL_BIT(info->si_signo) ||
        !enter_handler(frame, info->si_signo, info, &action, blocked))
        die(info->si_signo, why);
}

// Let the signal's handler run next. False: there is none any more; proc has acted or will.
static bool deliver(struct frame *frame, int signal, const void *info)
{
    struct thread *t = self();
    const struct action action = process()->actions[signal - 1];
    if (action.handler <= (uint64_t)SIG_IGN) return false;
    settle_for_handler(frame, &action);
    if (!enter_handler(frame, signal, info, &action, t->restore_mask ? t->saved_mask : thread_page()->blocked))
        die(SIGSEGV, "no place for a signal frame");
    t->restore_mask = 0;
    return true;
}

static bool deliver_own(struct frame *frame)
{
    const struct siginfo info = {.si_signo = self()->own_signal,
                                 .si_code = self()->own_code,
                                 .si_pid = (int)process_page()->pid,
                                 .si_uid = process_page()->uid};
    _Static_assert(sizeof info == SIGINFO_BYTES, "Linux ABI");
    return deliver(frame, info.si_signo, &info);
}

// Deliver all that the events tell of and that may be: frames for handlers, one on top of the other.
void signals_deliver(struct frame *frame, uint64_t events)
{
    uint8_t info[SIGINFO_BYTES];
    uint64_t left = events & ~OWN_SIGNAL ? ~0ull : 0;
    bool delivered = events & OWN_SIGNAL && deliver_own(frame);
    for (int signal; left & ~thread_page()->blocked && (signal = take(~thread_page()->blocked, info, &left)) != 0;)
        delivered |= deliver(frame, signal, info);
    if (!delivered) settle_without_handler(frame);
    mask_back(0);
}

// --- calls

long call_rt_sigaction(uint64_t number, uint64_t user, uint64_t user_old, uint64_t bytes)
{
    int signal = (int)number;
    struct process *p = process();
    if (bytes != 8 || signal < 1 || signal > SIGNALS) return -EINVAL;
    struct action *action = &p->actions[signal - 1], next, old = *action;
    if (user) {
        if (!copy_in(&next, user, sizeof next)) return -EFAULT;
        if (SIGNAL_BIT(signal) & UNBLOCKABLE) return -EINVAL;
        struct process_page *page = page_of(p);
        uint64_t bit = SIGNAL_BIT(signal);
        next.mask &= ~UNBLOCKABLE;
        *action = next;
        page->caught = next.handler > (uint64_t)SIG_IGN ? page->caught | bit : page->caught & ~bit;
        page->ignored = next.handler == (uint64_t)SIG_IGN ? page->ignored | bit : page->ignored & ~bit;
        if (signal == SIGCHLD) page->child_flags = next.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
        // What is on its way to the old handler finds the new action.
        if (next.handler <= (uint64_t)SIG_IGN && next.handler != old.handler &&
            __atomic_load_n(&page->signals_held, __ATOMIC_SEQ_CST)) {
            struct message m = {.words = {thread_index()}};
            (void)ask_proc(PROC_SIGNAL_CHANGED, 0, &m);
        }
    }
    return user_old && !copy_out(user_old, &old, sizeof old) ? -EFAULT : 0;
}

long call_rt_sigprocmask(uint64_t how, uint64_t user, uint64_t user_old, uint64_t bytes)
{
    uint64_t old = thread_page()->blocked, set;
    if (bytes != 8) return -EINVAL;
    if (user) {
        if (!copy_in(&set, user, sizeof set)) return -EFAULT;
        switch ((uint32_t)how) {
        case SIG_BLOCK: mask_set(old | set); break;
        case SIG_UNBLOCK: mask_set(old & ~set); break;
        case SIG_SETMASK: mask_set(set); break;
        default: return -EINVAL;
        }
    }
    return user_old && !store64(user_old, old) ? -EFAULT : 0;
}

long call_rt_sigsuspend(uint64_t user, uint64_t bytes)
{
    long result = mask_temporarily(user, bytes);
    while (result == 0) {
        err_t err = thread_wait(NS_FOREVER);
        if (err != OK) result = err == ERR_EVENT ? -ERESTARTNOHAND : errno_of(err);
    }
    return result;
}

long call_pause(void)
{
    for (;;) {
        err_t err = thread_wait(NS_FOREVER);
        if (err != OK) return err == ERR_EVENT ? -ERESTARTNOHAND : errno_of(err);
    }
}

long call_rt_sigpending(uint64_t user, uint64_t bytes)
{
    struct message m = {.words = {thread_index()}};
    if (bytes > 8) return -EINVAL;
    long result = ask_proc(PROC_SIGNAL_PENDING, 0, &m);
    if (result < 0) return result;
    uint64_t set = m.words[0] & thread_page()->blocked;
    return copy_out(user, &set, bytes) ? 0 : -EFAULT;
}

long call_rt_sigtimedwait(uint64_t user_set, uint64_t user_info, uint64_t timeout, uint64_t bytes)
{
    uint8_t info[SIGINFO_BYTES];
    uint64_t set, ns, left, deadline = NS_FOREVER;
    if (bytes != 8) return -EINVAL;
    if (!copy_in(&set, user_set, sizeof set)) return -EFAULT;
    if (timeout) {
        long result = time_in(timeout, &ns);
        if (result < 0) return result;
        deadline = ns == 0 ? NS_POLL : now_ns() + ns;
    }
    set &= ~UNBLOCKABLE;
    struct thread_page *page = thread_page();
    page->waited = set;
    int signal;
    long result = 0;
    while ((signal = take(set, info, &left)) == 0 && result == 0) {
        err_t err = thread_wait(deadline);
        if (err == ERR_TIMEOUT) result = -EAGAIN;
        if (err == ERR_EVENT && (signal = take(set, info, &left)) != 0) break;
        if (err == ERR_EVENT) result = -ERESTARTNOHAND;
    }
    page->waited = 0;
    if (signal == 0) return result;
    return user_info && !copy_out(user_info, info, sizeof info) ? -EFAULT : signal;
}

long call_kill(uint64_t pid, uint64_t signal)
{
    struct message m = {.words = {(uint64_t)(int64_t)(int32_t)pid, (uint32_t)signal}};
    bool main_thread = (uint32_t)pid == process_page()->pid && (uint32_t)pid == thread_page()->tid;
    if (main_thread && keep_own((int)signal, SI_USER)) return 0;
    return ask_proc(PROC_KILL, 0, &m);
}

long call_tgkill(uint64_t tgid, uint64_t tid, uint64_t signal)
{
    struct message m = {.words = {(uint32_t)tgid, (uint32_t)tid, (uint32_t)signal}};
    if ((int)tgid <= 0 || (int)tid <= 0) return -EINVAL;
    if ((uint32_t)tgid == process_page()->pid && (uint32_t)tid == thread_page()->tid && keep_own((int)signal, SI_TKILL))
        return 0;
    return ask_proc(PROC_TKILL, 0, &m);
}

long call_tkill(uint64_t tid, uint64_t signal)
{
    struct message m = {.words = {0, (uint32_t)tid, (uint32_t)signal}};
    if ((uint32_t)tid == thread_page()->tid && keep_own((int)signal, SI_TKILL)) return 0;
    return (int)tid <= 0 ? -EINVAL : ask_proc(PROC_TKILL, 0, &m);
}

static long queue(uint64_t tgid, uint64_t tid, uint64_t signal, uint64_t user)
{
    if (!copy_in(long_words(), user, SIGINFO_BYTES)) return -EFAULT;
    struct message m = {.words = {(uint32_t)tgid, (uint32_t)tid, (uint32_t)signal}};
    return ask_proc(PROC_QUEUE, SIGINFO_BYTES, &m);
}

long call_rt_sigqueueinfo(uint64_t tgid, uint64_t signal, uint64_t user) { return queue(tgid, 0, signal, user); }

long call_rt_tgsigqueueinfo(uint64_t tgid, uint64_t tid, uint64_t signal, uint64_t user)
{
    return (int)tid <= 0 ? -EINVAL : queue(tgid, tid, signal, user);
}
