// SPDX-License-Identifier: MIT
// Reply objects: each stands for at most one blocked caller, under a count that tells one arming from the next.
//
// Rules:
//  - Armed: `caller` is in state THREAD_REPLY and names this object back. The count changes with every arming and is
//    never 0, so that an answer meant for an earlier caller is recognised as stale, even after the server restarted.
//  - `receiver` is the thread that waits on an endpoint with this object; an armed object cannot be waited with.
#include "thread.h"

// The last capability is gone: nobody can answer any more.
void reply_destroy(ref_t ref)
{
    const struct reply *reply = reply_at(ref);
    if (reply->caller) thread_abort(thread_at(reply->caller), ERR_GONE);
    if (reply->receiver) thread_abort(thread_at(reply->receiver), ERR_GONE);
}

bool reply_check(ref_t ref)
{
    const struct reply *reply = reply_at(ref);
    if (reply->caller && reply->receiver) return false;
    if (reply->caller) {
        const struct thread *t = thread_at(reply->caller);
        if (t->state != THREAD_REPLY || t->object != ref || reply->count == 0) return false;
    }
    if (reply->receiver) {
        const struct thread *t = thread_at(reply->receiver);
        if (t->state != THREAD_RECEIVING || t->reply != ref) return false;
    }
    return true;
}
