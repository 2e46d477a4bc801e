// SPDX-License-Identifier: MIT
// Rings: ends of pipes lent and taken back, with an honest holder and with a lying one. The test plays the holder.
// Links attr.c buddy.c cpio.c data.c dir.c extent.c file.c inode.c lock.c map.c
// Links names.c open.c path.c pipe.c reclaim.c rename.c ring.c serve.c text.c words.c
#include "fs/tmpfs/pipe_kit.h"
#include <asm/ioctls.h>

static struct ring_end *words_of_end(const struct pipe *pipe, unsigned end)
{
    return (struct ring_end *)(pool_address(pipe->words) + RING_END_AT(end));
}

static uint64_t state_word(const struct pipe *pipe)
{
    return ((struct ring_server *)(pool_address(pipe->words) + RING_SERVER_AT))->state;
}

static uint8_t *ring_byte(const struct pipe *pipe, uint64_t position)
{
    return pool_address(pipe->pages[0]) + position % PIPE_BYTES;
}

static bool unused_slots(const struct pipe *pipe, unsigned end)
{
    for (unsigned i = 0; i < RING_SLOTS; i++)
        if (slots[pipe->ends[end].slots[i]].used) return false;
    return true;
}

// The request's answer when it is sent again as often as the server wants.
static long again(long (*ask)(long, size_t), long handle, size_t n)
{
    long result = ask(handle, n);
    for (unsigned i = 0; i < 3 && result == ERR_RESTARTED - 100000; i++) result = ask(handle, n);
    return result;
}

static void test_lending(void)
{
    long r, w;
    start(1024);
    want_buffer();
    uint32_t thread = register_thread(0);
    make_pipe(&r, &w);
    uint32_t free_pages = fs->pool.n_free, free_slots = 0;
    for (unsigned i = 64; i < TEST_SLOTS; i++) free_slots += !slots[i].used;
    const struct pipe *pipe = pipe_of_handle(r);
    ok(ask_ring(r) == -EBUSY && ask_ring(w) == -EBUSY, "an end is not lent for the asking");
    use_until_offered(r, w);
    ok(ask_ring(r) == 0 && answer.n_caps == 3 && pipe->ends[PIPE_READER].state == END_LENT,
       "who keeps using it gets it");
    ok(slots[answer.caps[RING_OWN]].rights == (RIGHT_READ | RIGHT_WRITE) &&
           slots[answer.caps[RING_DATA]].rights == RIGHT_READ && slots[answer.caps[RING_WORDS]].rights == RIGHT_READ,
       "a reader may write its own words only");
    ok(slots[answer.caps[RING_OWN]].first == pipe->words + 1 + PIPE_READER && slots[answer.caps[RING_OWN]].n_pages == 1,
       "which lie in a page of their own");
    memset(scratch, 7, 100);
    ok(pipe_in(w, 100) == 100 && words_of_end(pipe, PIPE_WRITER)->position == pipe->ends[PIPE_WRITER].position &&
           *ring_byte(pipe, words_of_end(pipe, PIPE_READER)->position) == 7,
       "what the server writes is seen in the ring");
    words_of_end(pipe, PIPE_READER)->position += 60;
    words((uint64_t)r, FIONREAD, 0, 0, 0, 0);
    ok(request(IO_IOCTL) == OK && *(int *)&answer.words[6] == 40 && pipe->ends[PIPE_READER].state == END_LENT,
       "what the holder has read is gone");
    ok(ask_ring(w) == 0 && slots[answer.caps[RING_DATA]].rights == (RIGHT_READ | RIGHT_WRITE),
       "the writing end, with the bytes of its holder in the ring");
    words_of_end(pipe, PIPE_READER)->armed = ARMED_NEXT(0, ARMED_THREAD);
    signalled[thread] = 0;
    uint32_t others = pipe->ends[PIPE_READER].slots[RING_NOTIFICATION];
    signalled[others] = 0;
    ok(on_handle(FS_RING_WAKE, w, 0, 0, 0) == 0 && answer.n_caps == 1 && answer.caps[0] == others &&
           signalled[others] == 1,
       "a holder wakes the other and may do so himself from then on");
    ok(pipe_out(r, 10) == ERR_RESTARTED - 100000 && unused_slots(pipe, PIPE_READER), "a request takes the end back");
    ok(pipe_out(r, 10) == 10 && back[0] == 7 &&
           pipe->ends[PIPE_READER].position == words_of_end(pipe, PIPE_READER)->position,
       "and goes on where the holder was");
    do_close(w);
    ok((state_word(pipe) & (RING_NO_WRITER | RING_HUNG_UP)) == (RING_NO_WRITER | RING_HUNG_UP) &&
           unused_slots(pipe, PIPE_WRITER),
       "closing gives the end back, and the end of file stands in the ring");
    ok(pipe_out(r, 100) == 30 && pipe_out(r, 100) == 0, "after the last bytes");
    do_close(r);
    uint32_t free_now = 0;
    for (unsigned i = 64; i < TEST_SLOTS; i++) free_now += !slots[i].used;
    ok(fs->pipes.n_used == 0 && fs->pool.n_free == free_pages && free_now == free_slots + 2, "a ring leaves nothing");
}

