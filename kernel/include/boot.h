// SPDX-License-Identifier: MIT
// Building the first task from the boot memory and the bundle; see abi/boot.h.
#pragma once
#include "thread.h"

// Create the first task and make it ready; panics with a clear message if the bundle is malformed.
void boot_first_task(const struct boot_memory *);
