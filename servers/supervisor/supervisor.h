// SPDX-License-Identifier: MIT
// The supervisor: its view of the system, shared by its files.
//
// It compares what the manifest wants with what is, in one loop (main.c): components wait, start, serve, die and start
// again. Each has durable parts, made once (durable.c), and an instance, made at every start and destroyed as one
// (instance.c). What the supervisor decides about deaths is policy.c; what it is asked is requests.c; memory is
// memory.c. It blocks on nobody: every operation is a kernel invocation or a receive on its own endpoint.
//
// It may be killed at any instruction (docs/decisions/0005). All that it knows lies in its vault, and each turn of its
// loop is one transaction there (turn.c). Kernel operations are not undone: a turn that has them can be run again from
// its start whatever it had done, and a death is committed before anything is taken down.
#pragma once
#include "lib/instance/bundle.h"
#include "lib/instance/instance.h"
#include "lib/rt/rt.h"
#include "lib/twin/twin.h"
#include "lib/server/vault.h"
#include "protocols/evidence.h"
#include "protocols/manifest.h"
#include "protocols/supervisor.h"

// The supervisor's own slots; the kernel's are in abi/boot.h.
enum {
    SLOT_OWN_ENDPOINT = SLOT_TWINS + TWIN_SUPERVISOR * TWIN_SLOTS + TWIN_ENDPOINT,
    SLOT_OWN_REPLY = SLOT_TWINS + TWIN_SUPERVISOR * TWIN_SLOTS + TWIN_REPLY,
    SLOT_OWN_ASPACE = SLOT_TWINS + TWIN_SUPERVISOR * TWIN_SLOTS + TWIN_ASPACE,
    SLOT_COMPONENTS = 128,  // PART_SLOTS for each component
    PART_SLOTS = 28,
    SLOT_VIEWS = SLOT_COMPONENTS + PART_SLOTS * MANIFEST_COMPONENTS,  // from here on slot_take()
};

// The slots of one component, from SLOT_COMPONENTS on.
enum part {
    // Durable blocks of memory, taken from what was free at boot, largest first.
    PART_POOL,
    PART_UNTYPED,
    PART_VAULT,
    PART_CSPACE,
    PART_INSTANCE,  // untyped: all of an instance is made from it
    PART_INFO,
    PART_TRACE,
    N_BLOCKS,
    // Durable objects.
    PART_ENDPOINT = N_BLOCKS,
    PART_NOTIFICATION,
    PART_IRQ_SIGNAL,  // the notification with the interrupt's bit
    PART_BEAT,        // the same with the heartbeat's
    PART_STOP,        // the same with the bit that asks it to stop
    PART_SELF,        // our endpoint with the component's badge, the first capability
    PART_INFO_VIEW,   // read-only capabilities to map in the component's space
    PART_TRACE_VIEW,  // and a writable one
    PART_BUNDLE_VIEW,
    PART_CLOCK_VIEW,
    PART_WAITER,  // for a moment, who waits for a component that forgets
    // The instance. Those from PART_ASPACE on stand as in enum instance_part.
    PART_FAULT,  // our endpoint with the badge of this start
    PART_ASPACE,
    PART_THREAD,
    PART_CONTEXT,
    PART_STACK,
    PART_DATA,
    N_PARTS
};
_Static_assert(N_PARTS <= PART_SLOTS, "a component's slots");
_Static_assert(SLOT_TWINS_END <= SLOT_COMPONENTS, "behind our own");
_Static_assert(N_PARTS - PART_ASPACE == INSTANCE_PARTS, "the instance's parts");

struct block {
    enum cap_type type;
    unsigned size_bits;  // 0: none
    _Bool flexible;      // a share of memory: may be smaller than wanted
};

// Injected deaths.
struct kills {
    uint64_t at, every;  // the next (NS_FOREVER: none) and the interval (0: once)
    uint64_t chance;     // of those that may hit anyone: where the random numbers are
};

#define RESTARTS_KEPT 16
#define EVENTS_UNSETTLED UINT64_MAX
#define BACKOFF_MAX_NS 1000000000ull
#define STACK_BITS 16

// What is known of a component, in the vault. The plan, up to `state`, does not change once the system is built.
struct component {
    const struct manifest_component *spec;
    struct component_info *info;  // mapped writable for us
    const struct trace_ring *trace;
    uint32_t index;
    struct block blocks[N_BLOCKS];
    uint32_t views[COMPONENT_CAPS];      // per grant: the capability that we keep of it
    uint64_t mapped_at[COMPONENT_CAPS];  // per grant: where it is mapped in the component, 0: nowhere
    uint64_t mapped_pages[COMPONENT_CAPS];
    uint64_t seal;  // over all above, of which `plans` of the system has a copy