static void test_strangers(void)
{
    long r, w;
    start(1024);
    register_thread(0);
    on_path(FS_MKNOD, "/fifo", 0, S_IFIFO | 0666, 0);
    on_path(FS_CHMOD, "/fifo", 0, 0666, 0);
    r = do_open("/fifo", O_RDONLY | O_NONBLOCK, 0);
    w = do_open("/fifo", O_WRONLY, 0);
    const struct pipe *pipe = pipe_of_handle(r);
    as = 2;
    register_thread(0);
    long w2 = do_open("/fifo", O_WRONLY, 0);
    memset(scratch, 9, 50);
    pipe_in(w2, 50);
    as = 1;
    for (unsigned i = 0; i < 20; i++) pipe_in(w, 1);
    ok(!answer.words[2] && ask_ring(w) == -EBUSY, "no writing end while bytes of others are in the pipe");
    pipe_out(r, 50);
    pipe_in(w, 1);
    ok(answer.words[2] && ask_ring(w) == 0, "but once they are read");
    uint64_t seen = 0;
    for (uint64_t i = 0;
         i < PIPE_BYTES - pipe_level(((struct description *)io_handle(session_of(1), (uint64_t)r))->inode); i++)
        seen += *ring_byte(pipe, words_of_end(pipe, PIPE_WRITER)->position + i);
    ok(seen == 0, "and nothing of them can be seen");
    uint32_t patience = pipe->ends[PIPE_WRITER].patience;
    as = 2;
    ok(pipe_in(w2, 1) == ERR_RESTARTED - 100000 && pipe_in(w2, 1) == 1, "another writer takes the end back");
    ok(pipe->ends[PIPE_WRITER].patience == 2 * patience, "and next time it takes more to get it");
    as = 1;
    ok(pipe_out(r, 1000) == 22, "nothing is lost");
    use_until_offered(r, w);
    ok(ask_ring(w) == 0, "patience is rewarded");
    end_process(1);
    as = 2;
    ok(pipe_in(w2, 1) == -EPIPE && unused_slots(pipe, PIPE_WRITER), "death gives the end back");
    do_close(w2);
    ok(fs->pipes.n_used == 0, "the pipe ends with its last end");
}

