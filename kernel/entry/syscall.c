// SPDX-License-Identifier: MIT
// System calls: the way in, one row for each; and the way out.
//
// Every entry to the kernel ends in kernel_exit, which finds out who runs now. The registers of a system call stand in
// the current thread's context; the results are put there.
#include "aspace.h"
#include "invoke.h"

static void fail(struct thread *t, err_t err) { thread_set_result(t, err, 0, 0, 0); }

// --- the way out

// To another thread than came in.
ALWAYS_INLINE _Noreturn void switch_to(struct cpu_core *core, struct thread *t)
{
    if (t->event_entry && thread_utcb(t)->events_enabled) event_divert(t);
    arch_fpu_switch(t);
    root_activate(core, t->root);
    arch_switch_user(&t->context);
}

_Noreturn void kernel_switch(struct thread *t) { switch_to(this_core(), t); }

ALWAYS_INLINE _Noreturn void return_to(struct cpu_core *core, struct thread *t)
{
    if (arch_cpu()->thread != t) switch_to(core, t);
    if (t->event_entry && thread_utcb(t)->events_enabled) event_divert(t);
    arch_return_user(&t->context);
}

// Somebody else may have to pay, or to run.
static __attribute__((noinline)) _Noreturn void exit_by_choice(void)
{
    struct thread *t = sched_choose();
    sched_set_timer();
    if (!t) arch_idle();
    return_to(this_core(), t);
}

// @path notify 5/6: load the thread that runs now
_Noreturn void kernel_exit(void)
{
    struct cpu_core *core = this_core();
    core->steps = 0;
    struct thread *t = core->current ? thread_at(core->current) : NULL;
    if (!t || !t->on || t->on != core->charged || core->wake_ns < core->timer_ns) exit_by_choice();
    return_to(core, t);
}

// --- the system calls

// Invoke a kernel object: its answer comes at once.
static __attribute__((noinline)) _Noreturn void invoke(struct thread *self, struct slot *cap)
{
    uint64_t info = context_info(&self->context);
    struct invocation inv = {.self = self, .cap = cap, .label = INFO_LABEL(info), .n_words = INFO_WORDS(info)};
    if (inv.label != FRAMES_REVOKE_RUN) self->revoke_ticket = 0;
    bool well_formed = !(info & ~INFO_VALID_BITS) && inv.n_words <= MSG_WORDS && INFO_CAPS(info) == 0;
    bool is_list = inv.label == CSPACE_LIST && cap->type == CAP_CSPACE;
    err_t err = !well_formed ? ERR_INVALID : is_list ? list_invoke(&inv) : object_invoke(&inv);
    if (err == ERR_PREEMPTED) {
        context_restart(&self->context);
    } else if (err && err != ERR_NO_TABLES) {
        fail(self, err);
    } else {
        context_set_result(&self->context, err, 0, err ? 0 : INFO(0, inv.n_results, 0), 0);
        for (unsigned i = 0; i < MSG_REGISTERS; i++) context_set_word(&self->context, i, inv.result[i]);
    }
    kernel_exit();
}

static __attribute__((noinline)) _Noreturn void no_cap(struct thread *self)
{
    fail(self, ERR_NO_CAP);
    kernel_exit();
}

static __attribute__((noinline)) _Noreturn void long_call(struct thread *self, struct slot *cap)
{
    err_t err = ipc_call(self, cap, context_info(&self->context), context_deadline(&self->context));
    if (err) fail(self, err);
    kernel_exit();
}

static void sys_call(struct thread *self)
{
    const uint64_t index = context_cap(&self->context);
    if (!view_has(thread_cspace(self), index)) no_cap(self);
    struct slot *cap = view_slot(thread_cspace(self), index);
    if (cap->type == CAP_EMPTY) no_cap(self);
    if (cap->type != CAP_ENDPOINT) invoke(self, cap);
    long_call(self, cap);
}

static void sys_reply_wait(struct thread *self)
{
    ipc_reply_wait(self);
    kernel_exit();
}

static void sys_send(struct thread *self)
{
    ipc_send(self);
    kernel_exit();
}

static void sys_wait(struct thread *self)
{
    ipc_wait(self);
    kernel_exit();
}

void (*const kernel_calls[])(struct thread *self) = {
    [SYS_CALL] = sys_call,
    [SYS_REPLY_WAIT] = sys_reply_wait,
    [SYS_SEND] = sys_send,
    [SYS_WAIT] = sys_wait,
};

message_way *const kernel_messages[] = {
    [SYS_CALL] = fast_call,
    [SYS_REPLY_WAIT] = fast_reply_wait,
    [SYS_SEND] = arch_message_other,
    [SYS_WAIT] = arch_message_other,
};

// --- signals and yields; of most, that wake nobody and give way to nobody, the first function is all

#define GIVES_WAY 1  // no reference

// @path notify 2/6: the capability that the call names
int64_t kernel_quick(uint64_t cap, uint64_t number)
{
    if (number > SYS_YIELD) return ERR_NO_SYSCALL;
    const struct thread *self = thread_at(this_core()->current);
    struct slot *slot;
    if (number == SYS_YIELD) return this_core()->top >= self->priority ? GIVES_WAY : OK;
    err_t err = cap_lookup(self, cap, CAP_NOTIFICATION, RIGHT_WRITE, &slot);
    if (err || notification_keep(notification_at(slot->object), slot->badge)) return err;
    return ref_of(slot);
}

_Noreturn void kernel_go_on(struct thread *self, int64_t what)
{
    if (what == GIVES_WAY) {
        sched_rotate(self);
    } else {
        const struct slot *slot = slot_at((ref_t)what);
        notification_wake(notification_at(slot->object), slot->badge);
    }
    exit_by_choice();
}

struct arch_fpu *kernel_fpu(struct thread *t) { return &t->fpu; }
