// SPDX-License-Identifier: MIT
// What the supervisor and the guardian have in common: they restart each other.
//
// Both work in the cspace that the kernel made for the first task (abi/boot.h), which no instance owns; so capabilities
// survive the death of either, or of both. What each must know of the other stands in one page of frames that both map
// writable, struct twins. The addresses in their spaces are those of components (protocols/component.h); the page that
// RDI names at the start is the kernel's boot information.
#pragma once
#include "abi/boot.h"
#include "abi/ipc.h"
#include "abi/objects.h"
#include "protocols/component.h"
#include "protocols/faults.h"
#include "protocols/supervisor.h"

enum twin { TWIN_SUPERVISOR = 0, TWIN_GUARDIAN = 1, TWINS };

// The slots of each. The guardian's first instance is the kernel's first task: its thread, context and address space
// stand in the boot slots.
enum twin_part {
    // Made once, at boot.
    TWIN_UNTYPED,  // of the instance
    TWIN_VAULT,    // frames, of the supervisor only
    TWIN_ENDPOINT,
    TWIN_REPLY,
    TWIN_LOG,
    TWIN_PAGE_VIEW,  // to be mapped in its space: struct twins, boot information, clock, bundle
    TWIN_INFO_VIEW,
    TWIN_CLOCK_VIEW,
    TWIN_BUNDLE_VIEW,
    TWIN_PATCH,       // frames for a changed copy of its text, mapped writable in the supervisor,
    TWIN_PATCH_VIEW,  // in the guardian,
    TWIN_TEXT_VIEW,   // and as its text
    // The instance. Those from TWIN_ASPACE on stand as in enum instance_part.
    TWIN_FAULT,  // the other's endpoint with the badge of this start
    TWIN_ASPACE,
    TWIN_THREAD,
    TWIN_CONTEXT,
    TWIN_STACK,
    TWIN_DATA,
    TWIN_PARTS
};
enum {
    SLOT_TWIN_PAGE = 80,  // frames of struct twins
    SLOT_TWINS = 82,      // TWIN_SLOTS for each
    TWIN_SLOTS = 20,
    SLOT_TWINS_END = SLOT_TWINS + TWINS * TWIN_SLOTS
};
_Static_assert(TWIN_PARTS <= TWIN_SLOTS, "a twin's slots");
_Static_assert(SLOT_TWIN_PAGE >= BOOT_SLOT_UNTYPED + BOOT_INFO_UNTYPED, "behind the kernel's");

#define TWIN_PAGE_ADDRESS 0x100000030000ull
#define TWIN_VAULT_BITS 17
#define TWIN_PATCH_ADDRESS 0x100000040000ull  // of the changed texts, one after the other
#define TWIN_PATCH_BITS 17

// The newest order to inject a fault into one of them (protocols/faults.h).
struct twin_order {
    uint64_t number;  // 0: none
    uint64_t what, address, data[FAULT_DATA_WORDS];
    uint64_t state;  // enum fault_state
    uint64_t at_ns, hits;
};

// What is known of one of them. The other writes it, except where it says otherwise; each store leaves it usable.
struct twin_record {
    uint32_t state;       // STATE_DEAD, STATE_STARTING, or STATE_READY by itself
    uint32_t last_death;  // enum component_death
    uint64_t starts;
    uint64_t deaths[COMPONENT_DEATHS];
    uint64_t died_ns, started_ns, ready_ns;
    uint64_t recovery_ns, recovery_max_ns;
    uint64_t cpu_ns;                  // of instances that are gone
    uint64_t beat_ns;                 // when it last went round its loop; by itself
    uint64_t waits_since, waited_ns;  // for something to do: when it began, 0: it works; of all instances; by itself
    uint64_t progress;                // how many components it has started, requests it has served; by itself
    uint64_t doubted_ns;              // when it last had another instance look whether it comes to the same; by itself
    uint64_t plan_due;                // DEATH_DOUBT or DEATH_PLANNED: it is to be ended for that; by itself, by the
                                      //  supervisor
    uint64_t kill_ns, kill_every_ns;  // injected: the next death (NS_FOREVER: none), and the interval; by either
    uint64_t hang_ns;                 // injected: when it stands still (NS_FOREVER: never)
    uint64_t failures_ns[4];          // times of its latest own deaths, ring
    uint64_t n_failures;
    // Of its latest own death, until the supervisor has taken it as evidence (protocols/evidence.h).
    uint64_t evidence_due;
    uint64_t fault[FAULT_WORDS];
    struct thread_registers registers;
    struct twin_order order;
};

#define TWINS_MAGIC 0x534e495754ull
struct twins {
    uint64_t magic;
    uint64_t built;  // 1: the system stands and can be taken over
    struct twin_record records[TWINS];
};
_Static_assert(sizeof(struct twins) <= PAGE_SIZE, "one page");
