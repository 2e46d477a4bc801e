// SPDX-License-Identifier: MIT
// Interrupts: each line's drivers, and the notifications that they hear it by.
//
// Rules:
//  - A level line arrives masked (the architecture's work) and stays so until every driver that heard it has
//    acknowledged. An edge line is never masked while somebody listens: edges during a mask would be lost.
//  - Up to IRQ_SHARERS drivers share a line, each with an object of its own; those are made at boot, and are free while
//    they have no capability.
#include "invoke.h"

static struct irq *sharer(unsigned line, unsigned i)
{
    return irq_at(kernel.irqs + (line * IRQ_SHARERS + i) * (sizeof(struct irq) / SLOT_BYTES));
}

// @path interrupt 2/5: tell the line's drivers
void kernel_interrupt(unsigned line)
{
    if (line >= IRQ_LINES) return;
    for (unsigned i = 0; i < IRQ_SHARERS; i++) {
        struct irq *irq = sharer(line, i);
        if (!irq->refs || irq->slots[1].type != CAP_NOTIFICATION) continue;
        irq->pending = true;
        notification_signal(notification_at(irq->slots[1].object), irq->slots[1].badge);
    }
}

// Let the line fire again if somebody listens and nobody has yet to acknowledge.
static void unmask_if_idle(unsigned line)
{
    bool heard = false;
    for (unsigned i = 0; i < IRQ_SHARERS; i++) {
        const struct irq *irq = sharer(line, i);
        if (!irq->refs || irq->slots[1].type != CAP_NOTIFICATION) continue;
        if (irq->pending) return;
        heard = true;
    }
    if (heard)
        arch_irq_unmask(line);
    else
        arch_irq_mask(line);
}

// The driver stops listening: it owes no acknowledgement any more. The slot is still full.
void irq_slot_lost(struct irq *irq)
{
    if (!irq->refs) return;
    uint32_t refs = irq->refs;
    irq->refs = 0;  // not counted among those who listen
    irq->pending = false;
    unmask_if_idle(irq->line);
    irq->refs = refs;
}

void irq_destroy(struct irq *irq)
{
    irq->pending = false;
    unmask_if_idle(irq->line);
}

// get(line, index)
static err_t control_get(struct invocation *inv)
{
    uint64_t line = inv_word(inv, 0);
    struct slot *slot = view_slot(thread_cspace(inv->self), inv_word(inv, 1));
    if (line >= IRQ_LINES || !slot) return ERR_INVALID;
    if (slot->type != CAP_EMPTY) return ERR_SLOT_FULL;
    for (unsigned i = 0; i < IRQ_SHARERS; i++) {
        struct irq *irq = sharer((unsigned)line, i);
        if (irq->refs || irq->slots[0].type != CAP_EMPTY) continue;
        *irq = (struct irq){.refs = 1, .line = (uint32_t)line};
        *slot = (struct slot){.type = CAP_IRQ, .rights = RIGHTS_ALL, .object = ref_of(irq)};
        slot_link(slot, inv->cap);
        view_note(thread_cspace(inv->self), inv_word(inv, 1));
        return OK;
    }
    return ERR_LIMIT;
}

// Operations of CAP_IRQ_CONTROL.
err_t irq_control_invoke(struct invocation *inv)
{
    return inv->label == IRQ_CONTROL_GET ? control_get(inv) : ERR_NO_SYSCALL;
}

// bind(notification); 0: stop listening
static err_t bind(struct invocation *inv)
{
    struct irq *irq = irq_at(inv->cap->object);
    struct slot *n;
    err_t err = cap_lookup_optional(inv->self, inv_word(inv, 0), CAP_NOTIFICATION, RIGHT_WRITE, &n);
    if (!err) err = slot_delete(&irq->slots[1]);
    if (err || !n || n->type != CAP_NOTIFICATION) return err;
    slot_derive(n, &irq->slots[1], RIGHTS_ALL, SLOT_IN_IRQ);
    irq->pending = false;
    unmask_if_idle(irq->line);
    return OK;
}

// Operations of CAP_IRQ.
// @path interrupt 4/5: the driver has served its device and acknowledges
err_t irq_invoke(struct invocation *inv)
{
    struct irq *irq = irq_at(inv->cap->object);
    switch (inv->label) {
    case IRQ_BIND: return bind(inv);
    case IRQ_ACK:
        irq->pending = false;
        unmask_if_idle(irq->line);
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}
