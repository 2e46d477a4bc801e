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

void device_out8_run(const struct device *device, unsigned port, const uint8_t *bytes, unsigned n)
{
    uint64_t words[4] = {0};
    memcpy(words, bytes, n);
    must(ioport_out_run(device->ioport, device->port_first + port, n, words), device, port);
}

void device_in8_run(const struct device *device, unsigned port, uint8_t *bytes, unsigned n)
{
    uint64_t words[4];
    must(ioport_in_run(device->ioport, device->port_first + port, n, words), device, port);
    memcpy(bytes, words, n);
}

void device_irq_done(const struct device *device) { must(irq_ack(device->irq), device, 0); }
