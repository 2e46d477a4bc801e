// SPDX-License-Identifier: MIT
// Futexes. Private ones are between the threads of this process and are kept here; shared ones are proc's.
//
// A waiter enters itself in the process's table (one entry a thread) while the lock is held, looks at the word, then
// sleeps on its notification; a waker, who has changed the word, looks at the table, takes it out and signals. proc
// wakes clear_child_tid, which pthread_join waits for.
#include <linux/futex.h>
#include "linux/linux.h"

#define WAKE_SLOT (PSLOT_FREE)  // + thread % 64: signals a thread's notification
#define WAKE_BADGE (1ull << SERVERS)

// A badged capability to this thread's notification, for those who wake it.
static long wake_slot_use(void)
{
    struct process *p = process();
    unsigned n = thread_index() % 64;
    if (p->wake_slots >> n & 1) return 0;
    (void)cspace_delete(PSLOT_CSPACE, WAKE_SLOT + n, 1);
    err_t err = cspace_derive(PSLOT_CSPACE, WAKE_SLOT + n, 0, PSLOT_NOTIFICATION + n, RIGHT_WRITE, WAKE_BADGE);
    if (err == OK) __atomic_or_fetch(&p->wake_slots, 1ull << n, __ATOMIC_RELAXED);
    return errno_of(err);
}

// Enter the table, unless the word has another value by then.
static long enter(struct process *p, struct futex_waiter *me, uint64_t address, uint32_t value, uint32_t bitset)
{
    uint64_t bit = 1ull << (me - p->futex_waiters);
    uint32_t now;
    lock(&p->futex_lock);
    *me = (struct futex_waiter){address, bitset, 0};
    __atomic_or_fetch(&p->futex_waiting, bit, __ATOMIC_SEQ_CST);
    long result = !load32(address, &now) ? -EFAULT : now != value ? -EAGAIN : 0;
    if (result < 0) __atomic_and_fetch(&p->futex_waiting, ~bit, __ATOMIC_RELAXED);
    unlock(&p->futex_lock);
    return result;
}

// Leave it; whether a waker had taken this one out.
static bool leave(struct process *p, struct futex_waiter *me)
{
    lock(&p->futex_lock);
    __atomic_and_fetch(&p->futex_waiting, ~(1ull << (me - p->futex_waiters)), __ATOMIC_RELAXED);
    bool woken = me->woken;
    unlock(&p->futex_lock);
    return woken;
}

static long wait_private(uint64_t address, uint32_t value, uint32_t bitset, uint64_t deadline)
{
    struct process *p = process();
    struct futex_waiter *me = &p->futex_waiters[thread_index() % 64];
    long result = wake_slot_use();
    if (result == 0) result = enter(p, me, address, value, bitset);
    if (result < 0) return result;
    while (result == 0 && !__atomic_load_n(&me->woken, __ATOMIC_ACQUIRE)) {
        err_t err = thread_wait(deadline);
        if (err == ERR_TIMEOUT) result = -ETIMEDOUT;
        if (err == ERR_EVENT) result = deadline == NS_FOREVER ? -ERESTARTSYS : -EINTR;
    }
    return leave(p, me) ? 0 : result;  // a wake that was counted is never lost
}

static __attribute__((noinline)) long wake_some(uint64_t address, uint32_t n, uint32_t bitset, uint64_t to,
                                                uint32_t n_move)
{
    struct process *p = process();
    uint64_t woken = 0;
    uint32_t count = 0, moved = 0;
    lock(&p->futex_lock);
    for (uint64_t left = p->futex_waiting; left && (count < n || moved < n_move); left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        struct futex_waiter *w = &p->futex_waiters[i];
        if (w->address != address || w->woken || !(w->bitset & bitset)) continue;
        if (count < n) {
            __atomic_store_n(&w->woken, 1, __ATOMIC_RELEASE);
            woken |= 1ull << i;
            count++;
        } else {
            w->address = to;
            moved++;
        }
    }
    unlock(&p->futex_lock);
    for (; woken; woken &= woken - 1) (void)sys_signal(WAKE_SLOT + (unsigned)__builtin_ctzll(woken));
    return count + moved;
}

// Wake up to n waiters of the address whose bitset meets this one, and send up to n_move others to wait elsewhere.
static long wake_private(uint64_t address, uint32_t n, uint32_t bitset, uint64_t to, uint32_t n_move)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);  // the word was changed before
    if (!__atomic_load_n(&process()->futex_waiting, __ATOMIC_RELAXED)) return 0;
    return wake_some(address, n, bitset, to, n_move);
}

// --- shared ones

static long wait_shared(uint64_t address, uint32_t value, uint32_t bitset, uint64_t deadline)
{
    for (bool armed = false;; armed = true) {
        struct message m = {.words = {thread_index(), address, value, bitset, deadline}};
        long result = ask_proc(PROC_FUTEX_WAIT, 0, &m);
        // An armed waiter that finds another value was woken, or might as well have been.
        if (result != -EAGAIN || INFO_ERR(m.info) != ERR_AGAIN) return armed && result == -EAGAIN ? 0 : result;
        err_t err = thread_wait(deadline);
        if (err == OK) continue;
        m = (struct message){.words = {thread_index(), address}};  // give up; a wake that was counted is never lost
        if (ask_proc(PROC_FUTEX_WAIT, 0, &m) == 0 && m.words[0]) return 0;
        return err == ERR_EVENT ? (deadline == NS_FOREVER ? -ERESTARTSYS : -EINTR) : errno_of(err);
    }
}