    enum component_state state;
    const struct image_header *image;
    const struct image_header *image_next;    // to go on with once it has stopped; null: none
    const struct image_header *image_before;  // to come back while the new one is on trial
    _Bool is_on_trial;
    enum component_death last_death;
    enum component_death last_cause;    // the same, but for doubts and renewals
    uint64_t deaths[COMPONENT_DEATHS];  // how many of each kind
    uint64_t exit_code;
    uint64_t fault[FAULT_WORDS];  // of the latest death, until its evidence is taken
    _Bool is_examined;            // this death's evidence has been taken
    uint64_t evidence;            // number of the newest about it, 0: none
    uint64_t started_at, retry_at;
    uint64_t ready_at, died_at;             // of the latest, 0: never
    uint64_t recovery_ns, recovery_max_ns;  // from death to service
    uint64_t cpu_ns;                        // used by instances that are gone
    uint64_t answered_at;                   // the latest heartbeat
    uint64_t usage[USAGE_KINDS];            // what was said with it
    uint64_t restarts[RESTARTS_KEPT];       // times of the latest, newest last
    unsigned n_restarts;
    uint64_t beat_at;                      // when the next heartbeat is due to be sent
    uint64_t beat_waited_ns, beat_cpu_ns;  // what we had waited, and its own CPU time, when the latest was
    unsigned beats_missed;
    _Bool beat_open;  // sent and not answered
    _Bool was_ready;
    _Bool cold;               // its next instance begins with a fresh vault
    uint32_t rung;            // of the ladder of escalations: what comes next
    uint64_t rejuvenated_at;  // the latest restart by plan
    uint64_t events_settled;  // in its trace: up to here what its renewal has brought about; EVENTS_UNSETTLED: unknown
    struct kills kills;
};

#define PLAN_BYTES offsetof(struct component, seal)

// Badge of a fault capability: which component, in which start.
#define BADGE_FAULT_OF(index, starts) (4ull << 56 | (uint64_t)(starts) << 16 | (index))

// A frame with patched text, for one page of one instance (inject.c).
struct patched {
    uint32_t frames, view;  // slots: ours, 0 before the first order; and the derived one, mapped in the component
    uint32_t index, starts;
    uint64_t address;  // 0: unused
};
#define PATCHED_PAGES 8

// An area for an image that arrives at run time.
#define STAGES 4
struct stage {
    uint32_t frames, view;  // slots: ours, and the derived one that is mapped in the component
    _Bool is_made;
};

struct system {
    const struct manifest *manifest;
    const char *command_line;  // the bundle's, may be empty
    unsigned n_components;
    struct component *components;
    uint8_t *plans;      // copies of what is sealed of each
    uint64_t seal;       // over all above; a copy of it and of that stands behind this structure
    struct kills kills;  // of anyone
    uint32_t next_slot;  // of those for slot_take()
    struct patched patched[PATCHED_PAGES];
    uint64_t bytes_used, bytes_in_pools;
    _Bool announced;
    struct stage stages[STAGES];
    unsigned staging;  // the area being filled, STAGES: none
    uint64_t staged_bytes;
    struct evidence *evidence;  // ring of the latest evidence_kept
    uint32_t evidence_kept;
    uint64_t n_evidence;
};
#define SYSTEM_PLAN_BYTES offsetof(struct system, seal)
extern struct system *the_system;  // in the vault

static inline uint32_t part_slot(const struct component *c, enum part part)
{
    return SLOT_COMPONENTS + c->index * PART_SLOTS + part;
}

static inline _Bool component_runs(const struct component *c)
{
    return c->state == STATE_STARTING || c->state == STATE_READY;
}

static inline struct component *component_at(unsigned index)
{
    return index < the_system->n_components ? &the_system->components[index] : NULL;
}

// --- turn.c: our own vault
// Find the vault; true when it is an earlier instance's, with the turn undone that it died in.
_Bool system_attach(void);
// A fresh vault has been filled: from here on it is the truth.
void system_built(void);
// Between these two all stores to the vault count, or none.
void turn_begin(void);
void turn_end(void);
// Is what the vault says possible? The machine restarts when it is not.
void system_check(void);

// --- memory.c
// At each start.
void memory_attach(const struct boot_info *boot);
uint64_t memory_free_bytes(void);   // at boot, in all
uint64_t memory_taken_bytes(void);  // of that, up to now
// Make an object from boot memory. ERR_NO_MEMORY when no untyped has room.
err_t memory_take(enum cap_type type, unsigned size_bits, uint32_t cspace, uint32_t index);
// Every component's durable blocks, largest first.
void memory_take_blocks(void);
uint32_t slot_take(void);
// Map in our own address space; at each start anew.
void map_own(uint32_t frames, uint64_t address, uint64_t first, uint64_t n_pages, unsigned rights);

