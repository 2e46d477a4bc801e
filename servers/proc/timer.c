// SPDX-License-Identifier: MIT
// Time: ITIMER_REAL of each process, and the one wake-up that the event loop has.
//
// Timers stand in a list by deadline. The loop is woken for the first of them, or at once when there is work in
// several steps (space_reap()). A restart calls tick(), which finds everything again.
#include "servers/proc/proc.h"
#include <linux/signal.h>
#include <linux/time.h>

static void unlink_timer(struct process *process)
{
    for (struct process **link = &state->timers; *link; link = &(*link)->timer_next) {
        if (*link != process) continue;
        *link = process->timer_next;
        return;
    }
}

void timers_arm(void)
{
    if (state->dead_spaces || state->signals_later)
        server_wake_at(0);
    else
        server_wake_at(state->timers ? state->timers->timer_deadline_ns : NS_FOREVER);
}

void more_work(void) { timers_arm(); }

void timer_set(struct process *process, uint64_t deadline_ns, uint64_t interval_ns)
{
    if (process->timer_deadline_ns) unlink_timer(process);
    process->timer_deadline_ns = deadline_ns;
    process->timer_interval_ns = interval_ns;
    if (deadline_ns) {
        struct process **link = &state->timers;
        while (*link && (*link)->timer_deadline_ns <= deadline_ns) link = &(*link)->timer_next;
        process->timer_next = *link;
        *link = process;
    }
    timers_arm();
}

void timers_run(uint64_t now)
{
    while (state->timers && state->timers->timer_deadline_ns <= now) {
        struct process *process = state->timers;
        uint64_t interval = process->timer_interval_ns;
        uint64_t late = now - process->timer_deadline_ns;
        uint64_t next = interval ? now + interval - late % interval : 0;
        timer_set(process, next, interval);
        signal_simple(process, SIGALRM, SI_KERNEL);
    }
}

err_t proc_timer(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process || request->words[0] > ITIMER_PROF) return ERR_LINUX(EINVAL);
    if (request->words[0] != ITIMER_REAL) return ERR_LINUX(ENOSYS);
    uint64_t now = server_now(), deadline = process->timer_deadline_ns;
    answer->words[0] = !deadline ? 0 : deadline > now ? deadline - now : 1;
    answer->words[1] = process->timer_interval_ns;
    answer->n_words = 2;
    if (request->words[2] == ~0ull) return OK;
    uint64_t value = request->words[1];
    timer_set(process, value ? now + value : 0, request->words[2]);
    return OK;
}
