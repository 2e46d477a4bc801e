// SPDX-License-Identifier: MIT
// What lies in the vault, and how the files of lib/server work on it. Not for servers; the supervisor, which has
// a loop of its own, uses the log and the ends of a step.
//
//   header      the step: phase, recorded event, answer, journal; fixed size, not logged
//   noted       slots filled in this step
//   outbox      effects to perform after the commit
//   state       the library's durable state ---- from here on stores are logged
//   root        the server's own, then what vault_alloc() gives
//   log         old values, undone newest first; it ends with the vault, so that an entry too many is a fault
//
// The phase is the truth: IDLE, nothing is under way; RUNNING, the event is recorded and the handler may have run in
// part; COMMITTED, its stores stand and its effects may have been performed in part. It is written by single stores,
// in program order with everything else: a killed instance has executed a prefix of its instructions.
#pragma once
#include "lib/server/mapping.h"
#include "lib/server/server.h"
#include "protocols/manifest.h"

#define VAULT_MAGIC 0x35544c554156ull   // "VAULT5": of this layout
#define VAULT_CANARY 0x3479726e6163ull  // the same
enum vault_area { AREA_HEADER, AREA_NOTED, AREA_OUTBOX, AREA_STATE, VAULT_AREAS };

enum step_phase { STEP_IDLE = 0, STEP_RUNNING = 1, STEP_COMMITTED = 2 };

enum event_kind {
    EVENT_REQUEST,
    EVENT_FAULT,     // a KMSG_FAULT, answered like a request
    EVENT_NOTIFIED,  // words[0]: bits
    EVENT_GONE,      // badge
    EVENT_TICK,
    EVENT_SETUP,  // the loop's own slots and reply objects, once
};

enum audit_state { AUDIT_NONE, AUDIT_DUE, AUDIT_BEGUN };

struct undo_entry {
    uint64_t address, old;  // eight bytes, aligned or not
};

struct noted_slots {
    uint32_t first, n;
};

enum effect_kind {
    EFFECT_SIGNAL,  // slot
    EFFECT_INVOKE,  // slot, label, words
    EFFECT_CALL,    // slot, label, words: a server of higher rank, with a number
    EFFECT_OWN,     // label: number; words: arguments
    EFFECT_REPLY,   // slot: reply object, count, label: error, words, cap
    EFFECT_FORGET,  // slot: reply object
    EFFECT_EMPTY,   // slot
    EFFECT_FREE,    // slot, words[0]: so many from there on; given back
    EFFECT_REVOKE,  // slot
    EFFECT_UNMAP,   // words[0]: address, words[1]: pages
};

struct effect {
    uint16_t kind, n_words;
    uint32_t slot, label, cap;
    uint64_t count;
    uint64_t words[MSG_REGISTERS];
};

#define JOURNAL_ENTRIES 8
struct journal_entry {
    err_t err;
    uint32_t slot;  // of the capability that came with it, 0: none
    uint64_t info, words[MSG_REGISTERS];
};

// A call to another server carries its number in the first word behind the registers (channel.c).
#define CHANNEL_NUMBER MSG_REGISTERS
#define CHANNEL_WORDS (MSG_REGISTERS + 1)
#define CHANNELS MANIFEST_COMPONENTS
#define NUMBERS_A_STEP 8192  // the handler's calls, then the outbox's
// Steps are counted on from the time when the vault was made, in units that are shorter than any step: a vault that starts
// empty again goes on above its predecessor's numbers, and one from the future is wrong. They last for nine years.
#define STEP_UNIT_NS 128
#define STEPS_AHEAD (1u << 20)  // that nobody can be in truth
#define CALL_NUMBER(i) (vault.header->step * NUMBERS_A_STEP + (i))
#define EFFECT_NUMBER(i) CALL_NUMBER(JOURNAL_ENTRIES + (i))

// The last answer given on a channel.
struct channel {
    uint64_t number;
    err_t err;
    uint32_t n_words;
    uint32_t cap, cap_type;  // slot of the capability that went with it, 0: none
    uint64_t cap_badge;
    uint64_t words[MSG_REGISTERS];
};

