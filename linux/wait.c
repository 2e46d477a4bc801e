// SPDX-License-Identifier: MIT
// Sleeping: every wait of a Linux program is a wait on its thread's own notification.
//
// Whoever waits has armed something first (a server, proc, a futex entry) and asks again afterwards: a signal says
// only "look". A pending event ends the wait, or keeps it from beginning. A close that waits does not wait longer.
#include "linux/linux.h"

err_t thread_wait(uint64_t deadline_ns)
{
    struct message m = {0};
    close_now();
    err_t err = sys_wait(PSLOT_NOTIFICATION + thread_index() % 64, 0, &m, deadline_ns);
    if (err == OK || err == ERR_TIMEOUT || err == ERR_EVENT) return err;
    m = (struct message){.words = {thread_index()}};
    // Given again, it is as if it had been signalled: who waits looks, and waits again.
    return ask_proc(PROC_NOTIFICATION, 0, &m) < 0 ? err : OK;
}

long wait_interrupted(err_t err) { return err == ERR_EVENT ? -ERESTARTSYS : errno_of(err); }
