// SPDX-License-Identifier: MIT
// Error numbers, from errors.def.
#pragma once
#include "abi/types.h"

enum {
    OK = 0,
#define ERROR(name, number, meaning) ERR_##name = (number),
#include "abi/errors.def"
#undef ERROR
};

// A Linux errno e (1..4095) as an err_t, for answers whose exact errno is part of the Linux contract.
#define ERR_LINUX_BASE (-10000)
#define ERR_LINUX(e) (ERR_LINUX_BASE - (e))
#define ERR_IS_LINUX(err) ((err) < ERR_LINUX_BASE && (err) >= ERR_LINUX_BASE - 4095)
#define ERR_TO_LINUX(err) (ERR_LINUX_BASE - (err))
