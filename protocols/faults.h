// SPDX-License-Identifier: MIT
// Faults that can be ordered from the supervisor (SUPERVISOR_FAULT), to show that nobody notices them.
//
// A site is the address of an instruction in a component's text: a trap is put there, so that the fault happens exactly
// when the instruction is about to run, and it is known whether that ever came.
#pragma once
#include <stdint.h>

enum fault_kind {
    FAULT_KILL = 1,   // at the site, end the instance as from outside
    FAULT_PATCH = 2,  // at the site, put n_bytes of data in the instruction's place, and go on there
    FAULT_REGISTER =
        3,            // at the site, data[0] is the register (place in struct thread_registers), data[1] is XORed to it
    FAULT_HANG = 4,   // at the site, or at once when it is 0: the instance stands still
    FAULT_STORE = 5,  // at once, write n_bytes of data at this address of its data, stack or vault
    FAULT_FLIP = 6,   // at once, invert the bits of data[0] in the word at this address, likewise
    FAULT_SWEEP = 7,  // kill at every instruction from the address to data[0], each once, through all instances;
                      // the bundle tells where instructions begin (entry "sites:" and the image's name)
    FAULT_CLEAR = 8,  // forget the component's orders and its failures; its text is the image's again
    FAULT_COVER = 9,  // a range like a sweep's: no harm, but the log tells each instruction when it is reached first
};
enum { FAULT_DATA_WORDS = 3, FAULT_DATA_BYTES = 24 };

// index: of the component; starts: which instance is meant, 0: the one that runs now or starts next.
#define FAULT_ORDER(kind, index, n_bytes, starts) \
    ((uint64_t)(kind) | (uint64_t)(index) << 8 | (uint64_t)(n_bytes) << 16 | (uint64_t)(starts) << 32)
#define FAULT_ORDER_KIND(order) ((enum fault_kind)((order)&0xff))
#define FAULT_ORDER_INDEX(order) ((unsigned)((order) >> 8 & 0xff))
#define FAULT_ORDER_BYTES(order) ((unsigned)((order) >> 16 & 0xffff))
#define FAULT_ORDER_STARTS(order) ((uint32_t)((order) >> 32))

enum fault_state {
    FAULT_REFUSED,  // see the error
    FAULT_WAITING,  // for the instance that it is meant for
    FAULT_ARMED,
    FAULT_DONE,    // it has happened
    FAULT_MISSED,  // its instance is over, and the site was never reached
};
