// SPDX-License-Identifier: MIT
// Rings: pipes whose ends are lent to the processes that use them alone (protocols/ring.h).
//
// Rules:
//  - An end is lent to who has asked for it `patience` times in a row, and to nobody else; its holder's word is its
//    position then, of which nothing is believed: it is read once and bounded. Any request on a lent end takes it back,
//    and doubles the patience; the end of the holder's handle takes it back, too.
//  - Taking back: the frames are revoked after the commit, so the final position is read in a later step (the
//    request is answered ERR_RESTARTED and comes again), and only then both ends of it, the holder's last transfer and
//    the next one, are in order. Holder and other end are signalled after the revoke: the holder finds his ring gone,
//    and the other end what the holder may have moved without having come to tell.
//  - The writing end is lent only when all bytes in the ring are the holder's own, who could change them, and what is
//    not in use is cleared first, so that he sees nobody's. `user_since` tells.
//  - Words that we publish: positions of ends that we serve and the state, by effects; they are stored again by a
//    repeated effect, never taken back. `armed` is a hint and set at once, before the look that may put a waiter to
//    sleep.
// A ring keeps its pages until its pipe ends. All of this lies in the vault and in the pool: a restart changes nothing.
#include "fs/tmpfs/tmpfs.h"

#define PATIENCE_MOST 4096
#define RING_ORDER 4   // of the data's pages
#define WORDS_ORDER 2  // of the words' pages
#define OTHER(end) (PIPE_WRITER - (end))
_Static_assert(PIPE_PAGES == 1 << RING_ORDER && RING_PAGES == 1 << WORDS_ORDER, "runs of frames");

enum { EFFECT_MOVED, EFFECT_STATE };

static bool has_ring(const struct pipe *pipe) { return pipe->words != PIPE_NO_PAGE; }

static struct ring_end *end_words(uint32_t words, unsigned which)
{
    return (struct ring_end *)(pool_address(words) + RING_END_AT(which));
}

// --- words

// Where an end stands. While we do not serve it, that is its holder's word: it may be anything.
static uint64_t position_of(const struct pipe *pipe, unsigned which)
{
    const struct pipe_end *end = &pipe->ends[which];
    if (end->state == END_SERVED) return end->position;
    return __atomic_load_n(&end_words(pipe->words, which)->position, __ATOMIC_ACQUIRE);
}

uint64_t pipe_bytes(const struct pipe *pipe)
{
    uint64_t bytes = position_of(pipe, PIPE_WRITER) - position_of(pipe, PIPE_READER);
    return bytes <= PIPE_BYTES ? bytes : 0;  // whoever said so harms his own pipe
}

static uint64_t state_of(const struct pipe *pipe)
{
    uint64_t state = (uint64_t)pipe->generation << RING_GENERATION_SHIFT;
    if (!pipe_has(pipe, PIPE_READER)) state |= RING_NO_READER;
    if (!pipe_has(pipe, PIPE_WRITER)) state |= RING_NO_WRITER;
    if (!pipe_has(pipe, PIPE_WRITER) && pipe->ends[PIPE_WRITER].opened) state |= RING_HUNG_UP;
    return state;
}

// Effect: an end that we serve has moved to `position`; `other` is the notification of who has the other end.
static void publish_position(uint64_t end_at, uint64_t position, uint64_t other)
{
    uint32_t words = (uint32_t)(end_at / PIPE_ENDS);
    unsigned which = (unsigned)(end_at % PIPE_ENDS);
    __atomic_store_n(&end_words(words, which)->position, position, __ATOMIC_SEQ_CST);
    if (!other || !(__atomic_load_n(&end_words(words, OTHER(which))->armed, __ATOMIC_SEQ_CST) & ARMED_BITS)) return;
    (void)sys_signal((uint32_t)other);
}

// Effect.
static void publish_state(uint64_t words, uint64_t state, uint64_t none)
{
    (void)none;
    struct ring_server *server = (struct ring_server *)(pool_address((uint32_t)words) + RING_SERVER_AT);
    __atomic_store_n(&server->state, state, __ATOMIC_SEQ_CST);
}

const server_effect_handler ring_effects[RING_EFFECTS] = {
    [EFFECT_MOVED] = publish_position,
    [EFFECT_STATE] = publish_state,
};

void ring_moved(struct pipe *pipe, unsigned which)
{
    const struct pipe_end *other = &pipe->ends[OTHER(which)];
    if (!has_ring(pipe) || other->state == END_SERVED) return;
    bool worth = other->state == END_LENT && (which == PIPE_WRITER || PIPE_BYTES - pipe_bytes(pipe) >= PIPE_ATOMIC);
    server_effect(EFFECT_MOVED, (uint64_t)pipe->words * PIPE_ENDS + which, pipe->ends[which].position,
                  worth ? other->slots[RING_NOTIFICATION] : 0);
}