struct vault_header {
    uint64_t magic;
    uint64_t bytes;  // of the vault
    uint64_t step;
    uint32_t phase;       // enum step_phase
    uint32_t event;       // enum event_kind
    uint32_t n_migrated;  // entries of the log that belong to a migration which no step has confirmed yet
    uint32_t n_noted, n_effects;
    uint32_t no_answer;     // the handler put the caller off
    uint32_t journal_next;  // of this run
    uint32_t n_journal;
    uint32_t deaths;     // that this event has caused
    uint32_t receiving;  // the slot that a call's capability is to arrive in
    uint32_t n_undelivered;
    uint32_t audit;                     // enum audit_state
    uint64_t audit_ns;                  // how long the last took
    uint64_t doubted_step, doubted_ns;  // the step that was doubted last, and when (doubt.c)
    uint64_t undelivered[MSG_CAPS];     // badges of descriptions whose receiver died before the answer
    uint64_t reply;                     // handle of the caller: slot | arming count << 32, 0: none
    uint64_t now;                       // the step's time, 0: not asked for yet
    struct undo_entry *log_end;         // where the next old value goes
    err_t answer_err;
    struct request request;
    struct answer answer;
    struct journal_entry journal[JOURNAL_ENTRIES];
};

#define REPLIES 256       // callers that can be put off at a time, at most
#define KNOWN_ERRORS 128  // a power of two

#define KEPT_WORDS 128
struct kept_word {
    const uint64_t *at;
    uint64_t value;
};

struct mapping {
    uint32_t frames, rights;  // frames 0: free
    uint64_t n_pages;
};

// The library's durable state: the first thing in the logged range.
struct vault_state {
    uint64_t allocated;  // bytes from here on that have been given out
    uint64_t version;    // of the server's layout
    void *root;
    uint64_t *slot_map;       // a bit each slot, set: in use
    uint64_t *slots_reached;  // by an audit
    uint32_t n_slots, slot_hint;
    uint32_t is_set_up, reply_slot;
    uint32_t n_replies_free;
    uint32_t replies_free[REPLIES];  // slots of reply objects
    uint32_t recv_slot[MSG_CAPS];
    struct mapping mappings[MAPPINGS];
    struct channel channels[CHANNELS];
    struct kept_word kept[KEPT_WORDS];
    uint64_t n_kept, kept_seal;
    uint64_t known_errors[KNOWN_ERRORS];  // that two instances have agreed on (doubt.c), 0: none
};

// Where everything is; computed at each start, the same each time.
struct vault {
    struct vault_header *header;
    struct noted_slots *noted;
    struct effect *outbox;
    struct undo_entry *log;
    struct vault_state *state;
    uint64_t *canaries[VAULT_AREAS];
    uint32_t noted_limit, outbox_limit, log_limit;
    uint64_t state_limit;  // bytes of the state
    _Bool allocating;      // in init
};
extern struct vault vault;

// What the compiler's notes use (tools/notes): stores from this address on are noted, there. All ones: logging is off.
extern uintptr_t vault_logged_from;
extern struct undo_entry **vault_log_end;
// Tells the compiler that words have to be noted anew from here on; no call comes of it.
void vault_log_emptied(void);

// `make RECOVERY=off` builds components that do not survive, only to measure what surviving costs (make bench-recovery):
// no store is announced, and nothing is noted, kept or marked.
#ifdef RECOVERY_OFF
#define RECOVERY 0
#else
#define RECOVERY 1
#endif
// `make RECOVERY=checked` builds components that look at every store whether it has been noted.
#ifdef RECOVERY_CHECKED
#define CHECKED 1
#else
#define CHECKED 0
#endif

// The oracle (vault_oracle.c): entries of the log are forgotten.
void vault_check_cut(void);

#define barrier() __asm__ volatile("" ::: "memory")

static inline uint64_t step_of_now(void) { return now_ns() / STEP_UNIT_NS; }

static inline uint32_t log_entries(void) { return (uint32_t)(vault.header->log_end - vault.log); }

// Forget all entries but the oldest n.
static inline void log_cut(uint32_t n)
{
    if (!RECOVERY) return;
    if (CHECKED) vault_check_cut();
    vault.header->log_end = vault.log + n;
    vault_log_emptied();
}

// --- the ends of a step, in every request's way

// The recorded event is about to run (again): what was stored until here stays.
static inline void step_restart(void)
{
    struct vault_header *header = vault.header;
    if (RECOVERY) {
        log_cut(header->n_migrated);
        header->n_noted = 0;
        header->journal_next = 0;
    }
    header->n_effects = 0;
    header->no_answer = 0;
    header->answer.n_words = 0;
    header->answer.n_caps = 0;
    for (unsigned i = 0; i < MSG_REGISTERS; i++)  // always sent: nobody may see the last caller's
        header->answer.words[i] = 0;
}

