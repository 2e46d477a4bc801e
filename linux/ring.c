// SPDX-License-Identifier: MIT
// Ends of pipes that this process has to itself: bytes go through memory shared with the other end (protocols/ring.h).
//
// The file system offers an end to who keeps using it alone, and takes it back when somebody else turns up: the mapping
// goes at any moment. Rules:
//  - The ring is touched by the routines of user.S alone, which survive a fault. RING_LOST then: nothing has happened,
//    the caller asks the server, whose request comes after all that went through the ring.
//  - What the other end wrote is read once and bounded.
//  - A ring's lock is held over copies, never over a request or a wait. One thread, who took the ring up, is
//    signalled by the other end; another one that has to wait asks the server, and so gives the ring back.
#include <asm/poll.h>
#include "linux/linux.h"

#define RING_BYTES 0x20000  // of the window for each: words, then the data
#define RING_DATA_AT 0x10000
enum { SLOT_OWN, SLOT_DATA, SLOT_WORDS, SLOT_OTHER, RING_PSLOTS };  // the last: who is signalled at the other end
_Static_assert(PSLOT_RING + RINGS * RING_PSLOTS <= PSLOT_NOTIFICATION, "slots of rings");
_Static_assert(WINDOW_RINGS + RINGS * RING_BYTES <= 2 << 20, "they share a page table with the session buffers");
_Static_assert(WINDOW_RINGS >= SERVERS * IO_BUFFER_BYTES && PIPE_BYTES <= RING_BYTES - RING_DATA_AT, "windows");

// user.S
int ring_look(uint64_t words, uint64_t seen[3]);
int ring_publish(uint64_t words, uint64_t end_at, uint64_t position);
int ring_other(uint64_t words, uint64_t end_at, uint64_t seen[2]);
int ring_arm(uint64_t words, uint64_t end_at);
int ring_disarm(uint64_t words, uint64_t end_at);

// What one look at the words finds.
struct look {
    uint64_t state, reader, writer;
};
// What the other end wants after a move, looked at behind the fence.
struct other {
    uint64_t state, armed;
};

static unsigned index_of(const struct ring *ring) { return (unsigned)(ring - process()->rings); }

static uint32_t slot_of(const struct ring *ring, unsigned which)
{
    return PSLOT_RING + index_of(ring) * RING_PSLOTS + which;
}

static bool is_mine(const struct ring *ring)
{
    return ring->thread == thread_index() && self()->rings >> index_of(ring) & 1;
}

// --- taking up and letting go

static struct ring *ring_new(struct file *file)
{
    struct process *p = process();
    struct ring *found = NULL;
    lock(&p->table_lock);
    for (unsigned i = 0; i < RINGS && !found; i++)
        if (!p->rings[i].file) found = &p->rings[i];
    if (found) found->file = file;
    unlock(&p->table_lock);
    return found;
}

static void ring_release(struct ring *ring)
{
    (void)cspace_delete(PSLOT_CSPACE, slot_of(ring, 0), RING_PSLOTS);
    ring->file = NULL;
}

void ring_drop(struct file *file)
{
    uint32_t number = file->ring;
    if (!number) return;
    struct ring *ring = &process()->rings[number - 1];
    lock(&ring->lock);
    file->ring = 0;
    if (ring->file == file) ring_release(ring);
    unlock(&ring->lock);
}

// Words for reading, the end's own over them for writing, and the data as the end needs it.
static long map_ring(const struct ring *ring)
{
    uint64_t words = ring->words;
    unsigned own = RIGHT_READ | RIGHT_WRITE, data = ring->end == PIPE_WRITER ? own : RIGHT_READ;
    long result = map_own(slot_of(ring, SLOT_WORDS), words, 0, RING_PAGES, RIGHT_READ);
    if (result == 0) result = map_own(slot_of(ring, SLOT_OWN), words + RING_END_AT(ring->end), 0, 1, own);
    if (result == 0) result = map_own(slot_of(ring, SLOT_DATA), words + RING_DATA_AT, 0, PIPE_BYTES / PAGE_SIZE, data);
    return result;
}

