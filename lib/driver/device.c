// SPDX-License-Identifier: MIT
// Port and interrupt capabilities of the component's device.
#include "lib/driver/device.h"

struct device device_open(void)
{
    const struct component_cap *ioport = rt_cap_of_kind(COMPONENT_CAP_IOPORT, 0);
    const struct component_cap *irq = rt_cap_of_kind(COMPONENT_CAP_IRQ, 0);
    if (!ioport || !irq) panic("a device needs ioports and irq in the manifest");
    return (struct device){.ioport = ioport->slot,
                           .irq = irq->slot,
                           .port_first = (uint16_t)ioport->detail,
                           .n_ports = (uint16_t)(ioport->detail >> 16)};
}

static void must(err_t err, const struct device *device, unsigned port)
{
    if (err != OK) panic("port %x + %u: %s", device->port_first, port, err_name(err));
}

uint8_t device_in8(const struct device *device, unsigned port)
{
    uint64_t value;
    must(ioport_in(device->ioport, device->port_first + port, 1, &value), device, port);
    return (uint8_t)value;
}

void device_out8(const struct device *device, unsigned port, uint8_t value)
{
    must(ioport_out(device->ioport, device->port_first + port, 1, value), device, port);
}

// --- receipts
//
// The system call is one instruction: a death leaves it undone or done. The two stores behind it need nothing but the
// registers that it leaves, so whoever finds the dead between device_done and device_kept does them in its place.

extern const char device_done[], device_kept[];

// Registers are those of abi/ipc.h, which preserves RBX and R15; a kernel object has no use for the deadline.
__attribute__((noinline)) static err_t invoke_once(uint32_t cap, uint64_t info, const uint64_t words[MSG_REGISTERS],
                                                   struct device_receipt *receipt, uint64_t note)
{
    register uint64_t rax __asm__("rax") = NATIVE | SYS_CALL;
    register uint64_t rdi __asm__("rdi") = cap;
    register uint64_t rsi __asm__("rsi") = info;
    register uint64_t rdx __asm__("rdx") = words[0];
    register uint64_t r10 __asm__("r10") = words[1];
    register uint64_t r8 __asm__("r8") = words[2];
    register uint64_t r9 __asm__("r9") = words[3];
    register uint64_t r12 __asm__("r12") = words[4];
    register uint64_t r13 __asm__("r13") = words[5];
    register uint64_t r14 __asm__("r14") = 0;
    register uint64_t r15 __asm__("r15") = (uint64_t)receipt;
    register uint64_t rbx __asm__("rbx") = note;
    __asm__ volatile(
        "syscall\n"
        "device_done: mov %%rdx, (%%r15)\n"
        "mov %%rbx, 8(%%r15)\n"
        "device_kept:"
        : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r12), "+r"(r13), "+r"(r14)
        : "r"(r15), "r"(rbx)
        : "rcx", "r11", "memory");
    return (err_t)rax;
}

void device_out8_once(const struct device *device, unsigned port, const uint8_t *bytes, unsigned n,
                      struct device_receipt *receipt, uint64_t note)
{
    uint64_t words[MSG_REGISTERS] = {device->port_first + port, n};
    memcpy(&words[2], bytes, n);
    must(invoke_once(device->ioport, INFO(IOPORT_OUT_RUN, 2 + (n + 7) / 8, 0), words, receipt, note), device, port);
}

void device_in8_once(const struct device *device, unsigned port, unsigned n, struct device_receipt *receipt,
                     uint64_t note)
{
    const uint64_t words[MSG_REGISTERS] = {device->port_first + port, n};
    must(invoke_once(device->ioport, INFO(IOPORT_IN_RUN, 2, 0), words, receipt, note), device, port);
}

void device_receipt_settle(struct device_receipt *receipt)
{
    const struct thread_registers *dead = &rt_info()->stood_at;
    if (dead->pc < (uint64_t)device_done || dead->pc >= (uint64_t)device_kept || dead->r15 != (uint64_t)receipt) return;
    *receipt = (struct device_receipt){.bytes = dead->rdx, .note = dead->rbx};
}

void device_irq_done(const struct device *device) { must(irq_ack(device->irq), device, 0); }
