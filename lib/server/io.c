// SPDX-License-Identifier: MIT
// Sessions, handles and descriptions of a server (io.h).
//
// Rules:
//  - A description lives while a capability to it or a handle of it exists; close() is called exactly once, by
//    end(), and the record is freed with it.
//  - An entry of a session's handles is a description, or odd: the number of the next free handle.
//  - Numbers from clients are indices to be checked, nothing more: a client can only spoil its own session.
#include "lib/server/io_state.h"
#include "protocols/supervisor.h"
#include <asm/errno.h>
#include <asm/fcntl.h>

struct io *io_state;
static const struct io_server *server;

#define ROOT_PART 8        // of descriptions and chunks
#define HANDLES_A_STEP 32  // of a dying session
#define CHANGEABLE_FLAGS (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

void io_init(struct io *state, const struct io_sizes *sizes)
{
    table_init(&state->descriptions, sizes->description_bytes, sizes->n_descriptions);
    table_init(&state->chunks, sizeof(struct io_chunk), sizes->n_chunks);
    table_init(&state->threads, sizeof(struct io_thread), sizes->n_threads);
    table_init(&state->waiters, sizeof(struct io_waiter), sizes->n_waiters);
    sessions_init(&state->sessions, sizes->session_bytes, sizes->n_sessions ? sizes->n_sessions : PROCESS_SLOTS);
}

void io_attach(struct io *state, const struct io_server *functions)
{
    io_state = state;
    server = functions;
}

// --- numbers to things

static uint64_t capacity(const struct io_vector *v) { return v->levels ? 1ull << 4 * v->levels : 0; }

uint64_t *io_vector_entry(const struct io_vector *v, uint64_t number)
{
    if (number >> 4 * v->levels) return NULL;
    struct io_chunk *chunk = v->root;
    for (unsigned level = v->levels - 1; level > 0 && chunk; level--)
        chunk = (struct io_chunk *)chunk->entries[number >> 4 * level & 15];
    return chunk ? &chunk->entries[number & 15] : NULL;
}

// The same, growing the tree; null when chunks are used up.
static uint64_t *vector_grow(struct io_vector *v, uint64_t number)
{
    while (number >= capacity(v)) {
        struct io_chunk *root = table_new(&io_state->chunks);
        if (!root) return NULL;
        root->entries[0] = (uint64_t)v->root;
        v->root = root;
        v->levels++;
    }
    struct io_chunk *chunk = v->root;
    for (unsigned level = v->levels - 1; level > 0; level--) {
        uint64_t *entry = &chunk->entries[number >> 4 * level & 15];
        if (!*entry) *entry = (uint64_t)table_new(&io_state->chunks);
        if (!*entry) return NULL;
        chunk = (struct io_chunk *)*entry;
    }
    return &chunk->entries[number & 15];
}

// Give the chunks back, leaves first, without recursion: descend into the first child still there.
static void vector_free(struct io_vector *v)
{
    while (v->root) {
        struct io_chunk *chunk = v->root, *parent = NULL;
        unsigned at = 0;
        for (unsigned level = v->levels - 1; level > 0; level--) {
            unsigned i = 0;
            while (i < IO_FANOUT && !chunk->entries[i]) i++;
            if (i == IO_FANOUT) break;
            parent = chunk;
            at = i;
            chunk = (struct io_chunk *)chunk->entries[i];
        }
        if (parent)
            parent->entries[at] = 0;
        else
            v->root = NULL;
        table_free(&io_state->chunks, chunk);
    }
    v->levels = 0;
}

// --- descriptions

void *io_description_new(void) { return table_new(&io_state->descriptions); }

// Nobody has this description any more.
static void end(struct io_description *d)
{
    if (server->close) server->close(d);
    table_free(&io_state->descriptions, d);
}

err_t io_publish(struct io_description *d, struct answer *answer)
{
    if (answer->n_caps == MSG_CAPS) return ERR_LIMIT;
    err_t err = description_make(table_handle(&io_state->descriptions, d), &d->slot);
    if (err == OK) answer->caps[answer->n_caps++] = d->slot;
    return err;
}

void io_description_gone(uint64_t number)
{
    struct io_description *d = table_get(&io_state->descriptions, number);
    if (!d || !d->slot) {  // the first capability stands where we do not know of it: an audit finds it
        server_doubt("a description is gone that is none");
        return;
    }
    slot_free(d->slot);
    d->slot = 0;
    if (!d->handles) end(d);
}

void io_usage(uint64_t usage[])
{
    usage[USAGE_DESCRIPTIONS] = io_state->descriptions.n_used;
    usage[USAGE_CHUNKS] = io_state->chunks.n_used;
    usage[USAGE_THREADS] = io_state->threads.n_used;
    usage[USAGE_WAITERS] = io_state->waiters.n_used;
}

