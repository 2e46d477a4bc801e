// SPDX-License-Identifier: MIT
// A driver's hold on its device: the port ranges and interrupt lines that the manifest gives it.
//
// Ports are numbered within the device (0 is the first of its range). Errors of port access cannot happen once
// device_open() has found the capabilities, so these functions panic instead of returning them.
#pragma once
#include "lib/rt/rt.h"

#define DEVICE_IRQ_BIT (1ull << 56)  // in the bits of the component's notification: its interrupt line has fired

struct device {
    uint32_t ioport;  // slot
    uint32_t irq;     // slot
    uint16_t port_first, n_ports;
};

// The component's first port range and interrupt line; panics when the manifest gives none.
struct device device_open(void);

uint8_t device_in8(const struct device *device, unsigned port);
void device_out8(const struct device *device, unsigned port, uint8_t value);
// What an operation on the device gave, as one with it: a death cannot come between the two. It lies in the vault and is
// not undone with the step. So what went through the port is neither forgotten nor done again.
struct device_receipt {
    uint64_t bytes;  // read, up to eight of them
    uint64_t note;   // whatever the caller wants to find here once the operation has been done
};

// Write up to IOPORT_RUN_BYTES bytes to one port, in order; afterwards the receipt holds the note.
void device_out8_once(const struct device *device, unsigned port, const uint8_t *bytes, unsigned n,
                      struct device_receipt *receipt, uint64_t note);
// Read n (1..8) bytes from one port into the receipt, with the note.
void device_in8_once(const struct device *device, unsigned port, unsigned n, struct device_receipt *receipt,
                     uint64_t note);
// At each start, for each receipt, before server_run(): the instance before may have died right behind the operation.
void device_receipt_settle(struct device_receipt *receipt);

// The interrupt is handled: let the line fire again. To be called once after each DEVICE_IRQ_BIT, and after a restart.
// On an edge line (ISA) look at the device once more afterwards: while it still asks for service no new edge will come.
void device_irq_done(const struct device *device);
