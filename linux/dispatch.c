// SPDX-License-Identifier: MIT
// From the stub to the handler of a Linux call, and what happens before the program goes on.
//
// entry.S calls the handler of a quick call itself, by quick_calls, linux_call() for every other call, linux_work()
// when something is to be done before the exit (a signal, a restart), linux_fault() when the program itself faulted.
#include <linux/signal.h>
#include "lib/rt/format.h"
#include "linux/linux.h"

typedef long call_function(const struct frame *f);

#define TAKE_0(f)
#define TAKE_1(f) f->rdi
#define TAKE_2(f) f->rdi, f->rsi
#define TAKE_3(f) f->rdi, f->rsi, f->rdx
#define TAKE_4(f) f->rdi, f->rsi, f->rdx, f->r10
#define TAKE_5(f) f->rdi, f->rsi, f->rdx, f->r10, f->r8
#define TAKE_6(f) f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9

#define LINUX_CALL(number, name, arity, kinds) \
    static long take_##name(__attribute__((unused)) const struct frame *f) { return call_##name(TAKE_##arity(f)); }
#include "linux/syscalls.def"
#undef LINUX_CALL

static call_function *const calls[CALLS] = {
#define LINUX_CALL(number, name, arity, kinds) [number] = take_##name,
#include "linux/syscalls.def"
#undef LINUX_CALL
};

// @path linux-read 3/9: the handler, by number
// The handlers that entry.S calls, with the arguments in registers.
const void *const quick_calls[CALLS] = {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
    [0 ... CALLS - 1] = (const void *)quick_refused,
#define LINUX_CALL(number, name, arity, kinds) [number] = (const void *)call_##name,
#define LINUX_CALL_WHOLE(number, name, arity, kinds)
#include "linux/syscalls.def"
#undef LINUX_CALL
#pragma clang diagnostic pop
};

// Serve the Linux call in the frame. Not 0: there is something to do before the program goes on.
int linux_call(struct frame *frame)
{
    call_function *call = frame->call < CALLS ? calls[frame->call] : NULL;
    long result = call ? call(frame) : -ENOSYS;
    frame->rax = (uint64_t)result;
    if (process()->traced) trace_call(frame);
    return frame->call == (uint64_t)NO_CALL || (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK);
}

// Deliver signals and settle how an interrupted call goes on.
void linux_work(struct frame *frame)
{
    signals_deliver(frame, __atomic_exchange_n(&rt_utcb()->events_pending, 0, __ATOMIC_SEQ_CST));
}

// What Linux tells a handler about a fault. proc has decided which signal it is (struct thread_page).
static void describe(const struct utcb *utcb, struct siginfo *info)
{
    info->si_signo = (int)thread_page()->fault_signal;
    info->si_code = thread_page()->fault_code;
    if (utcb->fault_kind == FAULT_KIND_PAGE)
        info->si_addr = (void *)utcb->fault_address;
    else if (info->si_code != SI_KERNEL)
        info->si_addr = (void *)utcb->fault.pc;
}

// The program faulted and handles that signal, or liblinux itself did: a bug that ends the process.
void linux_fault(struct frame *frame)
{
    const struct utcb *utcb = rt_utcb();
    if (is_liblinux(frame->rip)) {
        char why[PROC_REASON_BYTES + 1];
        (void)snprintf(why, sizeof why, "fault in liblinux, address %lx, pc %lx, sp %lx", utcb->fault_address,
                       frame->rip, frame->rsp);
        die(SIGSEGV, why);
    }
    struct siginfo info = {0};
    describe(utcb, &info);
    force_signal(frame, &info, "fault that is not handled");
}
