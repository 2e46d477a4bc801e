// SPDX-License-Identifier: MIT
// What components may ask of the supervisor, on SLOT_SUPERVISOR. The badge names the component.
#pragma once
#include "abi/types.h"

enum {
    SUPERVISOR_READY = 1,      // () the component serves; components that depend on it may start
    SUPERVISOR_HEARTBEAT = 2,  // () answer to NOTIFY_HEARTBEAT
    SUPERVISOR_EXIT = 3,       // (code) the component wants to end; 0 is a planned end
    SUPERVISOR_STOPPED = 4,    // () answer to NOTIFY_STOP
    SUPERVISOR_POWER = 5,      // (POWER_*, exit code) only for components with `may power` in the manifest; ERR_NO_RIGHT
    SUPERVISOR_LIST = 6,       // (index) -> state, starts, memory bytes; name in words 8..11; ERR_NOT_FOUND behind the last
    SUPERVISOR_KILL = 7,       // (index) end the component's instance as a fault would; only with `may power`
    SUPERVISOR_CHANNEL_GONE = 8, // (badge) a server saw KMSG_GONE for a client's channel: the first capability is to be deleted
};