// Whatever stands in a holder's words, the server reads at most the ring.
static void test_nonsense(void)
{
    static const uint64_t nonsense[] = {0, 1, 4095, PIPE_BYTES - 1, PIPE_BYTES, PIPE_BYTES + 1, 1ull << 40, ~0ull};
    bool right = true;
    start(1024);
    register_thread(0);
    for (unsigned i = 0; i < 2 * sizeof nonsense / sizeof *nonsense; i++) {
        long r, w;
        unsigned end = i % 2;
        make_pipe(&r, &w);
        use_until_offered(r, w);
        const struct pipe *pipe = pipe_of_handle(r);
        right &= ask_ring(end == PIPE_READER ? r : w) == 0;
        words_of_end(pipe, end)->position = nonsense[i / 2];
        words_of_end(pipe, end)->armed = nonsense[i / 2];
        long in = again(pipe_in, w, 100), out = again(pipe_out, r, 65536);
        right &= (in == 100 || in == -EAGAIN) && (out >= 0 || out == -EAGAIN);
        in = again(pipe_in, w, 100), out = again(pipe_out, r, 65536);
        right &= in == 100 && out >= 100 && out <= PIPE_BYTES;
        do_close(w);
        do_close(r);
    }
    ok(right && fs->pipes.n_used == 0, "nonsense in the words");
}

// The holder's side of a transfer, as liblinux does it; false: nothing to do.
static bool holder_moves(struct pipe *pipe, unsigned end, uint64_t n, uint64_t *count)
{
    struct ring_end *own = words_of_end(pipe, end);
    uint64_t used = words_of_end(pipe, PIPE_WRITER)->position - words_of_end(pipe, PIPE_READER)->position;
    uint64_t available = end == PIPE_WRITER ? PIPE_BYTES - used : used;
    if (n > available) n = available;
    bool right = used <= PIPE_BYTES;
    for (uint64_t i = 0; i < n; i++, (*count)++) {
        uint8_t *byte = ring_byte(pipe, own->position + i), value = (uint8_t)(*count * 7 + *count / 251);
        if (end == PIPE_WRITER) *byte = value;
        right &= *byte == value;
    }
    own->position += n;
    return right;
}

// Each end is lent when it is offered and, now and then, asked for a request by its holder, as after an exec.
static void test_stream(unsigned rate, const char *name)
{
    long handles[PIPE_ENDS];
    uint64_t counts[PIPE_ENDS] = {0};
    unsigned lent = 0;
    bool right = true;
    start(1024);
    register_thread(0);
    make_pipe(&handles[PIPE_READER], &handles[PIPE_WRITER]);
    struct pipe *pipe = pipe_of_handle(handles[0]);
    kill_rate = rate;
    for (unsigned i = 0; i < 20000 && right; i++) {
        unsigned end = random_below(2);
        size_t n = 1 + random_below(random_below(8) ? 300 : 30000);
        if (pipe->ends[end].state == END_LENT && random_below(50)) {
            right &= holder_moves(pipe, end, n, &counts[end]);
            continue;
        }
        for (size_t j = 0; j < n; j++) scratch[j] = (uint8_t)((counts[end] + j) * 7 + (counts[end] + j) / 251);
        long done = again(end == PIPE_WRITER ? pipe_in : pipe_out, handles[end], n);
        for (long j = 0; end == PIPE_READER && j < done; j++)
            right &= back[j] == (uint8_t)((counts[end] + (uint64_t)j) * 7 + (counts[end] + (uint64_t)j) / 251);
        if (done > 0) counts[end] += (uint64_t)done;
        right &= done > 0 || done == -EAGAIN;
        if (done > 0 && answer.words[2]) lent += ask_ring(handles[end]) == 0;
        for (unsigned k = 0; k < PIPE_ENDS; k++) pipe->ends[k].patience = 8;
    }
    kill_rate = 0;
    ok(right && lent > 20 && counts[PIPE_WRITER] - counts[PIPE_READER] == pipe_bytes(pipe), name);
}

int main(void)
{
    suite = "ring";
    test_lending();
    test_strangers();
    test_nonsense();
    test_stream(0, "a stream of pieces between ends that are lent and taken back");
    test_stream(5, "the same with steps killed and run again");
    return finish_tests();
}