void ring_tell_state(struct pipe *pipe)
{
    if (has_ring(pipe)) server_effect(EFFECT_STATE, pipe->words, state_of(pipe), 0);
}

void ring_tell_again(const struct pipe *pipe)
{
    if (!has_ring(pipe)) return;
    publish_state(pipe->words, state_of(pipe), 0);
    for (unsigned which = 0; which < PIPE_ENDS; which++) {
        const struct pipe_end *end = &pipe->ends[which];
        if (end->state == END_SERVED)
            publish_position((uint64_t)pipe->words * PIPE_ENDS + which, end->position, 0);
        else
            (void)sys_signal(end->slots[RING_NOTIFICATION]);
    }
}

static void arm(const struct pipe *pipe, unsigned which)
{
    struct ring_end *words = end_words(pipe->words, which);
    uint64_t armed = __atomic_load_n(&words->armed, __ATOMIC_RELAXED);
    __atomic_store_n(&words->armed, ARMED_NEXT(armed, ARMED_SERVER), __ATOMIC_SEQ_CST);
}

void ring_arm(struct pipe *pipe, unsigned which, uint64_t flags)
{
    if (flags & IO_ARM && pipe->ends[OTHER(which)].state == END_LENT) arm(pipe, which);
}

// --- taking an end back

static void recall(struct pipe *pipe, unsigned which)
{
    struct pipe_end *end = &pipe->ends[which];
    const struct pipe_end *other = &pipe->ends[OTHER(which)];
    end->state = END_RECALLED;
    end->recalled_step = vault_step();
    end->through = NULL;
    end->streak = 0;
    pipe->generation++;
    uint64_t others_signal = other->slots[RING_NOTIFICATION];
    for (unsigned i = RING_OWN; i <= RING_WORDS; i++) slot_revoke_and_free(end->slots[i]);
    if (other->state == END_LENT) server_invoke(SLOT_CSPACE, CSPACE_REVOKE, 1, &others_signal);  // the holder's copy
    server_signal(end->slots[RING_NOTIFICATION]);
    slot_revoke_and_free(end->slots[RING_NOTIFICATION]);
    ring_tell_state(pipe);
    pipe_wake(pipe, OTHER(which));
}

// The holder's last word, bounded: an end that has run away from the other stands where that is.
static void settle(struct pipe *pipe, unsigned which)
{
    struct pipe_end *end = &pipe->ends[which];
    if (end->state != END_RECALLED || end->recalled_step == vault_step()) return;
    uint64_t position = position_of(pipe, which), others = position_of(pipe, OTHER(which));
    uint64_t bytes = which == PIPE_WRITER ? position - others : others - position;
    end->position = bytes <= PIPE_BYTES ? position : others;
    end->state = END_SERVED;
    end->user = 0;
    if (end->position != position) ring_moved(pipe, which);
}

// Count requests in a row of one process.
static void count_user(struct pipe_end *end)
{
    if (end->user != context.badge) {
        end->user = context.badge;
        end->user_since = end->position;
        end->streak = 0;
    }
    if (end->streak < end->patience) end->streak++;
}

err_t ring_take(struct pipe *pipe, unsigned which)
{
    struct pipe_end *end = &pipe->ends[which];
    if (end->state == END_LENT) {
        recall(pipe, which);
        if (end->patience < PATIENCE_MOST) end->patience *= 2;
    }
    settle(pipe, PIPE_READER);
    settle(pipe, PIPE_WRITER);
    if (end->state == END_RECALLED) return ERR_RESTARTED;
    count_user(end);
    return OK;
}

void ring_handle_closed(const struct session *session, const struct description *d)
{
    struct pipe *pipe = d->inode->pipe;
    for (unsigned which = 0; which < PIPE_ENDS; which++) {
        const struct pipe_end *end = &pipe->ends[which];
        if (end->state == END_LENT && end->user == session->io.badge && end->through == d) recall(pipe, which);
    }
}

// --- lending one

bool ring_is_offered(const struct pipe *pipe, unsigned which)
{
    const struct pipe_end *end = &pipe->ends[which];
    if (pipe->capacity != PIPE_PAGES || end->state != END_SERVED) return false;
    if (end->user != context.badge || end->streak < end->patience) return false;
    return which == PIPE_READER || pipe_bytes(pipe) <= end->position - end->user_since;
}

// Pages for the ring; the pipe's bytes move there, to the places that they have by their positions.
static bool make(struct pipe *pipe)
{
    uint32_t data;
    if (!pool_take_for_pipe(RING_ORDER, &data) || !pool_take_for_pipe(WORDS_ORDER, &pipe->words)) return false;
    memset(pool_address(data), 0, PIPE_BYTES);
    memset(pool_address(pipe->words), 0, RING_PAGES * PAGE_SIZE);
    for (uint32_t i = 0; i < PIPE_PAGES; i++) {
        if (pipe->pages[i] != PIPE_NO_PAGE) {
            memcpy(pool_address(data + i), pool_address(pipe->pages[i]), PAGE_SIZE);
            buddy_give(&fs->pool, pipe->pages[i], 0);
        }
        pipe->pages[i] = data + i;
    }
    return true;
}

