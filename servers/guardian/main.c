// SPDX-License-Identifier: MIT
// The first task: makes the supervisor and itself what they consist of, then keeps the supervisor alive.
//
// The kernel enters the first instance, the supervisor each later one, with the same things in place.
#include "servers/guardian/guardian.h"

// The kernel has made no slot of ours: the first instance.
static _Bool is_first(void)
{
    struct cap_identity page;
    return cspace_identify(BOOT_SLOT_CSPACE, SLOT_TWIN_PAGE, &page) != OK || page.type == CAP_EMPTY;
}

// @path boot 6/6: the guardian makes what the supervisor consists of, and starts it
int component_main(const struct component_info *page)
{
    rt_log_slot = BOOT_SLOT_LOG;
    if (is_first()) make_twins((const struct boot_info *)(const void *)page);
    rt_log_slot = twin_slot(TWIN_GUARDIAN, TWIN_LOG);
    twin_attach(TWIN_GUARDIAN);
    struct message m = {0};
    for (;;) {
        twin_beat(TWIN_GUARDIAN);
        uint64_t deadline = twin_watch(TWIN_SUPERVISOR);
        m.count = 0;
        twin_waits(TWIN_GUARDIAN);
        err_t err =
            sys_reply_wait(twin_slot(TWIN_GUARDIAN, TWIN_ENDPOINT), twin_slot(TWIN_GUARDIAN, TWIN_REPLY), &m, deadline);
        twin_goes_on(TWIN_GUARDIAN);
        if (err == OK) twin_fault(TWIN_SUPERVISOR, &m);
    }
}
