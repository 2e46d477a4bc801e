// SPDX-License-Identifier: MIT
// poll and select: ask each file, arming where one must wait, sleep on the thread's notification, ask again.
#include <asm/poll.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include "linux/linux.h"

#define POLL_STACK 64  // entries looked at per piece
#define SELECT_WORDS (DESCRIPTORS / 64)
#define ALWAYS (POLLERR | POLLHUP)

// Events that are ready now, of those asked for and POLLERR, POLLHUP; or -errno.
long file_poll(struct file *file, uint32_t events, bool arm)
{
    uint32_t type = file->mode & S_IFMT;
    if (file->server == IO_LOCAL || type == S_IFREG || type == S_IFDIR || file->status & O_PATH)
        return events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    long result = ring_poll(file, events, arm);
    if (result != RING_LOST) return result;
    result = file_attach(file);
    if (result == 0 && arm) result = notify_use(file->server);
    if (result < 0) return result;
    struct message m = {.words = {0, events, arm ? IO_ARM | IO_THREAD(thread_index()) : 0}};
    result = file_ask(file, IO_POLL, 0, &m);
    if (result < 0) return result;
    long ready = (long)(m.words[0] & (events | ALWAYS));
    ring_take_up(file, ready, &m);
    return ready;
}

static uint32_t poll_fd(int fd, uint32_t events, bool arm)
{
    struct file *file = file_get((uint64_t)(uint32_t)fd);
    long ready = file ? file_poll(file, events, arm) : POLLNVAL;
    return ready < 0 ? POLLERR : (uint32_t)ready;
}

// One look at all entries; how many are ready, or -EFAULT. Arms until the first one that is.
static long look(uint64_t user, uint64_t n, bool arm)
{
    struct pollfd entries[POLL_STACK];
    long ready = 0;
    for (uint64_t at = 0; at < n; at += POLL_STACK) {
        size_t run = n - at < POLL_STACK ? n - at : POLL_STACK;
        if (!copy_in(entries, user + at * sizeof *entries, run * sizeof *entries)) return -EFAULT;
        for (size_t i = 0; i < run; i++) {
            struct pollfd *e = &entries[i];
            e->revents = e->fd < 0 ? 0 : (short)poll_fd(e->fd, (uint16_t)e->events, arm && ready == 0);
            ready += e->revents != 0;
        }
        if (!copy_out(user + at * sizeof *entries, entries, run * sizeof *entries)) return -EFAULT;
    }
    return ready;
}

static long poll_until(uint64_t user, uint64_t n, uint64_t deadline)
{
    if (n > DESCRIPTORS) return -EINVAL;
    for (;;) {
        long ready = look(user, n, deadline != NS_POLL);
        if (ready != 0 || deadline == NS_POLL) return ready;
        err_t err = thread_wait(deadline);
        if (err == ERR_TIMEOUT) deadline = NS_POLL;
        if (err == ERR_EVENT) return -ERESTARTNOHAND;
    }
}

static long poll_again(struct thread *t)
{
    long result = poll_until(t->restart_args[0], t->restart_args[1], t->restart_args[2]);
    return result == -ERESTARTNOHAND ? -ERESTART_RESTARTBLOCK : result;
}

long call_poll(uint64_t user, uint64_t n, uint64_t timeout_ms)
{
    int ms = (int)timeout_ms;
    struct thread *t = self();
    t->restart = poll_again;
    t->restart_args[0] = user;
    t->restart_args[1] = (uint32_t)n;
    t->restart_args[2] = ms < 0 ? NS_FOREVER : ms == 0 ? NS_POLL : now_ns() + (uint64_t)ms * 1000000;
    return poll_again(t);
}

// Deadline of an optional struct timespec.
static long deadline_of(uint64_t user, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = NS_FOREVER;
    if (!user) return 0;
    long result = time_in(user, &ns);
    if (result == 0) *deadline = ns == 0 ? NS_POLL : ns > NS_FOREVER / 2 ? NS_FOREVER : now_ns() + ns;
    return result;
}

// Linux tells what was left of the time, in place.
static void tell_left(uint64_t user, uint64_t deadline, uint64_t unit)
{
    if (!user || deadline == NS_FOREVER) return;
    uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;
    const uint64_t parts[2] = {left / 1000000000, left % 1000000000 / unit};
    (void)copy_out(user, parts, sizeof parts);  // as Linux, which forgives this too
}

