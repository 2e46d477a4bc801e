// SPDX-License-Identifier: MIT
// The six system calls as inline functions (abi/ipc.h has the register contract), and ipc_call(), which sends again
// what a restarted server had not recorded.
//
// A `struct message` is what travels in registers: fill in `info` and the words before a call, read badge, info, words
// and count after a receive. Words 6.. and the slots of capabilities lie in rt_utcb(). All six words are always
// sent and received, whatever the info word counts; unset ones carry whatever the message held.
#pragma once
#include "abi/errors.h"
#include "lib/rt/utcb.h"

struct message {
    uint64_t info;  // INFO(label, words, caps)
    uint64_t words[MSG_REGISTERS];
    uint64_t badge;  // of the sender, after a receive
    uint64_t count;  // arming count: in REPLY_WAIT the one to answer (0: nobody), after a receive the new one
};

// One system call with all message registers. The reply slot is used by REPLY_WAIT and WAIT only.
#ifdef RT_HOST_TEST  // a unit test on another system plays the kernel
err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline);
#else
static inline err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline)
{
    register uint64_t rax __asm__("rax") = NATIVE | number;
    register uint64_t rdi __asm__("rdi") = cap;
    register uint64_t rsi __asm__("rsi") = m->info;
    register uint64_t rdx __asm__("rdx") = m->words[0];
    register uint64_t r10 __asm__("r10") = m->words[1];
    register uint64_t r8 __asm__("r8") = m->words[2];
    register uint64_t r9 __asm__("r9") = m->words[3];
    register uint64_t r12 __asm__("r12") = m->words[4];
    register uint64_t r13 __asm__("r13") = m->words[5];
    register uint64_t r14 __asm__("r14") = reply_slot | m->count << 32;
    register uint64_t r15 __asm__("r15") = deadline;
    __asm__ volatile("syscall"
                     : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r12), "+r"(r13),
                       "+r"(r14)
                     : "r"(r15)
                     : "rcx", "r11", "memory");
    m->badge = rdi;
    m->info = rsi;
    m->words[0] = rdx;
    m->words[1] = r10;
    m->words[2] = r8;
    m->words[3] = r9;
    m->words[4] = r12;
    m->words[5] = r13;
    m->count = r14;
    return (err_t)rax;
}
#endif

// Send the message and block for the reply, which replaces it. The error is the kernel's; the server's is
// INFO_ERR(m->info).
static inline err_t sys_call(uint32_t cap, struct message *m, uint64_t deadline)
{
    m->count = 0;
    return rt_syscall(SYS_CALL, cap, 0, m, deadline);
}

// Answer the caller that armed `reply` with m->count (0: nobody) with the message, then receive the next one from the
// endpoint, arming `reply` for it. Ends with ERR_TIMEOUT or ERR_EVENT without a message; the answer has gone out then.
static inline err_t sys_reply_wait(uint32_t endpoint, uint32_t reply, struct message *m, uint64_t deadline)
{
    return rt_syscall(SYS_REPLY_WAIT, endpoint, reply, m, deadline);
}

// Answer on the reply object if it is still armed with this count (ERR_STALE otherwise). Does not block.
static inline err_t sys_reply(uint32_t reply, uint64_t count, struct message *m)
{
    m->count = count;
    return rt_syscall(SYS_SEND, reply, 0, m, NS_FOREVER);
}

// Deliver the message to an endpoint without expecting an answer; blocks until it is received or the deadline passes.
static inline err_t sys_send(uint32_t endpoint, struct message *m, uint64_t deadline)
{
    m->count = 0;
    return rt_syscall(SYS_SEND, endpoint, 0, m, deadline);
}

// Receive: from an endpoint, arming `reply` (0: callers stay queued), or a notification's bits in word 0.
static inline err_t sys_wait(uint32_t cap, uint32_t reply, struct message *m, uint64_t deadline)
{
    m->count = 0;
    m->info = 0;
    return rt_syscall(SYS_WAIT, cap, reply, m, deadline);
}

// OR the capability's badge into its notification. Never blocks.
static inline err_t sys_signal(uint32_t notification)
{
#ifdef RT_HOST_TEST
    struct message m = {0};
    return rt_syscall(SYS_SIGNAL, notification, 0, &m, NS_FOREVER);
#else
    register uint64_t rax __asm__("rax") = NATIVE | SYS_SIGNAL;
    register uint64_t rdi __asm__("rdi") = notification;
    register uint64_t rsi __asm__("rsi") = 0;
    register uint64_t r14 __asm__("r14") = 0;
    register uint64_t r15 __asm__("r15") = NS_FOREVER;
    __asm__ volatile("syscall"
                     : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(r14)
                     : "r"(r15)
                     : "rcx", "r11", "rdx", "r10", "r8", "r9", "r12", "r13", "memory");
    return (err_t)rax;
#endif
}

// Let others of the same priority run.
static inline void sys_yield(void)
{
    struct message m = {0};
    (void)rt_syscall(SYS_YIELD, 0, 0, &m, NS_FOREVER);
}

// Call a server: the result is the kernel's error or, where the call went through, the server's. When the server
// died before it had recorded the message, nothing has run and the same message is sent again; long words and
// capability slots are still in the UTCB, since such an answer carries none.
static inline err_t ipc_call(uint32_t cap, struct message *m)
{
    const struct message request = *m;
    for (;;) {
        err_t err = sys_call(cap, m, NS_FOREVER);
        if (err != OK) return err;
        err = INFO_ERR(m->info);
        if (err != ERR_RESTARTED) return err;
        *m = request;
    }
}