static __attribute__((noinline)) long wake_shared(uint64_t address, uint32_t n, uint32_t bitset, uint64_t to,
                                                  uint32_t n_move)
{
    struct message m = {.words = {address, n, bitset, to, n_move}};
    long result = ask_proc(PROC_FUTEX_WAKE, 0, &m);
    return result < 0 ? result : (long)m.words[0];
}

// --- the call

static long wait_deadline(uint32_t operation, uint64_t timeout, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = NS_FOREVER;
    if (!timeout) return 0;
    long result = time_in(timeout, &ns);
    if (result < 0) return result;
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT)
        *deadline = now_ns() + ns;
    else
        *deadline = operation & FUTEX_CLOCK_REALTIME ? (ns > wall_offset_ns() ? ns - wall_offset_ns() : 1) : ns;
    if (*deadline == NS_POLL) *deadline = 1;
    return 0;
}

// FUTEX_WAKE_OP: change the second word, wake waiters of the first, and of the second if its old value compares so.
static __attribute__((noinline)) long wake_op(bool is_private, uint64_t address, uint32_t n, uint64_t second,
                                              uint32_t n_second, uint32_t code)
{
    uint32_t old, argument = code >> 12 & 0xfff, compared = code & 0xfff, new;
    if (code >> 31) argument = 1u << (argument & 31);
    if (second % 4 || !in_program(second, 4)) return -EFAULT;
    do {
        if (!load32(second, &old)) return -EFAULT;
        switch (code >> 28 & 7) {
        case FUTEX_OP_SET: new = argument; break;
        case FUTEX_OP_ADD: new = old + argument; break;
        case FUTEX_OP_OR: new = old | argument; break;
        case FUTEX_OP_ANDN: new = old & ~argument; break;
        case FUTEX_OP_XOR: new = old ^ argument; break;
        default: return -ENOSYS;
        }
        uint32_t found;
        if (compare_swap_user(second, old, new, &found) != 0) return -EFAULT;
        if (found == old) break;
    } while (true);
    bool also;
    int32_t a = (int32_t)old, b = (int32_t)compared;
    switch (code >> 24 & 15) {
    case FUTEX_OP_CMP_EQ: also = a == b; break;
    case FUTEX_OP_CMP_NE: also = a != b; break;
    case FUTEX_OP_CMP_LT: also = a < b; break;
    case FUTEX_OP_CMP_LE: also = a <= b; break;
    case FUTEX_OP_CMP_GT: also = a > b; break;
    case FUTEX_OP_CMP_GE: also = a >= b; break;
    default: return -ENOSYS;
    }
    long (*wake)(uint64_t, uint32_t, uint32_t, uint64_t, uint32_t) = is_private ? wake_private : wake_shared;
    long result = wake(address, n, ~0u, 0, 0);
    if (result < 0 || !also) return result;
    long more = wake(second, n_second, ~0u, 0, 0);
    return more < 0 ? more : result + more;
}

static __attribute__((noinline)) long futex_wait(uint64_t address, uint32_t operation, uint32_t value, uint64_t timeout,
                                                 uint32_t bitset)
{
    uint64_t deadline;
    if (bitset == 0) return -EINVAL;
    long result = wait_deadline(operation, timeout, &deadline);
    if (result < 0) return result;
    return operation & FUTEX_PRIVATE_FLAG ? wait_private(address, value, bitset, deadline)
                                          : wait_shared(address, value, bitset, deadline);
}

static long wake(bool is_private, uint64_t address, uint32_t n, uint32_t bitset, uint64_t to, uint32_t n_move)
{
    if (bitset == 0) return -EINVAL;
    return is_private ? wake_private(address, n, bitset, to, n_move) : wake_shared(address, n, bitset, to, n_move);
}

static __attribute__((noinline)) long compare_requeue(bool is_private, uint64_t address, uint32_t expected, uint32_t n,
                                                      uint64_t to, uint32_t n_move)
{
    uint32_t found;
    if (!load32(address, &found)) return -EFAULT;
    return found == expected ? wake(is_private, address, n, ~0u, to, n_move) : -EAGAIN;
}

// What is not the waking of private ones is left to others, so that this needs no stack.
long call_futex(uint64_t address, uint64_t operation, uint64_t value, uint64_t timeout, uint64_t second,
                uint64_t value3)
{
    bool is_private = operation & FUTEX_PRIVATE_FLAG;
    uint32_t n = (uint32_t)value;
    if (address % 4) return -EINVAL;
    if (!in_program(address, 4)) return -EFAULT;
    switch ((uint32_t)operation & FUTEX_CMD_MASK) {
    case FUTEX_WAKE: return wake(is_private, address, n, ~0u, 0, 0);
    case FUTEX_WAKE_BITSET: return wake(is_private, address, n, (uint32_t)value3, 0, 0);
    case FUTEX_WAIT: return futex_wait(address, (uint32_t)operation, n, timeout, ~0u);
    case FUTEX_WAIT_BITSET: return futex_wait(address, (uint32_t)operation, n, timeout, (uint32_t)value3);
    case FUTEX_REQUEUE: return wake(is_private, address, n, ~0u, second, (uint32_t)timeout);
    case FUTEX_CMP_REQUEUE: return compare_requeue(is_private, address, (uint32_t)value3, n, second, (uint32_t)timeout);
    case FUTEX_WAKE_OP: return wake_op(is_private, address, n, second, (uint32_t)timeout, (uint32_t)value3);
    default: return -ENOSYS;  // priority inheritance
    }
}
