// SPDX-License-Identifier: MIT
// The event loop of every native server and driver: receive, record, run one handler, commit, perform the effects.
//
// One step of the loop is one transaction on the vault (lib/server/vault.h). Rules for handlers:
//  - All durable state lies in the vault. Plain stores to it are undone when the step does not commit; nothing
//    needs to be declared. State outside the vault (statics, heap) is a cache that a restart empties.
//  - Nothing leaves before the commit: signals, deletions, late replies and device commands are queued (server_signal,
//    slot_free, server_reply_later, server_send, server_invoke, server_effect) and performed after it. They may be performed twice,
//    so they set a state, they never toggle or add.
//  - A handler never blocks, except in server_call() to a higher rank. A request that has to wait is put off
//    (server_defer).
//  - Signals are hints. After a restart `notified` runs once with all bits set.
//  - A handler looks up what it was asked about and bears that it is gone: gone notices may come twice.
// A component's main: server_attach(), then whatever maps its devices and peers, then server_run().
#pragma once
#include "lib/rt/rt.h"
#include "lib/server/slots.h"
#include "lib/server/vault.h"

// The message that a handler works on. It lies in the vault and does not change during the step.
struct request_cap {
    uint32_t kind;  // CAP_NONE, CAP_PLACED: it stands in `slot`, CAP_UNWRAPPED: one of our own, told by its badge
    uint32_t slot;
    uint64_t badge;
};
struct request {
    uint32_t label, n_words, n_caps, zero;
    uint64_t badge;
    uint64_t words[MSG_WORDS];  // words behind n_words are not defined
    struct request_cap caps[MSG_CAPS];
};

// What the handler answers beside the error that it returns. It starts empty, the first six words zero; n_words and
// n_caps count.
struct answer {
    uint32_t n_words, n_caps;
    uint32_t caps[MSG_CAPS];  // slots; the receiver gets derived copies, ours stay
    uint64_t words[MSG_WORDS];
};

typedef err_t (*server_handler)(const struct request *request, struct answer *answer);
typedef void (*server_effect_handler)(uint64_t a, uint64_t b, uint64_t c);

// Handlers of the operations first, first + 1, ...: one range for each protocol. Holes and other numbers answer
// ERR_NO_SYSCALL.
struct server_operations {
    uint32_t first, n;
    const server_handler *handlers;
};
#define SERVER_OPERATIONS(first, array) \
    { \
        (first), sizeof(array) / sizeof((array)[0]), (array) \
    }
#define SERVER_RANGES 4

struct server {
    struct server_operations session[SERVER_RANGES];      // requests over BADGE_SESSION
    struct server_operations description[SERVER_RANGES];  // over BADGE_DESCRIPTION
    struct server_operations channel[SERVER_RANGES];      // over BADGE_CHANNEL: other servers
    server_handler fault;                                 // KMSG_FAULT: words FAULT_WORD_*; returns a FAULT_* label
    void (*notified)(uint64_t bits);                      // bits of the own notification, without the supervisor's
    void (*tick)(void);                                   // the time given to server_wake_at() has come
    void (*description_gone)(uint64_t number);  // nobody holds it any more: forget it and slot_free() its slot
    _Bool (*session_gone)(uint64_t badge);      // the process is gone; proc hears of it after this step. False: much is
                                                // left to do, call again in the next step
    void (*badge_gone)(uint64_t badge);         // any other badge; delete its first capability (slot_free)
    const server_effect_handler *effects;       // for server_effect(), by number
    uint32_t n_effects;
    void (*usage)(uint64_t usage[]);  // for heartbeats: fill in what lies behind USAGE_SLOTS (enum usage)
    void (*audit)(void);  // after a death of the server's own making, or by plan: give back what is lost (audit.h)
    void (*wake)(void);   // after a renewal, when an audit takes too long: signal all threads that might wait
    uint64_t (*stale_session)(void);  // behind an audit: the badge of a session whose process has ended, 0: there is
                                      //  none. It is taken for gone
    _Bool (*check)(
        void);           // after a restart, before anything runs: are the links of the state sound? False: the vault is
                         // given up and the component starts with an empty one. It has milliseconds; change nothing
    uint32_t recv_caps;  // how many capabilities a request may carry, 0..MSG_CAPS
    uint32_t n_deferred;  // how many requests may be put off at a time; their reply objects come from SLOT_UNTYPED
};