// From IDLE or COMMITTED: nothing is queued or noted any more, and the event may be recorded.
static inline void step_prepare(void)
{
    struct vault_header *header = vault.header;
    if (RECOVERY) {
        header->phase = STEP_IDLE;
        barrier();
        header->n_journal = 0;
        header->deaths = 0;
    }
    step_restart();
    header->now = 0;
    header->reply = 0;
    header->step++;
}

// The event is recorded: from here on it will run, in this instance or the next.
static inline void step_record(void)
{
    if (!RECOVERY) return;
    barrier();
    vault.header->phase = STEP_RUNNING;
    barrier();
}

// Its stores stand.
static inline void step_commit(void)
{
    struct vault_header *header = vault.header;
    if (!RECOVERY) return;
    barrier();
    header->phase = STEP_COMMITTED;
    barrier();
    log_cut(0);
    header->n_migrated = 0;
}

// --- vault.c
// Lay the vault out over these bytes. True when it is an earlier instance's.
_Bool vault_open(void *memory, uint64_t bytes);
// Make a fresh vault ready for init, and after it durable.
void vault_clear(void);  // the memory only
void vault_format(uint32_t cspace_slots, uint64_t first_step);
void vault_finish(uint32_t version);
void vault_start_logging(void);
void vault_put_right(void);  // the words that never change
void vault_stop_logging(void);
// Undo the stores, empty the slots that were filled, drop the queued effects.
void step_rollback(void);
// The same, and a migration that no step has confirmed.
void vault_unwind(void);
// Let the server change its layout to this version; undone by vault_unwind() until a step commits. False: it cannot.
_Bool vault_migrate(uint32_t version, server_migration migrate);

// --- vault_oracle.c, when CHECKED
// A store is about to be made.
void vault_check_store(uintptr_t address, size_t bytes);
// This range was free before the step.
void vault_check_fresh(const void *address, size_t bytes);

// --- vault_check.c
// An earlier instance has made it.
_Bool vault_stands(void);
// Whether what was found can be worked with: null, or what is wrong. Before anything of it is believed. Where only the record of
// the step is wrong, the step is undone, and nothing of it will run again.
const char *vault_check(uint32_t cspace_slots);
// The library's own state, after the rollback.
const char *vault_check_state(uint32_t cspace_slots);

// --- slots.c
void slot_note(uint32_t first, uint32_t n);
uint32_t slot_find(void);        // an empty slot, not taken yet; 0: none
void slot_claim(uint32_t slot);  // take it without a note: a rollback leaves what it holds

// --- journal.c
// Call with this number.
err_t call_numbered(uint32_t cap, struct message *m, uint64_t number);
// Queue the emptying of slots whose capability came for an earlier run of the step and has not been asked for by this.
void journal_drop_unclaimed(void);

// --- channel.c
// The request was answered before: that answer again. Also when the number is older than that, which is an error.
_Bool channel_repeats(const struct request *request, struct answer *answer, err_t *err);
// Keep the answer of a numbered request.
void channel_keep(const struct request *request, const struct answer *answer, err_t err);

// --- replies.c
// Make the loop's reply objects and receive slots, once.
void replies_set_up(uint32_t n_deferred, uint32_t recv_caps);
void reply_release(uint32_t slot);
#define REPLY_HANDLE(slot, count) ((uint64_t)(slot) | (uint64_t)(count) << 32)
#define REPLY_SLOT(handle) ((uint32_t)(handle))
#define REPLY_COUNT(handle) ((handle) >> 32)

// --- outbox.c
struct effect *outbox_add(enum effect_kind kind, uint32_t slot);
// Perform all queued effects. May be repeated.
void outbox_perform(const struct server *server);
// Send the recorded step's answer now; notes descriptions that nobody received.
void answer_send(void);
// Put the answer into a message; long words and capability slots into the UTCB.
void answer_load(struct message *m);

// --- audit.c
// Run the audit if one is due; whether it has run.
_Bool audit_run(const struct server *server);

// --- doubt.c
// A request ends in an error: doubt the step if that is not what such requests usually end in.
void doubt_error(uint32_t label, err_t err);

// --- mapping.c
void mapping_restore(void);