void *io_description_of(const struct request_cap *cap)
{
    if (cap->kind != CAP_UNWRAPPED || BADGE_KIND(cap->badge) != BADGE_KIND(BADGE_DESCRIPTION)) return NULL;
    struct io_description *d = table_get(&io_state->descriptions, DESCRIPTION_NUMBER(cap->badge));
    return d && d->slot ? d : NULL;
}

// The last of a table's records are root's, so that it can still look around and kill.
static bool last_for_root(const struct table *table, const struct io_session *session)
{
    if (table->n_used < table->n_records - table->n_records / ROOT_PART) return false;
    struct io_credentials who;
    return io_credentials(session->badge, &who) != OK || who.fsuid != 0;
}

// The answer's first words are zero.
STORES_OUTSIDE_VAULT static struct io_opened *tell_opened(const struct io_description *d, struct answer *answer)
{
    struct io_opened *opened = (struct io_opened *)answer->words;
    io_answer(answer, sizeof *opened / sizeof(uint64_t));
    opened->flags = d->flags;
    server->describe(d, opened);
    return opened;
}

err_t io_opened(struct io_session *session, struct io_description *d, uint64_t flags, struct answer *answer)
{
    struct io_opened *opened = tell_opened(d, answer);
    if (last_for_root(&io_state->descriptions, session)) return ERR_LINUX(ENFILE);
    err_t err = io_handle_new(session, d, &opened->handle);
    return err == OK && !(flags & IO_HANDLE_ONLY) ? io_publish(d, answer) : err;
}

// --- sessions and handles

static void replace_session(uint64_t badge);

static __attribute__((noinline)) struct io_session *open_session(uint64_t badge)
{
    struct io_session *session = session_open(&io_state->sessions, badge, replace_session);
    if (session) session->badge = badge;
    return session;
}

void *io_session(const struct request *request)
{
    struct io_session *session = session_find(&io_state->sessions, request->badge);
    return session ? session : open_session(request->badge);
}

// Where the handle's description stands, null: there is none.
static uint64_t *handle_entry(const struct io_session *session, uint64_t handle)
{
    uint64_t *entry = handle < session->n_handles ? io_vector_entry(&session->handles, handle) : NULL;
    return entry && !(*entry & 1) ? entry : NULL;
}

void *io_handle(const struct io_session *session, uint64_t handle)
{
    const uint64_t *entry = handle_entry(session, handle);
    return entry ? (void *)*entry : NULL;
}

void *io_request_handle(const struct request *request, struct io_session **session)
{
    *session = io_session(request);
    return *session ? io_handle(*session, request->words[0]) : NULL;
}

// The entry of a number that the session has not had yet, null: ENFILE.
static __attribute__((noinline)) uint64_t *new_number(struct io_session *session)
{
    if (last_for_root(&io_state->chunks, session)) return NULL;
    uint64_t *entry = vector_grow(&session->handles, session->n_handles);
    if (entry) session->n_handles++;
    return entry;
}

err_t io_handle_new(struct io_session *session, struct io_description *d, uint64_t *handle)
{
    uint64_t *entry;
    if (session->free_handle) {
        *handle = session->free_handle - 1;
        entry = io_vector_entry(&session->handles, *handle);
        session->free_handle = (uint32_t)(*entry >> 1);
    } else {
        *handle = session->n_handles;
        entry = new_number(session);
        if (!entry) return ERR_LINUX(ENFILE);
    }
    *entry = (uint64_t)d;
    d->handles++;
    return OK;
}

// One handle of a session is over: the description too when it was the last and no capability is left.
static void detach(struct io_session *session, struct io_description *d)
{
    if (server->handle_closed) server->handle_closed(session, d);
    if (d->handles == 1 && !d->slot)
        end(d);
    else
        d->handles--;
}

bool io_handle_close(struct io_session *session, uint64_t handle)
{
    uint64_t *entry = handle_entry(session, handle);
    if (!entry) return false;
    struct io_description *d = (struct io_description *)*entry;
    *entry = (uint64_t)session->free_handle << 1 | 1;
    session->free_handle = (uint32_t)handle + 1;
    detach(session, d);
    return true;
}

// The same when the process is gone: its capability is, so the notice need not be waited for.
static void detach_dead(struct io_session *session, struct io_description *d)
{
    struct cap_identity identity = {0};
    if (d->handles == 1 && d->slot && cspace_identify(SLOT_CSPACE, d->slot, &identity) == OK && !identity.children) {
        slot_free(d->slot);
        d->slot = 0;
    }
    detach(session, d);
}

static void give_buffer(struct io_session *session)
{
    if (!session->buffer_slot) return;
    slot_revoke_and_free(session->buffer_slot);
    server->buffers->give(session->buffer, session->buffer_bytes);
    session->buffer_slot = 0;
    session->buffer = NULL;
    session->buffer_bytes = 0;
}

// Close handles from the highest down, a bounded number; false when some are left.
static bool close_handles(struct io_session *session)
{
    for (unsigned n = 0; session->n_handles > 0; session->n_handles--) {
        struct io_description *d = io_handle(session, session->n_handles - 1);
        if (d && n++ == HANDLES_A_STEP) return false;
        if (d) detach_dead(session, d);
    }
    return true;
}

