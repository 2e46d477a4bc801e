// SPDX-License-Identifier: MIT
// System calls: the way in, one row for each; and the way out.
//
// Every entry to the kernel ends in kernel_exit, which finds out who runs now. The registers of a system call stand in
// the current thread's context; the results are put there.
#include "aspace.h"
#include "invoke.h"

static void fail(struct thread *t, err_t err) { thread_set_result(t, err, 0, 0, 0); }

// Invoke a kernel object: its answer comes at once.
static void invoke(struct thread *self, struct slot *cap, uint64_t info)
{
    struct invocation inv = {.self = self, .cap = cap, .label = INFO_LABEL(info), .n_words = INFO_WORDS(info)};
    if (info & ~INFO_VALID_BITS || inv.n_words > MSG_WORDS || INFO_CAPS(info)) {
        fail(self, ERR_INVALID);
        return;
    }
    if (inv.label != FRAMES_REVOKE_RUN) self->revoke_ticket = 0;
    err_t err = object_invoke(&inv);
    if (err == ERR_PREEMPTED) {
        context_restart(&self->context);
        return;
    }
    bool has_words = err == OK || err == ERR_NO_TABLES;
    context_set_result(&self->context, err, 0, err ? 0 : INFO(0, inv.n_results, 0), 0);
    for (unsigned i = 0; i < MSG_REGISTERS; i++) context_set_word(&self->context, i, has_words ? inv.result[i] : 0);
}

static void sys_call(struct thread *self)
{
    uint64_t info = context_info(&self->context);
    struct slot *cap = view_slot(thread_cspace(self), context_cap(&self->context));
    if (!cap || cap->type == CAP_EMPTY) {
        fail(self, ERR_NO_CAP);
    } else if (cap->type == CAP_ENDPOINT) {
        err_t err = ipc_call(self, cap, info, context_deadline(&self->context));
        if (err) fail(self, err);
    } else {
        invoke(self, cap, info);
    }
}

static void sys_signal(struct thread *self)
{
    struct slot *cap;
    err_t err = cap_lookup(self, context_cap(&self->context), CAP_NOTIFICATION, RIGHT_WRITE, &cap);
    fail(self, err);
    if (!err) notification_signal(notification_at(cap->object), cap->badge);
}

static void sys_yield(struct thread *self)
{
    fail(self, OK);
    sched_rotate(self);
}

// A native system call of the current thread.
// @path ipc-call 2/9: the call and the capability that it names
// @path notify 2/6: the call and the capability that it names
void kernel_syscall(void)
{
    struct thread *self = thread_at(this_core()->current);
    switch (context_number(&self->context) & ~NATIVE) {
    case SYS_CALL:
        if (!fast_call(self)) sys_call(self);
        break;
    case SYS_REPLY_WAIT:
        if (!fast_reply_wait(self)) ipc_reply_wait(self);
        break;
    case SYS_SEND: ipc_send(self); break;
    case SYS_WAIT: ipc_wait(self); break;
    case SYS_SIGNAL: sys_signal(self); break;
    case SYS_YIELD: sys_yield(self); break;
    default: fail(self, ERR_NO_SYSCALL); break;
    }
}

// Make `t` the thread that struct cpu speaks of.
static void load(struct cpu_core *core, struct thread *t)
{
    struct cpu *cpu = arch_cpu();
    core->loaded = ref_of(t);
    cpu->context = &t->context;
    cpu->syscall_entry = t->syscall_entry;
    cpu->utcb = thread_utcb(t);
    arch_fpu_switch(&t->fpu);
    if (t->aspace != core->aspace) aspace_activate(t->aspace);
}

// @path ipc-call 8/9: load the thread that runs now
// @path notify 5/6: load the thread that runs now
_Noreturn void kernel_exit(void)
{
    struct cpu_core *core = this_core();
    core->steps = 0;
    struct thread *t = sched_choose();
    sched_set_timer();
    if (!t) arch_idle();
    if (core->loaded != core->current) load(core, t);
    event_divert(t);
    arch_return_user(&t->context);
}
