// SPDX-License-Identifier: MIT
// Processes and threads coming and going: fork, vfork, clone, exit, wait.
//
// fork returns twice from one request to proc; the child's liblinux then forgets what is its parent's (session.c). A
// process made in its parent's address space (vfork) gets a process area of its own, filled here with a copy; a
// thread gets a thread area. Both begin in linux_thread() with a frame that was prepared for them.
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include "linux/linux.h"

extern char liblinux_thread[];

struct birth {
    uint64_t flags;  // CLONE_*
    uint64_t stack, tls, parent_tid, child_tid;
};

static uint64_t fs_base(void)
{
    uint64_t base;
    __asm__("rdfsbase %0" : "=r"(base));
    return base;
}

static uint64_t gs_base(void)
{
    uint64_t base;
    __asm__("rdgsbase %0" : "=r"(base));
    return base;
}

static void set_bases(uint64_t fs, uint64_t gs) { __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(fs), "r"(gs)); }

// First steps of a thread, on its own stack.
void linux_thread(void)
{
    struct thread *t = self();
    set_bases(t->fs_base, t->gs_base);
}

// The child's side: what clone's flags ask of it.
static void be_born(const struct birth *b)
{
    uint32_t tid = thread_page()->tid;
    if (b->flags & CLONE_CHILD_SETTID) (void)store32(b->child_tid, tid);  // a bad address is the child's affair
    thread_page()->clear_child_tid = b->flags & CLONE_CHILD_CLEARTID ? b->child_tid : 0;
}

// @path linux-fork 2/4: one request, from which two processes come back
static long fork_process(const struct birth *b)
{
    long result = files_share();
    if (result < 0) return result == -ENFILE ? -ENOMEM : result;
    struct message m = {.words = {thread_index()}};
    result = ask_proc(PROC_FORK, 0, &m);
    if (result < 0) return result;
    if (m.words[0] > 0) {
        if (b->flags & CLONE_PARENT_SETTID) (void)store32(b->parent_tid, (uint32_t)m.words[0]);
        return (long)m.words[0];
    }
    forget_connections();
    rt_utcb()->events_pending = 0;
    if (b->stack) frame_here()->rsp = b->stack;
    if (b->flags & CLONE_SETTLS) set_bases(b->tls, gs_base());
    be_born(b);
    return 0;
}

// A process area for a child in this address space, cleared before: a copy, without the connections.
static struct process *copy_process(unsigned area)
{
    struct process *p = process(), *child = process_in_area(area);
    memcpy(child, p, offsetof(struct process, descriptors));
    memcpy(child->descriptors, p->descriptors, p->n_descriptors * sizeof *p->descriptors);
    memcpy(child->files, p->files, p->n_files * sizeof *p->files);
    child->sessions = child->buffers = 0;
    child->table_lock = child->buffer_lock = child->futex_lock = child->passing_lock = 0;
    child->words = child->questions = 0;
    child->wake_slots = child->futex_waiting = 0;
    memset(child->futex_waiters, 0, sizeof child->futex_waiters);
    memset(child->rings, 0, sizeof child->rings);
    files_forget(child);
    page_of(child)->caught = page_of(p)->caught;
    page_of(child)->umask = page_of(p)->umask;
    page_of(child)->ignored = page_of(p)->ignored;
    page_of(child)->child_flags = page_of(p)->child_flags;
    return child;
}

// The parent of a vfork sleeps until the child has its own program or is gone; signals have to wait.
static long wait_for_vfork(uint64_t tid)
{
    uint64_t events = 0;
    long result;
    do {  // PROC_START has armed us
        if (thread_wait(NS_FOREVER) == ERR_EVENT)
            events |= __atomic_exchange_n(&rt_utcb()->events_pending, 0, __ATOMIC_SEQ_CST);
        struct message m = {.words = {thread_index(), tid}};
        result = ask_proc(PROC_WAIT_VFORK, 0, &m);
    } while (result == -EAGAIN);
    if (events) __atomic_or_fetch(&rt_utcb()->events_pending, events, __ATOMIC_SEQ_CST);
    return result;
}

// A thread, of this process or of a new one, in this address space.
static long make_thread(const struct birth *b, bool is_process)
{
    long result = is_process ? files_share() : 0;
    if (result < 0) return result == -ENFILE ? -ENOMEM : result;
    struct message m = {.words = {thread_index(), is_process ? PROC_CREATE_PROCESS : 0}};
    result = ask_proc(PROC_CREATE, 0, &m);
    if (result < 0) return result;
    uint64_t tid = m.words[0], area = THREAD_AREA(m.words[1]);
    struct thread *child = (struct thread *)((struct utcb *)area)->user;
    struct thread_page *page = (struct thread_page *)(area + THREAD_AREA_PAGE);
    struct frame *frame = (struct frame *)(area + FRAME_AT);
    *child = (struct thread){.process = is_process ? copy_process((unsigned)m.words[2]) : process(),
                             .quick_calls = self()->quick_calls,
                             .fs_base = b->flags & CLONE_SETTLS ? b->tls : fs_base(),
                             .gs_base = gs_base()};
    if (is_process) {  // a thread begins without an alternate stack
        child->altstack = self()->altstack;
        child->altstack_bytes = self()->altstack_bytes;
        child->altstack_flags = self()->altstack_flags;
    }
    *frame = *frame_here();
    frame->call = (uint64_t)NO_CALL;
    frame->rax = 0;
    if (b->stack) frame->rsp = b->stack;
    page->blocked = thread_page()->blocked;
    page->clear_child_tid = b->flags & CLONE_CHILD_CLEARTID ? b->child_tid : 0;
    if (b->flags & CLONE_PARENT_SETTID) (void)store32(b->parent_tid, (uint32_t)tid);
    if (b->flags & CLONE_CHILD_SETTID) (void)store32(b->child_tid, (uint32_t)tid);
    bool waits = is_process && b->flags & CLONE_VFORK;
    m = (struct message){.words = {(area - THREAD_AREA(0)) / THREAD_AREA_BYTES, (uint64_t)liblinux_thread,
                                   area + FRAME_AT, area, waits ? thread_index() + 1 : 0}};
    result = ask_proc(PROC_START, 0, &m);
    if (result == 0 && waits) result = wait_for_vfork(tid);
    return result < 0 ? result : (long)tid;
}

