// SPDX-License-Identifier: MIT
// x86-64: the clock (TSC), the one-shot timer (local APIC) and the date (CMOS).
//
// Both rates are measured together once at boot, over about 5 ms against a clock of known rate: the ACPI timer, else
// the PC's old timer (8254, channel 2, which can be read without its interrupt). Measuring starts and ends right behind
// a tick of that clock, so the error is that of a few instructions.
// From then on ns = (tsc - base) * mult >> 32, in the kernel and through the clock page in user space.
#include "x86.h"

enum { PM_TIMER_HZ = 3579545, PIT_HZ = 1193182 };
enum { PIT_GATE = 0x61, PIT_COMMAND = 0x43, PIT_CHANNEL_2 = 0x42 };
enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71, CMOS_UPDATING = 0x80, CMOS_24_HOURS = 2, CMOS_BINARY = 4 };
#define NS_PER_S 1000000000ull
#define CALIBRATE_FRACTION 200  // of a second
#define TICK_POLLS 100000u      // a clock that does not move in so many reads is not there
#define TICKS_MIN 2u            // of the one-shot timer

static uint64_t tsc_base, tsc_hz, tsc_mult;
static uint64_t timer_mult;  // local APIC ticks per ns, << 32
static uint64_t wall_base_ns;

// A clock of known rate that counts up within `mask`.
struct reference {
    uint32_t (*read)(void);
    uint32_t hz, mask;
};

static uint32_t pm_timer_read(void) { return inl(acpi.pm_timer_port); }

static uint32_t pit_read(void)
{
    outb(PIT_COMMAND, 0x80);  // latch channel 2
    uint32_t low = inb(PIT_CHANNEL_2);
    return 0xffff - (low | (uint32_t)inb(PIT_CHANNEL_2) << 8);
}

static void pit_start(void)
{
    outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2) | 1));  // gate on, speaker off
    outb(PIT_COMMAND, 0xb0);                              // channel 2, both bytes, mode 0
    outb(PIT_CHANNEL_2, 0xff);
    outb(PIT_CHANNEL_2, 0xff);
}

// Wait for the next tick; false: none came.
static bool next_tick(const struct reference *r, uint32_t *now)
{
    uint32_t before = r->read();
    for (unsigned i = 0; i < TICK_POLLS; i++) {
        *now = r->read();
        if (*now != before) return true;
    }
    return false;
}

static bool calibrate(const struct reference *r)
{
    uint32_t start, now;
    if (!next_tick(r, &start)) return false;
    uint64_t tsc_start = tsc_read();
    lapic_timer_start(0xffffffff);
    do {
        if (!next_tick(r, &now)) return false;
    } while (((now - start) & r->mask) < r->hz / CALIBRATE_FRACTION);
    uint64_t tsc_ticks = tsc_read() - tsc_start;
    uint64_t timer_ticks = 0xffffffff - lapic_timer_left();
    lapic_timer_start(0);

    uint64_t ns = ((now - start) & r->mask) * NS_PER_S / r->hz;
    tsc_hz = tsc_ticks * NS_PER_S / ns;
    tsc_mult = (ns << 32) / tsc_ticks;
    timer_mult = (timer_ticks << 32) / ns;
    return true;
}

static uint8_t cmos_read(unsigned reg)
{
    outb(CMOS_INDEX, (uint8_t)reg);
    return inb(CMOS_DATA);
}

// Seconds since 1970 by the CMOS clock (Motorola MC146818), which is taken to show UTC; 0 if there is none.
static uint64_t cmos_seconds(void)
{
    static const uint8_t registers[DATE_FIELDS] = {0, 2, 4, 7, 8, 9};
    uint8_t fields[DATE_FIELDS];
    bool same;
    unsigned tries = 0;
    do {
        for (unsigned i = 0; i < TICK_POLLS && cmos_read(10) & CMOS_UPDATING; i++) continue;
        same = true;
        for (unsigned i = 0; i < DATE_FIELDS; i++) fields[i] = cmos_read(registers[i]);
        for (unsigned i = 0; i < DATE_FIELDS; i++) same = same && cmos_read(registers[i]) == fields[i];
    } while (!same && ++tries < 4);
    uint8_t mode = cmos_read(11);
    return date_seconds(fields, mode & CMOS_BINARY, mode & CMOS_24_HOURS);
}

void time_init(void)
{
    const struct reference pm_timer = {pm_timer_read, PM_TIMER_HZ, acpi.pm_timer_32 ? 0xffffffff : 0xffffff};
    const struct reference pit = {pit_read, PIT_HZ, 0xffff};
    if (!acpi.pm_timer_port || !calibrate(&pm_timer)) {
        pit_start();
        if (!calibrate(&pit)) panic_text("no clock to calibrate by: neither an ACPI timer nor an 8254");
    }
    tsc_base = tsc_read();
    wall_base_ns = cmos_seconds() * NS_PER_S;
}

uint64_t arch_now_ns(void) { return (uint64_t)((unsigned __int128)(tsc_read() - tsc_base) * tsc_mult >> 32); }

void arch_timer_set(uint64_t deadline_ns)
{
    if (deadline_ns == NS_FOREVER) {
        lapic_timer_start(0);
        return;
    }
    uint64_t now = arch_now_ns(), ns = deadline_ns > now ? deadline_ns - now : 0;
    uint64_t ticks = ns >> 32 ? 0xffffffff : ns * timer_mult >> 32;
    lapic_timer_start(ticks > 0xffffffff ? 0xffffffff : ticks < TICKS_MIN ? TICKS_MIN : (uint32_t)ticks);
}

void arch_clock_page(struct clock_page *page)
{
    *page = (struct clock_page){
        .magic = CLOCK_MAGIC,
        .tsc_base = tsc_base,
        .mult = tsc_mult,
        .wall_base_ns = wall_base_ns,
        .tsc_hz = tsc_hz,
    };
}
