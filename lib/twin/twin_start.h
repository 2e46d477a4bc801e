// SPDX-License-Identifier: MIT
// Inside lib/twin: making a twin's instance.
#pragma once
#include "lib/twin/twin.h"

#define TWIN_EXIT_UNBUILT 0x7f  // the emulator's exit status when the first start fails

// The slot of its thread.
uint32_t twin_thread(enum twin twin);

// Take down what there is of its instance, build it anew and set it going. The record's `starts` counts this one.
err_t twin_start(enum twin twin);
