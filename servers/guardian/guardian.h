// SPDX-License-Identifier: MIT
// The guardian: its files' view of each other.
#pragma once
#include "lib/twin/twin.h"

// The kernel has just started us: make what both twins consist of, and the page that they share. Panics when there is
// no memory.
void make_twins(const struct boot_info *boot);
