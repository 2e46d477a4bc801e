// SPDX-License-Identifier: MIT
// Inside lib/twin: making a twin's instance.
#pragma once
#include "lib/twin/twin.h"

#define TWIN_EXIT_UNBUILT 0x7f  // the emulator's exit status when the first start fails

// The slot of its thread.
uint32_t twin_thread(enum twin twin);

uint32_t twin_aspace(enum twin twin);

// --- twin_order.c
// An instance is being built: map the text that an order for it has changed.
err_t twin_order_start(enum twin twin, uint32_t aspace);
// The twin's fault may be an order's site.
enum twin_strike {
    STRIKE_NONE,  // it is a fault of its own
    STRIKE_KILL,  // it ends as from outside
    STRIKE_DONE   // all that follows has been done
};
enum twin_strike twin_order_strike(enum twin twin, const uint64_t words[MSG_REGISTERS]);

// --- twin_start.c
// Take down what there is of its instance, build it anew and set it going. The record's `starts` counts this one.
err_t twin_start(enum twin twin);