// Find the vault's root structure. On a fresh vault it is cleared and `init` fills it in (vault_alloc() gives it
// further memory); init runs again from the start when it was interrupted. After a restart init is not called.
// `version` names the layout. A vault of another version is given to `migrate` (null: there is none to take over), which
// brings it to this one with plain stores and vault_alloc(), and returns the root structure, or null when it cannot. All of
// that is undone when the first step after it fails, for the version before to go on. Call it first.
// Between here and server_run() no step runs: queue nothing, and store to the vault only what may be stored again at every
// start. A vault that cannot be worked with is declared failed (server_fail) and the call does not return.
typedef void *(*server_migration)(void *state, uint32_t from_version);
void *server_attach(size_t state_bytes, uint32_t version, void (*init)(void *state), server_migration migrate);

// This vault can no longer be worked with: have the supervisor start the component with an empty one, or go further.
_Noreturn void server_fail(const char *reason);

// True when the vault was found as an earlier instance had left it.
_Bool server_restarted(void);

// Finish what the previous instance left (roll back, run the recorded step), tell the supervisor that the component
// is ready, and serve for ever.
_Noreturn void server_run(const struct server *server);

// --- for handlers

// Undo every store of this step and drop its queued effects; use: return server_abort(ERR_...).
err_t server_abort(err_t err);

// This step is about to do what hardly ever happens, and what cannot be taken back (end a process, say that something is used
// up): let a fresh instance think it over. The first time it does not return, and the step runs again; when it comes here
// once more, it is so.
void server_doubt(const char *what);

// Keep the caller waiting: the step sends no answer. *handle (store it in the vault) stands for the caller until
// server_reply_later() or server_forget(). ERR_LIMIT: n_deferred callers wait already; ERR_INVALID: it is another
// server, which waits for nobody.
err_t server_defer(uint64_t *handle);

// Send no answer at all: the caller is being destroyed or set going by an effect of this step.
void server_no_answer(void);

// Answer a caller that was put off, after the commit. At most MSG_REGISTERS words; cap 0: none.
void server_reply_later(uint64_t handle, err_t err, uint32_t n_words, const uint64_t *words, uint32_t cap);

// Give the reply object of a caller that has died back without an answer.
void server_forget(uint64_t handle);

// Signal a peer after the commit.
void server_signal(uint32_t notification);

// Call a server of higher rank after the commit with up to 6 words; its answer is ignored. The call has a number, so that
// the server acts on it once however often it is made.
void server_send(uint32_t cap, uint32_t operation, uint32_t n_words, const uint64_t *words);

// Invoke a kernel object after the commit with up to 5 words; its error is ignored. For operations that may be
// repeated.
void server_invoke(uint32_t cap, uint32_t operation, uint32_t n_words, const uint64_t *words);

// Call server->effects[number](a, b, c) after the commit.
void server_effect(uint32_t number, uint64_t a, uint64_t b, uint64_t c);

// Call a server of higher rank during a step. The answer is kept with the step: a re-run sees the same and does not
// ask again. The call has a number, so that a re-run after a death in between gets the first run's answer. Only reading, or
// acquiring what a capability's deletion gives back, since the step may still fail; anything else is for server_send().
// Register words only.
err_t server_call(uint32_t cap, struct message *m);

// The same for an answer that brings a capability: it stands in *slot, which the caller owns then (0: none came).
err_t server_call_cap(uint32_t cap, struct message *m, uint32_t *slot);

// The time, the same throughout the step and in a re-run of it.
uint64_t server_now(void);

// Ask for tick() at this time (absolute ns; NS_FOREVER: never). One wake-up is kept, the newest. A restart
// calls tick() once, which asks again.
void server_wake_at(uint64_t time_ns);

// Make the FIRST capability of a description of ours: slot_alloc() and a badge of BADGE_DESCRIPTION | number. Put
// *slot into answer->caps to hand it out. Numbers (56 bits) are never used again; table handles serve.
err_t description_make(uint64_t number, uint32_t *slot);
#define DESCRIPTION_NUMBER(badge) ((badge)&0xffffffffffffffull)

// Take a capability that came with the request: it stays in the slot returned. Others are deleted after the step.
uint32_t request_keep_cap(const struct request *request, unsigned i);
