// SPDX-License-Identifier: MIT
// Supervisor and guardian: each shows that it lives, watches the other and restarts it (protocols/twins.h).
//
// Rules:
//  - All that is known of a twin stands in its record, written by stores that leave it usable one by one: the state goes to
//    DEAD before anything is taken down and to STARTING when all is made, so whoever is killed in between leaves
//    work that is done again from the top.
//  - Each puts the machine's watchdog off. When both are dead or stuck nobody does, and the machine restarts.
//  - A twin that fails again and again is not restarted for ever: the machine is.
#pragma once
#include "lib/rt/rt.h"
#include "protocols/twins.h"

#define TWIN_GUARDIAN_BUDGET_NS 2000000ull
#define TWIN_GUARDIAN_PERIOD_NS 10000000ull
#define TWIN_BEAT_NS 10000000ull  // each goes round its loop at least so often

static inline struct twins *twins(void) { return (struct twins *)TWIN_PAGE_ADDRESS; }

static inline struct twin_record *twin_record(enum twin twin) { return &twins()->records[twin]; }

static inline uint32_t twin_slot(enum twin twin, enum twin_part part)
{
    return SLOT_TWINS + (uint32_t)twin * TWIN_SLOTS + (uint32_t)part;
}

// The badge of its faults in this start.
#define BADGE_TWIN_FAULT(twin, starts) (5ull << 56 | (uint64_t)(starts) << 16 | (uint64_t)(twin))

const char *twin_name(enum twin twin);

// How much an instance of it needs.
unsigned twin_untyped_bits(enum twin twin);

// At the start: check what we find, and have a message that the last instance had received and not answered sent again.
void twin_attach(enum twin self);

// I live. To be called in each round of the loop; the first call after a start says that we serve.
void twin_beat(enum twin self);

// I wait for something to do from here on; I go on. Counted over all instances: others can run meanwhile, whatever their
// priorities.
void twin_waits(enum twin self);
void twin_goes_on(enum twin self);

// What this instance has come to is hardly ever so: have the next one try. True: it ends within TWIN_DOUBT_NS. False when that
// happened within the last second, so that this is the next one.
#define TWIN_DOUBT_NS (2 * TWIN_BEAT_NS)
_Bool twin_doubt(enum twin self, const char *what);

// Look after the other: kill it when that is due, find out whether it hangs, restart it when it is dead. Returns when
// to look again at the latest.
uint64_t twin_watch(enum twin other);

// A message from the kernel may be the other's fault: then it has died, and the next twin_watch() restarts it.
void twin_fault(enum twin other, const struct message *m);

// In the supervisor, once: the first guardian's thread is the kernel's making; from here on its faults come like those of
// later ones.
err_t twin_adopt_guardian(void);

// CPU time of all its instances.
uint64_t twin_cpu_ns(enum twin twin);

// In the supervisor: take an order to inject a fault into one of them (protocols/faults.h). Each number counts once.
err_t twin_order_accept(enum twin twin, const struct twin_order *order);

// Take the words of the command line about this twin: `kill=NAME@US+PERIOD_US`, `hang=NAME@US`.
void twin_faults_parse(enum twin twin, const char *command_line);

// Nothing can be saved: say why, and start the machine anew.
_Noreturn __attribute__((format(printf, 1, 2))) void twin_reboot(const char *format, ...);