long call_ppoll(uint64_t user, uint64_t n, uint64_t timeout, uint64_t mask, uint64_t mask_bytes)
{
    uint64_t deadline;
    long result = deadline_of(timeout, &deadline);
    if (result == 0 && mask) result = mask_temporarily(mask, mask_bytes);
    if (result == 0) result = poll_until(user, n, deadline);
    mask_back(result);
    tell_left(timeout, deadline, 1);
    return result;
}

// --- select

struct sets {
    const uint64_t *users;  // where the program has them, 0: there is none
    uint64_t in[3][SELECT_WORDS], out[3][SELECT_WORDS];
};
static const uint32_t wanted_events[3] = {POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM, POLLPRI};
static const uint32_t ready_events[3] = {POLLIN | POLLRDNORM | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLERR,
                                         POLLPRI};

// One descriptor: in how many sets it is ready. `in`: the words of the sets that it stands in.
static long look_in_sets(struct sets *sets, const uint64_t in[3], unsigned fd, bool arm)
{
    uint64_t bit = 1ull << fd % 64;
    uint32_t events = 0;
    long ready = 0;
    for (int k = 0; k < 3; k++) events |= in[k] & bit ? wanted_events[k] : 0;
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    long found = file_poll(file, events, arm);
    if (found < 0) found = POLLERR;
    for (int k = 0; k < 3; k++)
        if (in[k] & bit && found & ready_events[k]) {
            sets->out[k][fd / 64] |= bit;
            ready++;
        }
    return ready;
}

static long look_sets(struct sets *sets, unsigned n, bool arm)
{
    long ready = 0;
    for (unsigned word = 0; word * 64 < n; word++) {
        uint64_t in[3], wanted = 0;
        for (int k = 0; k < 3; k++) {
            in[k] = sets->users[k] ? sets->in[k][word] : 0;
            wanted |= in[k];
            sets->out[k][word] = 0;
        }
        if (n - word * 64 < 64) wanted &= (1ull << n % 64) - 1;
        for (; wanted; wanted &= wanted - 1) {
            long found = look_in_sets(sets, in, word * 64 + (unsigned)__builtin_ctzll(wanted), arm && ready == 0);
            if (found < 0) return found;
            ready += found;
        }
    }
    return ready;
}

static long select_until(uint64_t n, const uint64_t users[3], uint64_t deadline)
{
    struct sets sets;
    if ((int)n < 0) return -EINVAL;
    unsigned fds = (uint32_t)n < DESCRIPTORS ? (uint32_t)n : DESCRIPTORS;
    size_t bytes = (fds + 63) / 64 * 8;
    sets.users = users;
    for (int k = 0; k < 3; k++)
        if (users[k] && !copy_in(sets.in[k], users[k], bytes)) return -EFAULT;
    for (;;) {
        long ready = look_sets(&sets, fds, deadline != NS_POLL);
        if (ready < 0) return ready;
        if (ready > 0 || deadline == NS_POLL) {
            for (int k = 0; k < 3; k++)
                if (users[k] && !copy_out(users[k], sets.out[k], bytes)) return -EFAULT;
            return ready;
        }
        err_t err = thread_wait(deadline);
        if (err == ERR_TIMEOUT) deadline = NS_POLL;
        if (err == ERR_EVENT) return -ERESTARTNOHAND;
    }
}

long call_select(uint64_t n, uint64_t in, uint64_t out, uint64_t exceptional, uint64_t timeout)
{
    struct __kernel_old_timeval v;
    const uint64_t users[3] = {in, out, exceptional};
    uint64_t deadline = NS_FOREVER;
    if (timeout) {
        if (!copy_in(&v, timeout, sizeof v)) return -EFAULT;
        if (v.tv_sec < 0 || v.tv_usec < 0) return -EINVAL;
        uint64_t ns = (uint64_t)v.tv_sec * 1000000000 + (uint64_t)v.tv_usec * 1000;
        deadline = ns == 0 ? NS_POLL : now_ns() + ns;
    }
    long result = select_until(n, users, deadline);
    tell_left(timeout, deadline, 1000);
    return result;
}

long call_pselect6(uint64_t n, uint64_t in, uint64_t out, uint64_t exceptional, uint64_t timeout, uint64_t mask)
{
    const uint64_t users[3] = {in, out, exceptional};
    uint64_t deadline, mask_and_bytes[2] = {0, 0};
    if (mask && !copy_in(mask_and_bytes, mask, sizeof mask_and_bytes)) return -EFAULT;
    long result = deadline_of(timeout, &deadline);
    if (result == 0 && mask_and_bytes[0]) result = mask_temporarily(mask_and_bytes[0], mask_and_bytes[1]);
    if (result == 0) result = select_until(n, users, deadline);
    mask_back(result);
    tell_left(timeout, deadline, 1);
    return result;
}