// @path linux-pipe 2/5: the file system offered the end: take it, and map the ring
void ring_try(struct file *file)
{
    long result;
    struct ring *ring = file->ring ? NULL : ring_new(file);
    if (!ring) return;
    ring->end = (file->status & O_ACCMODE) == O_WRONLY ? PIPE_WRITER : PIPE_READER;
    ring->thread = thread_index();
    ring->words = window_area(process()) + WINDOW_RINGS + (uint64_t)index_of(ring) * RING_BYTES;
    ring->answered = ring->generation = 0;
    self()->rings |= 1u << index_of(ring);
    result = notify_use(file->server);
    if (result == 0) {
        (void)cspace_delete(PSLOT_CSPACE, slot_of(ring, 0), RING_PSLOTS);
        for (unsigned i = SLOT_OWN; i <= SLOT_WORDS; i++) receive_cap(i, 0, slot_of(ring, i));
        struct message m = {.words = {file->handle, thread_index()}};
        result = ask(file->server, FS_RING, 0, &m);
    }
    if (result == 0) result = map_ring(ring);
    if (result == 0)
        file->ring = (uint8_t)(index_of(ring) + 1);
    else
        ring_release(ring);
}

// --- transfers

static bool look(const struct ring *ring, struct look *l) { return ring_look(ring->words, (uint64_t *)l) == 0; }

static uint64_t used_of(const struct look *l)
{
    uint64_t used = l->writer - l->reader;
    return used <= PIPE_BYTES ? used : 0;  // the other end's nonsense is an empty pipe
}

// How many of `bytes` can go now; 0: end of file, -EPIPE, -EAGAIN, RING_LOST.
static long fit(const struct ring *ring, size_t bytes, struct look *l)
{
    if (!look(ring, l)) return RING_LOST;
    uint64_t used = used_of(l), available = used;
    if (ring->end == PIPE_WRITER) {
        available = PIPE_BYTES - used;
        if (l->state & RING_NO_READER) return -EPIPE;
        if (available < PIPE_ATOMIC && available < bytes) return -EAGAIN;
    } else if (used == 0) {
        return l->state & RING_NO_WRITER ? 0 : -EAGAIN;
    }
    return (long)(bytes < available ? bytes : available);
}

// The same; when it is nothing and the call may wait, the other end knows of it before it is found out.
// @path linux-pipe 4/5: nothing there: arm, look again, sleep until the other end signals
static long fit_or_arm(const struct ring *ring, size_t bytes, bool may_wait, struct look *l)
{
    long n = fit(ring, bytes, l);
    if (n != -EAGAIN || !may_wait) return n;
    if (!is_mine(ring) || ring_arm(ring->words, RING_END_AT(ring->end))) return RING_LOST;
    n = fit(ring, bytes, l);
    if (n != -EAGAIN) (void)ring_disarm(ring->words, RING_END_AT(ring->end));
    return n;
}

// The ring's bytes from a position on, which may begin again at its start, and the program's; both may fault.
static bool copy_pieces(const struct ring *ring, uint64_t position, uint8_t *memory, size_t n)
{
    uint8_t *data = (uint8_t *)ring->words + RING_DATA_AT, *at = data + position % PIPE_BYTES;
    size_t first = n < PIPE_BYTES - position % PIPE_BYTES ? n : PIPE_BYTES - position % PIPE_BYTES;
    if (ring->end == PIPE_WRITER)
        return copy_bytes(at, memory, first) == 0 && (n == first || copy_bytes(data, memory + first, n - first) == 0);
    return copy_bytes(memory, at, first) == 0 && (n == first || copy_bytes(memory + first, data, n - first) == 0);
}

