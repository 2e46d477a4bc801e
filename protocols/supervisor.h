// SPDX-License-Identifier: MIT
// What components may ask of the supervisor, on SLOT_SUPERVISOR. The badge names the component.
//
// The supervisor itself and the guardian can be named, too: theirs are the two indices behind the last component's. A
// request that the supervisor had not finished when it died is sent again by the caller's stub.
#pragma once
#include "abi/ipc.h"
#include "protocols/component.h"

enum {
    SUPERVISOR_READY = 1,      // () the component serves; components that depend on it may start
    SUPERVISOR_HEARTBEAT = 2,  // (enum usage...) answer to NOTIFY_HEARTBEAT
    SUPERVISOR_EXIT = 3,       // (code) the component wants to end; 0 is a planned end
    SUPERVISOR_STOPPED = 4,    // () answer to NOTIFY_STOP
    SUPERVISOR_POWER = 5,      // (POWER_*, exit code) only for components with `may power` in the manifest;
                               //  ERR_NO_RIGHT
    SUPERVISOR_LIST = 6,       // (index) -> state, starts, memory bytes, how many starts followed doubts and renewals;
                               //  name in words 8..11; ERR_NOT_FOUND behind the last
    SUPERVISOR_KILL = 7,       // (index, starts) end the component's instance as a fault would, if it is the one of so
                               //  many starts; only with `may power`
    SUPERVISOR_CHANNEL_GONE = 8,  // (badge) a server saw KMSG_GONE for a client's channel: delete the first capability
    SUPERVISOR_SHOW = 9,          // (index) -> struct component_status in words 8..; ERR_NOT_FOUND behind the last
    SUPERVISOR_FAILED = 10,       // () the component's vault is of no use: start it with an empty one. Does not return
    SUPERVISOR_CONFIRM = 11,      // () an updated component has run its first step: the version before cannot come back
    SUPERVISOR_STAGE = 12,        // (offset, bytes; the bytes in words 6..) a part of a flat image (abi/boot.h), in
                                  //  order; offset 0 begins anew. The same again is harmless. `may power`. ERR_LIMIT:
                                  //  larger than 256 KiB; ERR_BUSY: all areas hold images that run
    SUPERVISOR_UPDATE = 13,       // (index, UPDATE_*) end the component's step and go on with another image on the same
                                  //  vault; while it is on trial, what it does wrong brings the one before back. `may
    //  power`. ERR_BUSY: it does not serve, or is on trial; ERR_INVALID: what was staged is
    //  no image, or the component is the supervisor or the guardian, which have only theirs
    SUPERVISOR_EVIDENCE = 14,  // (number or 0 for the newest, first) -> number, n, oldest, newest; n words of struct
                               //  evidence (protocols/evidence.h) from word `first` on in words 8..; a number that is
                               //  not kept any more gives the oldest. ERR_NOT_FOUND
    SUPERVISOR_RENEW = 15,     // () end this instance by plan: the next one runs the step again. Does not return
    SUPERVISOR_FAULT = 16,     // (number, FAULT_ORDER(), address, 3 words of data) inject a fault
                               //  (protocols/faults.h); only with `may power`. The same number again does nothing
    SUPERVISOR_FAULTS = 17,    // (number) -> what FAULT_ORDER() gave, address, enum fault_state, time ns, hits, error.
                               //  ERR_NOT_FOUND: never given, or long ago
    SUPERVISOR_GRANT = 18,     // (index, n) -> enum component_cap_kind, peer's index, detail of the n-th thing that the
                               //  manifest gives; its name in words 8..; ERR_NOT_FOUND behind the last
    SUPERVISOR_DOUBT = 19,     // (slot) what this peer answers (the caller's capability of kind COMPONENT_CAP_CALL) it
                               //  does not do: end its instance by plan. ERR_AGAIN: that was done less than
                               //  COMPONENT_DOUBT_NS ago
};
#define COMPONENT_DOUBT_NS 100000000ull  // between two doubts about a component, its own or a peer's
enum { UPDATE_SAME = 0, UPDATE_STAGED = 1, UPDATE_BUNDLE = 2 };  // restart it; the staged image; the bundle's
#define SUPERVISOR_STAGE_BYTES (8 * (MSG_WORDS - MSG_REGISTERS))
#define SUPERVISOR_TEXT_WORD 8  // where names and structures begin in an answer
#define SUPERVISOR_TEXT_WORDS (MSG_WORDS - SUPERVISOR_TEXT_WORD)

enum component_state {
    STATE_WAITING = 0,   // for the components that it starts after
    STATE_STARTING = 1,  // runs, not yet ready
    STATE_READY = 2,
    STATE_BACKOFF = 3,   // dead, starts again after a while
    STATE_DEGRADED = 4,  // given up: calls on it fail
    STATE_ENDED = 5,     // by its own wish
    STATE_DEAD = 6,      // about to be taken down
    COMPONENT_STATES
};

// What a component has in use when it answers a heartbeat: one word each.
enum usage {
    USAGE_SLOTS,         // capability slots of its own
    USAGE_DESCRIPTIONS,  // open files (lib/server/io.h), 0 for components without
    USAGE_CHUNKS,        // of handles and threads
    USAGE_THREADS,       // that can be signalled
    USAGE_WAITERS,
    USAGE_BYTES,  // of its cspace and its untyped
    USAGE_KINDS
};

// What an operator wants to know of a component. Times are ns since boot, 0: never.
struct component_status {
    char name[COMPONENT_NAME];
    uint32_t state;       // enum component_state
    uint32_t last_death;  // enum component_death; no doubt and no renewal
    uint64_t starts;
    uint64_t deaths[COMPONENT_DEATHS];  // by enum component_death
    uint64_t started_ns;                // the instance that runs
    uint64_t ready_ns;                  // since when it serves, 0: it does not
    uint64_t recovery_ns;               // from the latest death to service again
    uint64_t recovery_max_ns;           // the longest of all
    uint64_t memory_bytes;              // its blocks
    uint64_t cpu_ns;                    // on its own scheduling context, all instances together
    uint64_t beat_age_ns;               // since it last answered a heartbeat
    uint64_t now_ns;
    uint64_t evidence;            // number of the newest about it, 0: none
    uint64_t usage[USAGE_KINDS];  // of its latest heartbeat
};
_Static_assert(sizeof(struct component_status) <= 8 * SUPERVISOR_TEXT_WORDS, "one answer");
