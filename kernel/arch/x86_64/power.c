// SPDX-License-Identifier: MIT
// x86-64: leaving: power off, reboot, the emulator's exit device; and the ports that drivers are granted.
//
// Each way is tried in turn, and what has no effect falls through to the next; the last, a triple fault, always works
// (with -no-reboot it ends the emulator).
#include "x86.h"

enum { EXIT_PORT = 0xf4, EXIT_PANIC = 0x7f, KEYBOARD_STATUS = 0x64, KEYBOARD_BUSY = 2, KEYBOARD_RESET = 0xfe };
enum { SLEEP_ENABLE_PM1 = 1 << 13, SLEEP_TYPE_PM1 = 10, SLEEP_ENABLE = 1 << 5, SLEEP_TYPE = 2 };
#define SETTLE_POLLS 1000000u

static void settle(void)
{
    for (unsigned i = 0; i < SETTLE_POLLS; i++) __asm__ volatile("pause");
}

static void write_byte(uint64_t address, bool is_port, uint8_t value)
{
    if (is_port) {
        outb((unsigned)address, value);
    } else if (paging_reaches(address, 1)) {
        *(volatile uint8_t *)arch_direct((paddr_t){address}) = value;
    }
}

static _Noreturn void triple_fault(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = {0, 0};
    __asm__ volatile("lidt %0\n int3" ::"m"(none));
    for (;;) __asm__ volatile("hlt");
}

static void power_off(void)
{
    if (acpi.pm1a_port) outw(acpi.pm1a_port, (uint16_t)(acpi.sleep_off_a << SLEEP_TYPE_PM1 | SLEEP_ENABLE_PM1));
    if (acpi.pm1b_port) outw(acpi.pm1b_port, (uint16_t)(acpi.sleep_off_b << SLEEP_TYPE_PM1 | SLEEP_ENABLE_PM1));
    if (acpi.sleep_address) {
        write_byte(acpi.sleep_address, acpi.sleep_is_port, (uint8_t)(acpi.sleep_off_a << SLEEP_TYPE | SLEEP_ENABLE));
    }
    settle();
}

static void reboot(void)
{
    if (acpi.reset_address) write_byte(acpi.reset_address, acpi.reset_is_port, acpi.reset_value);
    settle();
    for (unsigned i = 0; i < SETTLE_POLLS && inb(KEYBOARD_STATUS) & KEYBOARD_BUSY; i++) continue;
    outb(KEYBOARD_STATUS, KEYBOARD_RESET);
    settle();
}

// isa-debug-exit reads as 0, an empty port as all ones.
static bool has_exit_device(void) { return inb(EXIT_PORT) == 0; }

void arch_power(unsigned action, uint64_t code)
{
    if (action == POWER_EXIT && has_exit_device()) outl(EXIT_PORT, (uint32_t)code);
    if (action == POWER_REBOOT) reboot();
    power_off();
    triple_fault();
}

void power_stop(void)
{
    if (has_exit_device()) outl(EXIT_PORT, EXIT_PANIC);  // a test run ends here
    for (;;) __asm__ volatile("cli; hlt");
}

err_t arch_port_in(unsigned port, unsigned size, uint64_t *value)
{
    switch (size) {
    case 1: *value = inb(port); return OK;
    case 2: *value = inw(port); return OK;
    case 4: *value = inl(port); return OK;
    default: return ERR_INVALID;
    }
}

err_t arch_port_out(unsigned port, unsigned size, uint64_t value)
{
    switch (size) {
    case 1: outb(port, (uint8_t)value); return OK;
    case 2: outw(port, (uint16_t)value); return OK;
    case 4: outl(port, (uint32_t)value); return OK;
    default: return ERR_INVALID;
    }
}
