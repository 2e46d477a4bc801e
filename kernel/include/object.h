// SPDX-License-Identifier: MIT
// The kernel's objects: their structures and the operations that other parts of the core call.
//
// Each structure lives in memory that some untyped gave out, and is reached by a ref_t only. Its file in object/ says
// which invariants it keeps. Every object counts its capabilities in `refs` (of a cspace: in the place of slot 0).
#pragma once
#include "slot.h"

struct queue {  // of threads, first in first out, linked by queue_next and queue_prev
    ref_t head, tail;
};

// --- cspace: slot 0 never holds a capability; its 64 bytes are the header
#define CSPACE_GROUPS 128  // the slots in equal groups, so that walks pass by what was never used
struct cspace {
    uint32_t zero;  // CAP_EMPTY, were it a slot
    uint32_t refs;
    uint64_t used[CSPACE_GROUPS / 64];  // bit g: a slot of group g has been filled some time
    uint32_t zero1[10];
};
_Static_assert(sizeof(struct cspace) == SLOT_BYTES, "slot 0");
#define CSPACE_SIZE_BITS_MAX 20
static inline struct cspace *cspace_at(ref_t ref) { return ref_direct(ref); }
static inline unsigned cspace_group(uint64_t index, uint64_t n_slots)  // n_slots: a power of two
{
    return (unsigned)(index * CSPACE_GROUPS >> __builtin_ctzll(n_slots));
}

// --- endpoint
struct endpoint {
    uint32_t refs;
    uint32_t tickets;            // arrival order over both queues of senders
    struct queue callers;        // want a reply; THREAD_CALLING
    struct queue senders;        // THREAD_SENDING
    struct queue receivers;      // with a reply object; THREAD_RECEIVING
    struct queue bare;           // receivers without one: callers pass them by
    ref_t gone_head, gone_tail;  // slots with SLOT_GONE
    uint32_t zero[4];
};
_Static_assert(sizeof(struct endpoint) == SIZE_ENDPOINT, "ABI");
static inline struct endpoint *endpoint_at(ref_t ref) { return ref_direct(ref); }

// --- reply: stands for one blocked caller
struct reply {
    uint32_t refs;
    uint32_t count;  // armings so far; 0 only before the first
    ref_t caller;    // the thread that waits for the answer; 0: not armed
    ref_t receiver;  // the thread that waits on an endpoint with this object; 0: none
    uint32_t zero[12];
};
_Static_assert(sizeof(struct reply) == SIZE_REPLY, "ABI");
static inline struct reply *reply_at(ref_t ref) { return ref_direct(ref); }

// --- notification: a word of bits
struct notification {
    uint32_t refs;
    ref_t bound;  // the thread whose receiving ends by a signal
    uint64_t bits;
    struct queue waiters;  // non-empty only while bits == 0
    uint32_t zero[10];
};
_Static_assert(sizeof(struct notification) == SIZE_NOTIFICATION, "ABI");
static inline struct notification *notification_at(ref_t ref) { return ref_direct(ref); }

// --- scheduling context: slot 0 lies over the state (used only when that is dead), slot 1 holds the timeout endpoint
struct context {
    uint32_t refs;
    ref_t home;  // the thread whose own context it is
    ref_t user;  // the thread that runs on it now: home, or a server it was lent to
    uint32_t zero;
    uint64_t budget_ns, period_ns;
    uint64_t left_ns;  // of the budget, in the period that began at period_start
    uint64_t period_start_ns;
    uint64_t consumed_ns;
    uint64_t zero1;
    struct slot timeout;
};
_Static_assert(sizeof(struct context) == SIZE_CONTEXT, "ABI");
static inline struct context *context_at(ref_t ref) { return ref_direct(ref); }

// --- thread
enum thread_state {
    THREAD_STOPPED,
    THREAD_READY,      // current, in a ready queue, or out of time (then `parked`)
    THREAD_CALLING,    // queued at an endpoint's callers
    THREAD_SENDING,    // queued at an endpoint's senders
    THREAD_REPLY,      // its message was taken; waits for the reply object
    THREAD_RECEIVING,  // queued at an endpoint's receivers or bare
    THREAD_WAITING,    // queued at a notification
};
enum {                    // what has no part in most messages
    THREAD_IN_HEAP = 1,   // has a deadline, or waits for its context's next period
    THREAD_IN_FAULT = 2,  // CALLING, REPLY: the message is a fault, the reply a FAULT_* decision
};
enum {
    THREAD_SLOT_DYING,
    THREAD_SLOT_ASPACE,
    THREAD_SLOT_CSPACE,
    THREAD_SLOT_FAULT,
    THREAD_SLOT_CONTEXT,
    THREAD_SLOT_BOUND,
    THREAD_SLOTS
};

