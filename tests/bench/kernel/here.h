// SPDX-License-Identifier: MIT
// Where this program's threads find their UTCB: each has a space of its own and the same address.
#pragma once
#include "abi/boot.h"

static inline struct utcb *rt_utcb(void) { return (struct utcb *)BOOT_UTCB_ADDRESS; }