// @path linux-fork 1/4: what kind of child the flags ask for
static long clone(const struct birth *b)
{
    const uint64_t thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    const uint64_t unsupported = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                 CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_PIDFD;
    if (b->flags & unsupported) return -EINVAL;
    if (b->flags & CLONE_THREAD) return (b->flags & thread_flags) == thread_flags ? make_thread(b, false) : -EINVAL;
    if (b->flags & (CLONE_FS | CLONE_FILES | CLONE_SIGHAND)) return -EINVAL;  // tables shared between processes
    return b->flags & CLONE_VM ? make_thread(b, true) : fork_process(b);
}

// --- calls

long call_fork(void) { return fork_process(&(struct birth){0}); }
long call_vfork(void) { return clone(&(struct birth){.flags = CLONE_VM | CLONE_VFORK}); }

long call_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
    const struct birth b = {flags & ~(uint64_t)CSIGNAL, stack, tls, parent_tid, child_tid};
    return clone(&b);
}

long call_clone3(uint64_t user, uint64_t bytes)
{
    struct clone_args args = {0};
    if (bytes < CLONE_ARGS_SIZE_VER0) return -EINVAL;
    if (bytes > sizeof args) return -E2BIG;
    if (!copy_in(&args, user, bytes)) return -EFAULT;
    if (args.set_tid_size || args.flags & (CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP) || args.flags & CSIGNAL)
        return -EINVAL;
    if (!args.stack != !args.stack_size) return -EINVAL;
    const struct birth b = {args.flags, args.stack ? args.stack + args.stack_size : 0, args.tls, args.parent_tid,
                            args.child_tid};
    return clone(&b);
}

long call_exit(uint64_t status)
{
    // The last thread's status is the process's; proc gives 0 to a process whose threads all left one by one.
    struct message m = {.words = {thread_index(), (status & 0xff) << 8}};
    for (;;) (void)ask_proc(PROC_THREAD_EXIT, 0, &m);
}

long call_exit_group(uint64_t status)
{
    struct message m = {.words = {(status & 0xff) << 8}};
    for (;;) (void)ask_proc(PROC_EXIT, 0, &m);
}

// --- wait

#define RUSAGE_BYTES 144

// PROC_WAIT until there is news; pid, status and uid stand in the message, the usage in the long words.
static long wait_for(int64_t which, uint64_t options, uint64_t flags, struct message *m)
{
    for (;;) {
        *m = (struct message){.words = {(uint64_t)which, options, flags, thread_index()}};
        long result = ask_proc(PROC_WAIT, 0, m);
        if (result != -EAGAIN) return result;
        err_t err = thread_wait(NS_FOREVER);
        if (err != OK) return wait_interrupted(err);
    }
}

long call_wait4(uint64_t pid, uint64_t user_status, uint64_t options, uint64_t user_usage)
{
    struct message m;
    if ((uint32_t)options & ~(uint32_t)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE))
        return -EINVAL;
    if ((int)pid == (int)0x80000000) return -ESRCH;
    long result = wait_for((int32_t)pid, (options & (WNOHANG | WUNTRACED | WCONTINUED)) | WEXITED, 0, &m);
    if (result < 0 || m.words[0] == 0) return result;
    if (user_usage && !copy_out(user_usage, long_words(), RUSAGE_BYTES)) return -EFAULT;
    if (user_status && !store32(user_status, (uint32_t)m.words[1])) return -EFAULT;
    return (long)m.words[0];
}

long call_waitid(uint64_t type, uint64_t id, uint64_t user_info, uint64_t options, uint64_t user_usage)
{
    const uint64_t kinds = WEXITED | WSTOPPED | WCONTINUED;
    struct message m;
    int64_t which;
    switch ((uint32_t)type) {
    case P_ALL: which = -1; break;
    case P_PID: which = (int32_t)id; break;
    case P_PGID: which = (int32_t)id == 0 ? 0 : -(int64_t)(int32_t)id; break;
    default: return -EINVAL;
    }
    if (!(options & kinds) || (type == P_PID && which <= 0)) return -EINVAL;
    long result = wait_for(which, options & (kinds | WNOHANG), options & WNOWAIT ? PROC_WAIT_NO_REAP : 0, &m);
    if (result < 0) return result;
    uint32_t status = (uint32_t)m.words[1], low = status & 0x7f;
    struct siginfo info = {0};
    if (m.words[0]) {
        info.si_signo = SIGCHLD;
        info.si_pid = (int)m.words[0];
        info.si_uid = (uint32_t)m.words[2];
        info.si_code = status == 0xffff ? CLD_CONTINUED
                       : low == 0x7f    ? CLD_STOPPED
                       : low == 0       ? CLD_EXITED
                       : status & 0x80  ? CLD_DUMPED
                                        : CLD_KILLED;
        info.si_status = status == 0xffff ? SIGCONT : low == 0x7f || low == 0 ? (int)(status >> 8 & 0xff) : (int)low;
    }
    if (user_usage && m.words[0] && !copy_out(user_usage, long_words(), RUSAGE_BYTES)) return -EFAULT;
    return user_info && !copy_out(user_info, &info, sizeof info) ? -EFAULT : 0;
}