// Zero what is not in use.
static void clean(const struct pipe *pipe)
{
    uint8_t *data = pool_address(pipe->pages[0]);
    uint64_t free_at = position_of(pipe, PIPE_WRITER) % PIPE_BYTES, n = PIPE_BYTES - pipe_bytes(pipe);
    uint64_t first = n < PIPE_BYTES - free_at ? n : PIPE_BYTES - free_at;
    memset(data + free_at, 0, first);
    memset(data, 0, n - first);
}

static err_t derive(struct pipe *pipe, unsigned which, uint32_t notification)
{
    struct pipe_end *end = &pipe->ends[which];
    unsigned data_rights = which == PIPE_WRITER ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ;
    for (unsigned i = 0; i < RING_SLOTS; i++)
        if (!(end->slots[i] = slot_alloc())) return ERR_NO_MEMORY;
    err_t err = cspace_derive_frames(SLOT_CSPACE, end->slots[RING_OWN], 0, SLOT_POOL, RIGHT_READ | RIGHT_WRITE,
                                     pipe->words + RING_END_AT(which) / PAGE_SIZE, PAGE_BITS);
    if (err == OK)
        err = cspace_derive_frames(SLOT_CSPACE, end->slots[RING_DATA], 0, SLOT_POOL, data_rights, pipe->pages[0],
                                   PAGE_BITS + RING_ORDER);
    if (err == OK)
        err = cspace_derive_frames(SLOT_CSPACE, end->slots[RING_WORDS], 0, SLOT_POOL, RIGHT_READ, pipe->words,
                                   PAGE_BITS + WORDS_ORDER);
    if (err == OK) err = cspace_derive(SLOT_CSPACE, end->slots[RING_NOTIFICATION], 0, notification, RIGHT_WRITE, 0);
    return err;
}

// What the new holder is going to see: both positions, and that we wait at the other end if we serve it.
static void show_words(struct pipe *pipe)
{
    for (unsigned i = 0; i < PIPE_ENDS; i++)
        if (pipe->ends[i].state == END_SERVED)
            __atomic_store_n(&end_words(pipe->words, i)->position, pipe->ends[i].position, __ATOMIC_SEQ_CST);
}

// The end of a pipe that a description stands for; PIPE_ENDS: none, or both.
static unsigned end_of(const struct description *d)
{
    if (!d->inode->pipe || may_read_with(d->io.flags) == may_write_with(d->io.flags)) return PIPE_ENDS;
    return may_read_with(d->io.flags) ? PIPE_READER : PIPE_WRITER;
}

// The end is lent to the process: frames of its words and of the data, and who is to be signalled
HANDLER(op_ring)
{
    struct description *d;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    unsigned which = end_of(d);
    if (which == PIPE_ENDS || request->words[1] > UINT16_MAX) return ERR_LINUX(EINVAL);
    struct pipe *pipe = d->inode->pipe;
    struct pipe_end *end = &pipe->ends[which];
    uint32_t notification = io_notification(&context.session->io, (uint32_t)request->words[1]);
    if (!notification) return ERR_LINUX(EINVAL);
    if (!ring_is_offered(pipe, which)) return ERR_LINUX(EBUSY);
    if (!has_ring(pipe) && !make(pipe)) return server_abort(ERR_LINUX(ENOMEM));
    if (which == PIPE_WRITER) clean(pipe);
    if (derive(pipe, which, notification) != OK) return server_abort(ERR_LINUX(ENOMEM));
    show_words(pipe);
    if (pipe->ends[OTHER(which)].state == END_SERVED) arm(pipe, OTHER(which));
    end->state = END_LENT;
    end->through = d;
    pipe->generation++;
    ring_tell_state(pipe);
    io_wake(&end->queue);  // others who wait at this end ask again, and so take it back
    for (unsigned i = RING_OWN; i <= RING_WORDS; i++) answer->caps[answer->n_caps++] = end->slots[i];
    return OK;
}

HANDLER(op_ring_wake)
{
    struct description *d;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    unsigned which = end_of(d);
    if (which == PIPE_ENDS) return ERR_LINUX(EINVAL);
    struct pipe *pipe = d->inode->pipe;
    const struct pipe_end *end = &pipe->ends[which], *other = &pipe->ends[OTHER(which)];
    pipe_wake(pipe, OTHER(which));
    if (other->state == END_LENT && end->state == END_LENT && end->user == context.badge)
        answer->caps[answer->n_caps++] = other->slots[RING_NOTIFICATION];
    return OK;
}

void ring_free(struct pipe *pipe)
{
    if (has_ring(pipe)) buddy_give(&fs->pool, pipe->words, WORDS_ORDER);
}
