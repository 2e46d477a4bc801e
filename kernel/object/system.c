// SPDX-License-Identifier: MIT
// The system capability: the power switch and what is known about the machine. Held by the supervisor alone.
#include "invoke.h"

// Operations of CAP_SYSTEM.
err_t system_invoke(struct invocation *inv)
{
    uint64_t action = inv_word(inv, 0);
    switch (inv->label) {
    case SYSTEM_POWER:
        if (action > POWER_EXIT) return ERR_INVALID;
        arch_power((unsigned)action, inv_word(inv, 1));
    case SYSTEM_INFO:
        inv_result(inv, 0, arch_now_ns());
        inv_result(inv, 1, kernel.memory_bytes);
        inv_result(inv, 2, kernel.text_bytes);
        inv_result(inv, 3, kernel.data_bytes);
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}
