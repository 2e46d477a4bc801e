// SPDX-License-Identifier: MIT
// Faults and upcalls: what a thread did wrong goes to its handler or to itself, events reach it on the way out.
//
// Rules:
//  - A fault is a call by the faulting thread on its fault endpoint; the kernel has no policy.
//  - An upcall leaves the interrupted state in the UTCB and continues at the entry; the program gets back by itself.
// Sending the message is entry/ipc.c's work, system-call upcalls are the architecture's.
#include "aspace.h"
#include "thread.h"

// A long operation under way would go on with the registers of the upcall: it has to start afresh.
static void divert(struct thread *t, struct upcall_save *save, uint64_t entry)
{
    t->revoke_ticket = 0;
    arch_context_divert(&t->context, save, entry);
}

// @path page-fault 2/7: whose fault, and is it only the UTCB's entry that was dropped
void kernel_fault(unsigned kind, uint64_t address, uint64_t code)
{
    struct thread *self = thread_at(this_core()->current);
    bool in_utcb = self->utcb_address && address - self->utcb_address < PAGE_SIZE;
    if (kind == FAULT_KIND_PAGE && in_utcb && thread_map_utcb(self) == OK) return;
    fault_deliver(self, kind, address, code, &self->slots[THREAD_SLOT_FAULT]);
}

void kernel_foreign(void)
{
    struct thread *self = thread_at(this_core()->current);
    fault_deliver(self, FAULT_KIND_SYSCALL, context_number(&self->context), 0, &self->slots[THREAD_SLOT_FAULT]);
}

void fault_deliver(struct thread *t, unsigned kind, uint64_t address, uint64_t code, const struct slot *handler)
{
    t->fault_kind = kind;
    t->fault_address = address;
    t->fault_code = code;
    if (handler->type != CAP_ENDPOINT) {
        log_line("thread %x: fault %u at pc %llx, address %llx, code %llx, and no handler; stopped", ref_of(t), kind,
                 (unsigned long long)context_pc(&t->context), (unsigned long long)address, (unsigned long long)code);
        thread_suspend(t);
        return;
    }
    // @path page-fault 3/7: the fault is a call to the thread's pager
    if (!fast_fault(this_core(), t, handler)) ipc_fault(t, handler);
}

void fault_message(struct thread *receiver, const struct thread *faulter)
{
    const uint64_t words[FAULT_WORDS] = {
        [FAULT_WORD_KIND] = faulter->fault_kind,         [FAULT_WORD_ADDRESS] = faulter->fault_address,
        [FAULT_WORD_PC] = context_pc(&faulter->context), [FAULT_WORD_SP] = context_sp(&faulter->context),
        [FAULT_WORD_CODE] = faulter->fault_code,         [FAULT_WORD_FLAGS] = context_flags(&faulter->context),
    };
    for (unsigned i = 0; i < FAULT_WORDS; i++) context_set_word(&receiver->context, i, words[i]);
}

// @path page-fault 6/7: the handler has answered
bool fault_answer(struct thread *t, uint32_t decision)
{
    t->flags &= (uint8_t)~THREAD_IN_FAULT;
    if (decision == FAULT_RESUME || decision == (uint32_t)ERR_RESTARTED) return true;
    t->state = THREAD_STOPPED;
    if (decision != FAULT_REFLECT || !t->fault_entry) return false;
    struct utcb *utcb = thread_utcb(t);
    utcb->fault_kind = t->fault_kind;
    utcb->fault_address = t->fault_address;
    utcb->fault_code = t->fault_code;
    utcb->events_enabled = 0;
    divert(t, &utcb->fault, t->fault_entry);
    return true;
}

void event_divert(struct thread *t)
{
    struct utcb *utcb = thread_utcb(t);
    if (!t->event_entry || !utcb->events_enabled || !utcb->events_pending) return;
    utcb->events_enabled = 0;
    divert(t, &utcb->event, t->event_entry);
}
