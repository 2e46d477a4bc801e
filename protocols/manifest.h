// SPDX-License-Identifier: MIT
// The compiled manifest: bundle entry "manifest", made by the host tool from systems/NAME.system
// (docs/building-blocks.md) and read by the supervisor. struct manifest, then n_components records.
//
// The host tool has checked it: names are unique and 0-terminated, peers exist, calls go up in rank, ranges do not
// overlap, no list is too long. Components stand in start order: whatever a component waits for comes before it, so
// that a component's index is also its place in the start order. Unused bytes are zero.
#pragma once
#include "abi/boot.h"
#include "protocols/component.h"

#define MANIFEST_MAGIC 0x31545345464e414dull  // "MANFEST1"
#define MANIFEST_COMPONENTS 64

// A component's slots when the manifest gives no number: one for so many bytes of its vault, within these bounds.
#define MANIFEST_VAULT_BYTES_A_SLOT 512
#define MANIFEST_SLOTS_MIN 256
#define MANIFEST_SLOTS_MAX 16384  // what the kernel makes at most

// An amount of memory: `bytes`, or when `percent` is not 0 that share of what is free at boot, rounded down to a
// power of two. Both 0: none.
struct manifest_size {
    uint64_t bytes;
    uint32_t percent;
    uint32_t zero;
};

// One line's grant of something to the component; it becomes the struct component_cap of the same place.
struct manifest_grant {
    char name[24];      // peer, bundle entry or table; "" for devices
    uint32_t kind;      // enum component_cap_kind
    uint32_t peer;      // CALL, MINT, SIGNAL: the peer's index; TABLE that is read: the publisher's index; else 0
    uint64_t detail;    // IOPORT: first | n << 16; IRQ: line; TABLE: bytes; else 0
    uint32_t writable;  // TABLE: 1 for its publisher
    uint32_t zero;
};

enum manifest_restart { RESTART_NEVER = 0, RESTART_ONE_FOR_ONE = 1, RESTART_REST_FOR_ONE = 2 };
enum { MAY_POWER = 1 };  // bits of `may`

// What follows when restarts alone do not help, each after as many failures again; then the component is given up.
enum manifest_escalation {
    ESCALATE_GIVE_UP = 0,
    ESCALATE_COLD = 1,     // begin with a fresh vault
    ESCALATE_SUBTREE = 2,  // together with all that start after it
    ESCALATE_REBOOT = 3,   // the machine
};
#define MANIFEST_ESCALATIONS 4

// A byte for a port of its own: the device is made quiet by these after a death, before the successor starts.
struct manifest_quiesce {
    uint16_t port, value;
};
#define MANIFEST_QUIESCE 6

struct manifest_component {
    char name[COMPONENT_NAME];
    char image[BUNDLE_NAME];  // name of the bundle entry: the folder, as in the manifest
    uint32_t rank, priority;
    uint64_t budget_ns, period_ns;
    struct manifest_size vault, untyped, pool;
    uint32_t pool_mapped;    // 1: at COMPONENT_POOL_ADDRESS
    uint32_t cspace_slots;   // 0: by the vault's size
    uint64_t starts_after;   // bit i: not before component i has said SUPERVISOR_READY
    uint32_t restart;        // enum manifest_restart
    uint32_t restart_limit;  // more restarts than this within restart_period_ns escalate
    uint64_t restart_period_ns;
    uint64_t heartbeat_ns;  // 0: none
    uint32_t may;
    uint32_t n_grants;
    char args[256];
    struct manifest_grant grants[COMPONENT_CAPS];
    uint64_t ceiling_bytes;  // of USAGE_BYTES: above it the component has failed; 0: none
    uint32_t budget_strict;  // 1: using the budget up is a failure, not a reason to wait
    uint32_t n_quiesce;
    uint32_t escalate[MANIFEST_ESCALATIONS];  // enum manifest_escalation, in this order
    struct manifest_quiesce quiesce[MANIFEST_QUIESCE];
    uint64_t renew_ns;  // a component that works is replaced so often; 0: never
};

struct manifest {
    uint64_t magic;
    uint32_t n_components, zero;
    char system[COMPONENT_NAME];
    struct manifest_component components[];
};
_Static_assert(sizeof(struct manifest_size) == 16 && sizeof(struct manifest_grant) == 48, "format");
_Static_assert(offsetof(struct manifest_component, rank) == 72, "format");
_Static_assert(offsetof(struct manifest_component, vault) == 96, "format");
_Static_assert(offsetof(struct manifest_component, starts_after) == 152, "format");
_Static_assert(offsetof(struct manifest_component, may) == 184, "format");
_Static_assert(offsetof(struct manifest_component, args) == 192, "format");
_Static_assert(offsetof(struct manifest_component, grants) == 448, "format");
_Static_assert(offsetof(struct manifest_component, ceiling_bytes) == 448 + 48 * COMPONENT_CAPS, "format");
_Static_assert(sizeof(struct manifest_component) == 448 + 48 * COMPONENT_CAPS + 64, "format");
_Static_assert(sizeof(struct manifest) == 48, "format");
