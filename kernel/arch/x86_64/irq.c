// SPDX-License-Identifier: MIT
// x86-64: interrupts: the local APIC, I/O APICs, and the old controllers, which are masked for good.
//
// Rules:
//  - Line n is global interrupt n of ACPI and arrives at vector VECTOR_LINE_0 + n. Edge or level, high or low is what
//    the tables say; all lines start masked.
//  - A level line is masked before the core hears of it, so it cannot fire again until the driver asks for it.
//  - The end of interrupt is signalled before the core runs: the core may not come back here for a while.
#include "x86.h"

#define LAPIC_BASE 0xfee00000ull
enum { LAPIC_ID = 0x20, LAPIC_TASK_PRIORITY = 0x80, LAPIC_END = 0xb0, LAPIC_SPURIOUS = 0xf0 };
enum { LAPIC_REQUESTS = 0x200 };  // 8 registers of 32 vectors, 16 bytes apart
enum { LAPIC_LINT0 = 0x350, LAPIC_LINT1 = 0x360, LAPIC_ERROR = 0x370 };
enum { LAPIC_TIMER = 0x320, LAPIC_TIMER_START = 0x380, LAPIC_TIMER_NOW = 0x390, LAPIC_TIMER_DIVIDE = 0x3e0 };
enum { LAPIC_ENABLE = 0x100, LVT_MASKED = 0x10000, LVT_NMI = 0x400, TIMER_DIVIDE_1 = 0xb };
enum { MSR_APIC_BASE = 0x1b, APIC_BASE_ENABLE = 0x800 };

enum { IO_APIC_SELECT = 0, IO_APIC_WINDOW = 0x10, IO_APIC_VERSION = 1, IO_APIC_ENTRY_0 = 0x10 };
enum { ENTRY_LOW = 1 << 13, ENTRY_LEVEL = 1 << 15, ENTRY_MASKED = 1 << 16 };

struct line {
    uint64_t io_apic;  // address of the controller that has this line, 0: none
    uint32_t index;    // there
    uint32_t entry;    // the low half of its redirection entry, as last written
};
static struct line lines[IRQ_LINES];

static uint32_t lapic_read(unsigned reg) { return mmio_read(LAPIC_BASE + reg); }
static void lapic_write(unsigned reg, uint32_t v) { mmio_write(LAPIC_BASE + reg, v); }

static void io_apic_write(uint64_t io_apic, unsigned reg, uint32_t v)
{
    mmio_write(io_apic + IO_APIC_SELECT, reg);
    mmio_write(io_apic + IO_APIC_WINDOW, v);
}

static void io_apic_init(const struct acpi_io_apic *found)
{
    if (!paging_reaches(found->address, PAGE_SIZE)) return;
    paging_uncached(found->address);
    mmio_write(found->address + IO_APIC_SELECT, IO_APIC_VERSION);
    unsigned n = (mmio_read(found->address + IO_APIC_WINDOW) >> 16 & 0xff) + 1;
    for (unsigned i = 0; i < n && found->first_line + i < IRQ_LINES; i++) {
        unsigned line = found->first_line + i;
        uint32_t flags = acpi.line_flags[line];
        uint32_t entry = (VECTOR_LINE_0 + line) | ENTRY_MASKED | (flags & LINE_LOW ? ENTRY_LOW : 0) |
                         (flags & LINE_LEVEL ? ENTRY_LEVEL : 0);
        lines[line] = (struct line){found->address, i, entry};
        io_apic_write(found->address, IO_APIC_ENTRY_0 + 2 * i + 1, lapic_read(LAPIC_ID));
        io_apic_write(found->address, IO_APIC_ENTRY_0 + 2 * i, entry);
    }
}

// The two 8259: moved off the exception vectors, since even a masked one may raise a spurious interrupt.
static void old_controllers_mask(void)
{
    enum { MASTER = 0x20, SLAVE = 0xa0, DATA = 1, INIT = 0x11, VECTOR = 0x20, SLAVE_LINE = 2, MODE_8086 = 1 };
    static const uint8_t master[] = {VECTOR, 1 << SLAVE_LINE, MODE_8086, 0xff};
    static const uint8_t slave[] = {VECTOR + 8, SLAVE_LINE, MODE_8086, 0xff};
    outb(MASTER, INIT);
    outb(SLAVE, INIT);
    for (unsigned i = 0; i < sizeof master; i++) outb(MASTER + DATA, master[i]);
    for (unsigned i = 0; i < sizeof slave; i++) outb(SLAVE + DATA, slave[i]);
}

void irq_init(void)
{
    old_controllers_mask();
    msr_write(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_ENABLE | (msr_read(MSR_APIC_BASE) & 0x100));
    paging_uncached(LAPIC_BASE);
    lapic_write(LAPIC_TASK_PRIORITY, 0);
    lapic_write(LAPIC_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LINT1, LVT_NMI);
    lapic_write(LAPIC_ERROR, LVT_MASKED);
    lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
    lapic_write(LAPIC_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
    for (unsigned i = 0; i < acpi.n_io_apics; i++) io_apic_init(&acpi.io_apics[i]);
}

static void line_write(unsigned line, uint32_t entry)
{
    struct line *l = &lines[line];
    if (!l->io_apic || l->entry == entry) return;
    l->entry = entry;
    io_apic_write(l->io_apic, IO_APIC_ENTRY_0 + 2 * l->index, entry);
}

void arch_irq_mask(unsigned line) { line_write(line, lines[line].entry | ENTRY_MASKED); }
// @path interrupt 5/5: a level line may fire again
void arch_irq_unmask(unsigned line) { line_write(line, lines[line].entry & ~(uint32_t)ENTRY_MASKED); }

// Mask a level line, end the interrupt at the controller, tell the core.
void irq_dispatch(unsigned vector)
{
    unsigned line = vector - VECTOR_LINE_0;
    if (line < IRQ_LINES) {
        if (lines[line].entry & ENTRY_LEVEL) arch_irq_mask(line);
        lapic_write(LAPIC_END, 0);
        kernel_interrupt(line);
    } else if (vector == VECTOR_TIMER) {
        lapic_write(LAPIC_END, 0);
        kernel_timer();
    }
    // Else it is spurious, from this controller or the old ones, and wants no end.
}

bool arch_preempt_pending(void)
{
    uint32_t requests = 0;
    for (unsigned i = VECTOR_LINE_0 / 32; i <= VECTOR_TIMER / 32; i++) requests |= lapic_read(LAPIC_REQUESTS + 16 * i);
    return requests != 0;
}

void lapic_timer_start(uint32_t ticks) { lapic_write(LAPIC_TIMER_START, ticks); }
uint32_t lapic_timer_left(void) { return lapic_read(LAPIC_TIMER_NOW); }
