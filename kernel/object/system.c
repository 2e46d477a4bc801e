// SPDX-License-Identifier: MIT
// The system capability: the power switch, the watchdog, and what is known about the machine.
//
// The watchdog is for those who restart others and whom nobody could restart together: when they do not put it off any
// more, the machine starts anew. It is looked at by ticks, so setting it asks for one.
#include "invoke.h"
#include "sched.h"

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
    case SYSTEM_WATCHDOG:
        if (action <= arch_now_ns()) return ERR_INVALID;
        kernel.watchdog_ns = action;
        sched_tick_by(action);
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}