static void forget_threads(struct io_session *session)
{
    for (uint32_t i = 0; i < session->n_threads; i++) {
        struct io_thread *thread = io_thread(session, i);
        if (thread) {
            io_disarm(thread);
            slot_free(thread->slot);
            table_free(&io_state->threads, thread);
        }
    }
}

bool io_session_gone(uint64_t badge)
{
    struct io_session *session = session_find(&io_state->sessions, badge);
    if (!session) return true;
    if (!close_handles(session)) return false;
    vector_free(&session->handles);
    forget_threads(session);
    vector_free(&session->threads);
    give_buffer(session);
    if (server->session_ended) server->session_ended(session);
    session_close(&io_state->sessions, badge);
    return true;
}

// The slot of a session that ended was given to a new process before its notice had been handled.
static void replace_session(uint64_t badge)
{
    while (!io_session_gone(badge))
        ;
}

struct io_thread *io_thread(const struct io_session *session, uint32_t index)
{
    const uint64_t *entry = io_vector_entry(&session->threads, index);
    return entry ? (struct io_thread *)*entry : NULL;
}

// --- handlers

err_t io_op_notify(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct io_session *session = io_session(request);
    uint64_t index = request->words[0];
    if (!session || index >= IO_THREADS_MOST || request->n_caps < 1 || request->caps[0].kind != CAP_PLACED)
        return ERR_LINUX(EINVAL);
    uint64_t *entry = vector_grow(&session->threads, index);
    if (!entry) return server_abort(ERR_LINUX(ENOMEM));
    struct io_thread *thread = (struct io_thread *)*entry;
    if (!thread) {
        thread = table_new(&io_state->threads);
        if (!thread) return server_abort(ERR_LINUX(ENOMEM));
        *entry = (uint64_t)thread;
        if (session->n_threads <= index) session->n_threads = (uint32_t)index + 1;
    } else {
        io_disarm(thread);
        slot_free(thread->slot);
    }
    thread->slot = request_keep_cap(request, 0);
    return OK;
}

err_t io_op_buffer(const struct request *request, struct answer *answer)
{
    struct io_session *session = io_session(request);
    if (!session || request->words[0] > IO_BUFFER_BYTES) return ERR_LINUX(EINVAL);
    if (!session->buffer_slot) {
        unsigned bits = PAGE_BITS;
        while (1ull << bits < request->words[0]) bits++;
        uint32_t frames = 0, slot = slot_alloc();
        uint64_t first = 0;
        void *buffer = slot && server->buffers ? server->buffers->take(1ull << bits, &frames, &first) : NULL;
        if (!buffer || cspace_derive_frames(SLOT_CSPACE, slot, 0, frames, RIGHT_READ | RIGHT_WRITE, first, bits) != OK)
            return server_abort(ERR_LINUX(ENOMEM));
        memset(buffer, 0, 1ull << bits);
        session->buffer_slot = slot;
        session->buffer = buffer;
        session->buffer_bytes = 1ull << bits;
    }
    io_answer(answer, 1);
    answer->words[0] = session->buffer_bytes;
    answer->caps[0] = session->buffer_slot;
    answer->n_caps = 1;
    return OK;
}

err_t io_op_attach(const struct request *request, struct answer *answer)
{
    struct io_session *session = io_session(request);
    struct io_description *d = session && request->n_caps == 1 ? io_description_of(&request->caps[0]) : NULL;
    if (!d) return ERR_LINUX(EBADF);
    err_t err = io_handle_new(session, d, &tell_opened(d, answer)->handle);
    return err == OK ? OK : server_abort(err);
}

err_t io_op_close(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct io_session *session = io_session(request);
    if (session && request->words[1]) (void)io_handle_close(session, request->words[1] - 1);
    return session && io_handle_close(session, request->words[0]) ? OK : ERR_LINUX(EBADF);
}

err_t io_op_share(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct io_description *d = io_request_handle(request, &session);
    if (!d) return ERR_LINUX(EBADF);
    if (request->words[1] != IO_OFFSET_CURRENT) d->offset = request->words[1];
    if (d->slot)
        answer->caps[answer->n_caps++] = d->slot;
    else if (io_publish(d, answer) != OK)
        return server_abort(ERR_LINUX(ENFILE));
    return OK;
}

err_t io_op_set_flags(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct io_session *session;
    struct io_description *d = io_request_handle(request, &session);
    if (!d) return ERR_LINUX(EBADF);
    d->flags = (d->flags & ~CHANGEABLE_FLAGS) | ((uint32_t)request->words[1] & CHANGEABLE_FLAGS);
    return OK;
}

err_t io_op_get_flags(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    const struct io_description *d = io_request_handle(request, &session);
    if (!d) return ERR_LINUX(EBADF);
    io_answer(answer, 1);
    answer->words[0] = d->flags;
    return OK;
}