// --- durable.c
void durable_plan(struct component *c);
// Make all that outlives instances, in all components, once the blocks are there.
void durable_make(struct component *c);
void durable_grant(struct component *c);
// Give what is in its cspace below SLOT_DYNAMIC, where that is empty; its untyped memory and its reply object cannot come back.
err_t durable_give(const struct component *c);
// Delete the capabilities that its instances have gathered, and wake who waits for its signals.
void durable_forget(const struct component *c);
// Clear what its instances have made durable. Endpoint, notification and grants stay: the next instance starts as the
// first one did.
void durable_empty(const struct component *c);
// At each start: see its information page.
void durable_map(const struct component *c);

// --- instance.c
unsigned instance_size_bits(const struct component *c);
// Build the instance and set it going.
err_t instance_start(struct component *c);
void instance_destroy(struct component *c);

// --- inject.c: faults on order (protocols/faults.h)
// SUPERVISOR_FAULT and SUPERVISOR_FAULTS.
err_t inject_order(const struct component *by, const uint64_t words[MSG_REGISTERS]);
err_t inject_look(uint64_t number, uint64_t words[MSG_REGISTERS]);
// Our next instance: the orders are forgotten, the text that they had patched is the images' again.
void inject_take_over(void);
// An instance has been built and does not run yet: arm what was ordered for it.
void inject_start(const struct component *c);
// A component's fault (FAULT_WORD_*). True: it was one of ours, and all that follows from it is done.
_Bool inject_hit(struct component *c, const uint64_t words[MSG_REGISTERS]);

// --- evidence.c
// The rest of a fresh vault is for evidence.
void evidence_attach(void);
// Of the component's death, before anything is taken down.
void evidence_take(struct component *c);
// Of our own last death, or the guardian's, when there is any.
void evidence_take_twin(enum twin twin);
// SUPERVISOR_EVIDENCE.
err_t evidence_show(struct message *m);

// --- failure.c
// The instance has died or must: the loop takes it down and decides what follows.
void component_died(struct component *c, enum component_death death);
// End the peer's instance by plan: what it does is not what it says. False: that was tried a moment ago.
_Bool component_doubt(struct component *peer, const struct component *by);
// Take the dead instance down and decide what follows.
void component_bury(struct component *c);

// --- policy.c
// The component that this slot of c's lets it call; null: it is no such capability.
struct component *component_peer(const struct component *c, uint64_t slot);
// Bring the component nearer to its wanted state. Returns when to look again.
uint64_t component_converge(struct component *c, uint64_t now);
// We have just started: does what the vault says of it still run?
void component_compare(struct component *c);
void component_ready(struct component *c);
// It has declared its vault failed: it dies, and starts with an empty one.
void component_failed(struct component *c);
void component_answered(struct component *c, const uint64_t usage[USAGE_KINDS]);  // its heartbeat

// --- kills.c: deaths by the clock
void kills_parse(void);  // the words of the command line
// One is carried out: set the next.
void kills_next(struct kills *kills);
// End whom chance points at. Returns when to look again.
uint64_t kills_converge(uint64_t now);

// --- update.c
void update_plan(void);                 // while the system is built
void update_attach(void);               // at each start
void update_mend(struct component *c);  // pointers to images that lead to none: the bundle\'s image
struct image_place update_place(const struct component *c);
// SUPERVISOR_STAGE and SUPERVISOR_UPDATE.
err_t update_stage(const struct component *by, uint64_t offset, uint64_t bytes);
err_t update_begin(const struct component *by, struct component *c, uint64_t what);
// The component serves; has ended its step, as it was asked to; has stood its trial.
void update_ready(const struct component *c);
void update_stopped(struct component *c);
void update_confirm(struct component *c);
// It has died. If that was its trial, the image before goes on, as after a planned end.
void update_failed(struct component *c);

// --- caps.c
// Log what the component holds, when the command line asks for it.
void caps_log(const struct component *c);

// --- status.c: the answers' words and text are filled in
err_t status_list(struct message *m);
err_t status_show(uint64_t index);
err_t status_grant(struct message *m);
uint64_t component_cpu_ns(const struct component *c);  // on its own context, all instances together

// --- requests.c
// Act on a message; *m is the answer afterwards, its count 0 when there is none to give.
void handle_message(struct message *m);