struct thread {
    struct arch_context context;  // user registers; the architecture's entry code relies on its coming first

    uint32_t refs;
    uint8_t state, priority;
    bool parked;    // READY, but no context with time left: in no queue
    bool queued;    // in a ready queue
    uint8_t flags;  // THREAD_IN_*
    bool grant;     // CALLING, SENDING: its capability allowed sending capabilities along
    uint8_t heap_rank;
    ref_t queue_next, queue_prev;
    ref_t object;     // CALLING SENDING RECEIVING: the endpoint; WAITING: the notification; REPLY: the reply object
    ref_t reply;      // RECEIVING: the reply object to arm, or 0
    uint32_t ticket;  // CALLING SENDING: arrival order
    ref_t on;         // the context it runs on; 0: none
    ref_t own;        // its own context; lent while it calls
    ref_t lender;     // who lent `on`, valid while on != own
    uint64_t badge;   // CALLING SENDING: of the capability used
    uint64_t cspace_last;  // highest slot index of its cspace; 0: no cspace
    ref_t cspace;          // what the slots below hold, for the fast way
    ref_t aspace;
    paddr_t root;  // of that space's tables
    ref_t heap_left, heap_right, heap_parent;
    uint32_t revoke_ticket;  // of a revoke_run stopped at a preemption point; 0: none
    uint64_t heap_key;       // ns
    uint64_t generation;
    uint64_t event_entry, fault_entry;
    uint64_t fault_kind, fault_address, fault_code;
    uint64_t utcb_address;  // where its UTCB is mapped; 0: nowhere

    _Alignas(64) struct slot slots[THREAD_SLOTS];
    _Alignas(64) struct arch_fpu fpu;
};
_Static_assert(sizeof(struct thread) <= PAGE_SIZE && SIZE_THREAD == 2 * PAGE_SIZE, "the UTCB is the second page");
static inline struct thread *thread_at(ref_t ref) { return ref_direct(ref); }
static inline struct utcb *thread_utcb(const struct thread *t)
{
    return arch_direct((paddr_t){arch_physical(t).raw + PAGE_SIZE});
}

// --- address space: a page of state, the root table, and pages for further tables
#define ASPACE_GROWS 32
struct aspace {
    uint32_t refs;
    uint32_t id;  // its row in the table of address spaces
    uint32_t size_bits;
    uint32_t mapped;  // leaf entries
    uint32_t pool_pages, pool_used;
    ref_t pool_free;         // empty tables that came back, linked by their first entry
    ref_t fresh, fresh_end;  // pages never used since the tables were last dropped: the rest of an extent
    uint32_t extent;         // which one: 0 its own pages, else slots[extent]
    uint32_t n_slots;        // used of those below, some time
    uint32_t zero[21];
    struct slot slots[1 + ASPACE_GROWS];  // 0: dying; the rest: untypeds that became tables
};
_Static_assert(sizeof(struct aspace) <= PAGE_SIZE && offsetof(struct aspace, slots) % SLOT_BYTES == 0, "layout");
static inline struct aspace *aspace_at(ref_t ref) { return ref_direct(ref); }

// --- interrupt: up to IRQ_SHARERS drivers share a line, each with an object of its own (made at boot, not retyped)
#define IRQ_SHARERS 4
struct irq {
    uint32_t refs;  // 0, with an empty slot 0: free
    uint32_t line;
    bool pending;  // fired and not acknowledged: the line stays masked
    uint8_t zero[55];
    struct slot slots[2];  // 0: dying; 1: the notification
};
_Static_assert(sizeof(struct irq) == 3 * SLOT_BYTES, "slots");
#define IRQS_BYTES (IRQ_LINES * IRQ_SHARERS * sizeof(struct irq))
static inline struct irq *irq_at(ref_t ref) { return ref_direct(ref); }
