// SPDX-License-Identifier: MIT
// Prototypes of all call handlers, from syscalls.def.
#pragma once
#include <stdint.h>

#define ARGS_0 void
#define ARGS_1 uint64_t
#define ARGS_2 uint64_t, uint64_t
#define ARGS_3 uint64_t, uint64_t, uint64_t
#define ARGS_4 uint64_t, uint64_t, uint64_t, uint64_t
#define ARGS_5 uint64_t, uint64_t, uint64_t, uint64_t, uint64_t
#define ARGS_6 uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t

#define LINUX_CALL(number, name, arity, kinds) long call_##name(ARGS_##arity);
#include "linux/syscalls.def"
#undef LINUX_CALL