// @path linux-pipe 3/5: copy, and one store to the own position makes it count
// *wake: the other end may be waiting for this.
static long copy(const struct ring *ring, void *memory, size_t n, const struct look *l, bool *wake)
{
    struct look again;
    bool writes = ring->end == PIPE_WRITER;
    uint64_t position = writes ? l->writer : l->reader;
    if (!copy_pieces(ring, position, memory, n)) return look(ring, &again) ? -EFAULT : RING_LOST;
    if (ring_publish(ring->words, RING_END_AT(ring->end), position + n)) return RING_LOST;
    *wake = writes || PIPE_BYTES - (used_of(l) - n) >= PIPE_ATOMIC;
    return (long)n;
}

// @path linux-pipe 5/5: whoever armed at the other end is signalled, once for each time
// Our end has moved. When the ring goes away here, the server has woken them.
static void wake_other(struct file *file, struct ring *ring)
{
    struct other other;
    if (ring_other(ring->words, RING_END_AT(ring->end), (uint64_t *)&other)) return;
    uint64_t generation = other.state >> RING_GENERATION_SHIFT;
    if (generation == ring->generation && other.armed == ring->answered) return;
    ring->generation = generation;
    ring->answered = other.armed;
    if (!(other.armed & ARMED_BITS)) return;
    if ((other.armed & ARMED_BITS) == ARMED_THREAD) {
        if (sys_signal(slot_of(ring, SLOT_OTHER)) == OK) return;
        (void)cspace_delete(PSLOT_CSPACE, slot_of(ring, SLOT_OTHER), 1);
        receive_cap(0, 0, slot_of(ring, SLOT_OTHER));
    }
    struct message m = {.words = {file->handle}};
    (void)ask(file->server, FS_RING_WAKE, 0, &m);
}

// One transfer of up to `bytes`: how many, 0: end of file, -EAGAIN: not now.
static long transfer(struct file *file, struct ring *ring, void *memory, size_t bytes, bool may_wait)
{
    struct look l;
    bool wake = false;
    lock(&ring->lock);
    long n = ring->file == file ? fit_or_arm(ring, bytes, may_wait, &l) : RING_LOST;
    if (n > 0) n = copy(ring, memory, (size_t)n, &l, &wake);
    unlock(&ring->lock);
    if (wake) wake_other(file, ring);
    return n;
}

long ring_transfer(struct file *file, void *memory, size_t bytes)
{
    uint32_t number = file->ring;
    if (!number) return RING_LOST;
    if (bytes == 0) return 0;
    bool may_wait = !(file->status & O_NONBLOCK);
    for (;;) {
        long result = transfer(file, &process()->rings[number - 1], memory, bytes, may_wait);
        if (result == RING_LOST) ring_drop(file);
        if (result != -EAGAIN || !may_wait) return result;
        err_t err = thread_wait(NS_FOREVER);
        if (err != OK) return wait_interrupted(err);
    }
}

// --- readiness

static long ready_now(const struct ring *ring, uint32_t events)
{
    struct look l;
    uint32_t ready = 0;
    if (!look(ring, &l)) return RING_LOST;
    if (ring->end == PIPE_READER) {
        if (used_of(&l) > 0) ready |= POLLIN | POLLRDNORM;
        if (l.state & RING_HUNG_UP) ready |= POLLHUP;
    } else {
        if (PIPE_BYTES - used_of(&l) >= PIPE_ATOMIC) ready |= POLLOUT | POLLWRNORM;
        if (l.state & RING_NO_READER) ready |= POLLERR;
    }
    return ready & (events | POLLHUP | POLLERR);
}

long ring_poll(struct file *file, uint32_t events, bool to_wait)
{
    uint32_t number = file->ring;
    if (!number) return RING_LOST;
    const struct ring *ring = &process()->rings[number - 1];
    long ready = ready_now(ring, events);
    if (ready == 0 && to_wait) {
        bool armed = is_mine(ring) && ring_arm(ring->words, RING_END_AT(ring->end)) == 0;
        ready = armed ? ready_now(ring, events) : RING_LOST;
    }
    if (ready == RING_LOST) ring_drop(file);
    return ready;
}
