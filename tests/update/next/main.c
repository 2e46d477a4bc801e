// SPDX-License-Identifier: MIT
// The next version of tmpfs, which works.
#include "tests/update/next.h"

#include "fs/tmpfs/main.c"
