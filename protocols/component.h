// SPDX-License-Identifier: MIT
// How a native component finds itself at its start: addresses, slots and the information page that the
// supervisor fills in from the manifest. lib/rt reads it; nobody else should need to.
//
// A component is two blocks (design: "a step is a transaction"): the vault (cspace, reply objects, vault memory,
// pool, published frames), which outlives a restart, and the instance (threads, address space, image, stack),
// which a restart destroys as one. One cspace serves both; slots below SLOT_DYNAMIC are the supervisor's to fill.
#pragma once
#include "abi/objects.h"

#define COMPONENT_IMAGE_ADDRESS 0x400000ull       // images are linked here
#define COMPONENT_INFO_ADDRESS 0x100000000000ull  // struct component_info, read only; the 64 KiB stack ends below it
#define COMPONENT_UTCB_ADDRESS 0x100000010000ull
#define COMPONENT_CLOCK_ADDRESS 0x100000020000ull    // struct clock_page
#define COMPONENT_TRACE_ADDRESS 0x100000040000ull    // struct trace_ring (protocols/evidence.h), writable
#define COMPONENT_POOL_ADDRESS 0x200000000000ull     // the pool, when the manifest says `pool SIZE mapped`
#define COMPONENT_DYNAMIC_ADDRESS 0x300000000000ull  // free for the component's own mappings (shared frames of peers)
#define COMPONENT_VAULT_ADDRESS 0x400000000000ull    // vault memory, zeroed at first start only; nothing lies above it

enum {
    SLOT_CSPACE = 1,
    SLOT_ASPACE = 3,
    SLOT_LOG = 4,           // badge: component index
    SLOT_ENDPOINT = 5,      // the component's own service endpoint, all rights (it lives in the supervisor's block)
    SLOT_SUPERVISOR = 6,    // supervisor's endpoint, badged with the component index
    SLOT_REPLY = 7,         // a reply object for the event loop
    SLOT_NOTIFICATION = 8,  // bound to the event loop's thread, all rights; bits: NOTIFY_*
    SLOT_POOL = 9,          // frames: the pool (2^k pages), if any
    SLOT_UNTYPED = 10,      // untyped for objects of its own (reply objects, notifications, page tables), if any
    SLOT_CLOCK = 11,        // frames: the clock page, read only
    SLOT_NAMED = 16,        // capabilities named in info->caps follow, from the manifest
    SLOT_DYNAMIC = 64,      // the component's own from here to info->cspace_slots
};

// Bits of a component's notification. The kernel or supervisor uses the high ones; the rest are the component's.
#define NOTIFY_HEARTBEAT (1ull << 63)  // answer with SUPERVISOR_HEARTBEAT
#define NOTIFY_STOP (1ull << 62)       // planned stop: commit, then SUPERVISOR_STOPPED

enum component_cap_kind {
    COMPONENT_CAP_CALL = 1,    // endpoint of a peer, RIGHT_WRITE|GRANT, badge: BADGE_CHANNEL | own index
    COMPONENT_CAP_MINT = 2,    // endpoint of a peer with RIGHT_MINT (proc makes sessions from it); detail: its index
    COMPONENT_CAP_SIGNAL = 3,  // notification of a peer, badge: bit 1 << (own index % 48)
    COMPONENT_CAP_IOPORT = 4,  // detail: first | n << 16
    COMPONENT_CAP_IRQ = 5,     // detail: line; already bound to the own notification with bit 1 << 56
    COMPONENT_CAP_FRAMES = 6,  // bundle entry of that name, read only (read | exec); detail: bytes
    COMPONENT_CAP_TABLE = 7,   // frames shared read-only: `publishes`/`reads` table; detail: bytes, and it is mapped
                               //  at .address
};

// How an instance ended. Some it brought about by what it ran (death_is_own): they count against that step.
enum component_death {
    DEATH_NONE = 0,    // first start
    DEATH_KILLED = 1,  // from outside
    DEATH_EXIT = 2,    // it asked for it
    DEATH_FAULT = 3,
    DEATH_HANG = 4,     // missed its heartbeat
    DEATH_OVERRUN = 5,  // used up its budget
    DEATH_CEILING = 6,  // grew over its ceiling of memory
    DEATH_PLANNED = 7,  // by plan: rejuvenated, updated, or taken down with a peer
    DEATH_DOUBT = 8,    // another instance shall say whether it comes to the same (lib/server/doubt.c)
    DEATH_RENEWAL = 9,  // after a time of work, as the manifest has it
    COMPONENT_DEATHS
};
static inline _Bool death_is_own(uint32_t death)
{
    return death == DEATH_FAULT || death == DEATH_HANG || death == DEATH_OVERRUN;
}
// Not meant, and not asked for.
static inline _Bool death_is_failure(uint32_t death) { return death != DEATH_KILLED && death < DEATH_PLANNED; }

#define COMPONENT_MAGIC 0x31544e454e4f5043ull
#define COMPONENT_NAME 32
#define COMPONENT_CAPS 40

struct component_cap {
    char name[24];  // peer, bundle entry or table name
    uint32_t slot;
    uint32_t kind;  // enum component_cap_kind
    uint64_t detail;
    uint64_t address;  // where it is mapped, 0: not mapped
};

struct component_info {
    uint64_t magic;
    char name[COMPONENT_NAME];
    uint32_t index;   // of the component in the system
    uint32_t starts;  // 1 at the first start, then counted up: a vault is fresh exactly when it holds no magic
    uint32_t cspace_slots;
    uint32_t n_caps;
    uint64_t vault_bytes;
    uint64_t pool_bytes;     // size of the frames in SLOT_POOL
    uint64_t pool_mapped;    // 1: at COMPONENT_POOL_ADDRESS
    uint64_t untyped_bytes;  // of SLOT_UNTYPED
    char args[256];          // `args` line of the manifest, 0-terminated
    struct component_cap caps[COMPONENT_CAPS];
    uint32_t last_death;  // enum component_death: how the previous instance ended
    uint32_t zero;
    uint64_t steps_before;             // events in the trace ring when this instance was made
    struct thread_registers stood_at;  // where the latest instance that had begun an event ended
};
_Static_assert(sizeof(struct component_info) <= PAGE_SIZE, "one page");

// Badges say what a capability to a server is. Bits 56..63: kind.
#define BADGE_KIND(badge) ((unsigned)((badge) >> 56))
#define BADGE_SESSION (1ull << 56)      // | generation << 16 | process slot: one process at one server, minted by proc
#define BADGE_DESCRIPTION (2ull << 56)  // | the server's own number, never reused
#define BADGE_CHANNEL (3ull << 56)      // | component index: one server to another
#define BADGE_SESSION_OF(slot, generation) (BADGE_SESSION | (uint64_t)(generation) << 16 | (slot))
#define BADGE_SLOT(badge) ((unsigned)((badge)&0xffff))
#define BADGE_GENERATION(badge) ((uint32_t)((badge) >> 16))
