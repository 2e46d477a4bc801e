// SPDX-License-Identifier: MIT
// Threads: life, registers, and the capabilities that they hold inside.
//
// Rules:
//  - The slots inside (address space, cspace, fault endpoint, context, bound notification) are derived from
//    capabilities given to `configure` and its like. Losing the address space or the cspace stops the thread.
//  - An operation with an older generation than the newest seen is refused; the same one may be repeated.
//  - The UTCB is the page behind the thread; its mapping is the thread's own and goes with it.
// Blocking and waking are entry/ipc.c's and sched/'s work.
#include "aspace.h"
#include "invoke.h"

void thread_init(ref_t ref)
{
    struct thread *t = thread_at(ref);
    arch_context_start(&t->context, 0, 0, 0);
    arch_fpu_init(t);
}

void thread_set_result(struct thread *t, err_t err, uint64_t badge, uint64_t info, uint64_t count)
{
    context_set_result(&t->context, err, badge, info, count);
    for (unsigned i = 0; i < MSG_REGISTERS; i++) context_set_word(&t->context, i, 0);
}

void thread_leave(struct thread *t)
{
    switch (t->state) {
    case THREAD_RECEIVING:
        endpoint_dequeue(endpoint_at(t->object), t);
        if (t->reply) reply_at(t->reply)->receiver = NO_REF;
        t->reply = NO_REF;
        break;
    case THREAD_CALLING:
    case THREAD_SENDING: endpoint_dequeue(endpoint_at(t->object), t); break;
    case THREAD_REPLY: reply_at(t->object)->caller = NO_REF; break;
    case THREAD_WAITING: queue_remove(&notification_at(t->object)->waiters, t); break;
    default: return;
    }
    t->object = NO_REF;
    deadline_remove(t);
}

void thread_abort(struct thread *t, err_t err)
{
    thread_leave(t);
    if (t->flags & THREAD_IN_FAULT) {
        t->flags &= (uint8_t)~THREAD_IN_FAULT;
        t->state = THREAD_STOPPED;
        log_line("thread %x: its fault handler is gone; stopped at pc %llx", ref_of(t),
                 (unsigned long long)context_pc(&t->context));
        return;
    }
    thread_set_result(t, err, 0, 0, 0);
    sched_ready(t);
}

void thread_suspend(struct thread *t)
{
    if (t->state == THREAD_READY) {
        sched_block(t);
    } else if (t->state != THREAD_STOPPED) {
        thread_leave(t);
        if (!(t->flags & THREAD_IN_FAULT)) thread_set_result(t, ERR_EVENT, 0, 0, 0);
        t->flags &= (uint8_t)~THREAD_IN_FAULT;
    }
    t->state = THREAD_STOPPED;
    context_go_home(t);
}

static void unmap_utcb(struct thread *t)
{
    if (!t->utcb_address || !t->aspace) return;
    uint64_t vpn = t->utcb_address >> PAGE_BITS;
    struct edit edit = {.page = ref_page(ref_of(t)) + 1, .n_pages = 1, .keep = 0};
    tables_edit(aspace_at(t->aspace), vpn, vpn + 1, edit);
    t->utcb_address = 0;
}

// Over whatever is mapped there.
static err_t map_utcb(struct thread *t)
{
    uint64_t vpn = t->utcb_address >> PAGE_BITS, page = ref_page(ref_of(t)) + 1;
    return tables_map(aspace_at(t->aspace), vpn, page, 1, RIGHT_READ | RIGHT_WRITE) ? OK : ERR_NO_TABLES;
}

err_t thread_map_utcb(struct thread *t)
{
    if (!t->utcb_address || !t->aspace) return ERR_INVALID;
    if (pte_present(tables_entry(aspace_at(t->aspace), t->utcb_address >> PAGE_BITS))) return ERR_INVALID;
    return map_utcb(t);
}

void thread_slot_lost(struct thread *t, unsigned which)
{
    switch (which) {
    case THREAD_SLOT_ASPACE:
        thread_suspend(t);
        unmap_utcb(t);
        t->aspace = NO_REF;
        t->root = (paddr_t){0};
        break;
    case THREAD_SLOT_CSPACE:
        thread_suspend(t);
        t->cspace = NO_REF;
        t->cspace_last = 0;
        break;
    case THREAD_SLOT_CONTEXT: context_own_changed(t, NO_REF); break;
    case THREAD_SLOT_BOUND: notification_at(t->slots[which].object)->bound = NO_REF; break;
    default: break;
    }
}

err_t thread_set_slot(struct thread *t, unsigned which, struct slot *from)
{
    struct slot *slot = &t->slots[which];
    err_t err = slot_delete(slot);
    if (err || !from || from->type == CAP_EMPTY) return err;
    slot_derive(from, slot, RIGHTS_ALL, SLOT_IN_THREAD);
    switch (which) {
    case THREAD_SLOT_ASPACE:
        t->aspace = slot->object;
        t->root = aspace_root(slot->object);
        break;
    case THREAD_SLOT_CSPACE:
        t->cspace = slot->object;
        t->cspace_last = (1ull << (slot->size_bits - REF_BITS)) - 1;
        break;
    case THREAD_SLOT_CONTEXT: context_own_changed(t, slot->object); break;
    case THREAD_SLOT_BOUND: notification_at(slot->object)->bound = ref_of(t); break;
    default: break;
    }
    return OK;
}

// The slots inside are emptied later (slots_reap); until then the thread is stopped and nobody can name it.
void thread_destroy(struct thread *t)
{
    thread_suspend(t);
    arch_fpu_forget(t);
}

static err_t check_generation(const struct thread *t, uint64_t generation)
{
    return generation == 0 || generation >= t->generation ? OK : ERR_STALE;
}

static void note_generation(struct thread *t, uint64_t generation)
{
    if (generation) t->generation = generation;
}

// configure(aspace, cspace, fault_endpoint, utcb_address). Stops the thread.
static err_t configure(struct invocation *inv, struct thread *t)
{
    struct slot *aspace, *cspace, *fault;
    uint64_t address = inv_word(inv, 3);
    err_t err = cap_lookup(inv->self, inv_word(inv, 0), CAP_ASPACE, RIGHT_WRITE, &aspace);
    if (!err) err = cap_lookup(inv->self, inv_word(inv, 1), CAP_CSPACE, RIGHT_WRITE, &cspace);
    if (!err) err = cap_lookup_optional(inv->self, inv_word(inv, 2), CAP_ENDPOINT, RIGHT_WRITE, &fault);
    if (!err && address) err = aspace_check_range(aspace->badge, address, 1);
    if (err) return err;
    if (t == inv->self) return ERR_BUSY;
    const struct aspace *as = aspace_at(aspace->object);
    uint64_t missing = address ? tables_missing(as, address >> PAGE_BITS, 1) : 0;
    if (missing > tables_free(as)) {
        inv_result(inv, 0, missing - tables_free(as));
        return ERR_NO_TABLES;
    }
    thread_suspend(t);
    err = thread_set_slot(t, THREAD_SLOT_FAULT, fault);
    if (!err) err = thread_set_slot(t, THREAD_SLOT_CSPACE, cspace);
    if (!err) err = thread_set_slot(t, THREAD_SLOT_ASPACE, aspace);
    if (err || !address) return err;
    t->utcb_address = address;
    return map_utcb(t);
}

// Can it run at all?
static err_t check_runnable(const struct thread *t) { return t->aspace && t->cspace ? OK : ERR_BUSY; }

static void resume(struct thread *t)
{
    if (t->state == THREAD_STOPPED) sched_ready(t);
}

// set_registers(generation, flags, struct thread_registers). A blocked call is abandoned.
static err_t set_registers(struct invocation *inv, struct thread *t)
{
    struct thread_registers registers;
    uint64_t words[sizeof(registers) / 8], generation = inv_word(inv, 0), flags = inv_word(inv, 1);
    err_t err = check_generation(t, generation);
    if (!err && flags > 1) err = ERR_INVALID;
    if (!err && flags) err = check_runnable(t);
    if (!err && t == inv->self) err = ERR_BUSY;
    if (err) return err;
    for (unsigned i = 0; i < sizeof(registers) / 8; i++) words[i] = inv_word(inv, 2 + i);
    __builtin_memcpy(&registers, words, sizeof(registers));
    note_generation(t, generation);
    if (t->state != THREAD_READY) thread_suspend(t);
    t->revoke_ticket = 0;
    arch_context_set(&t->context, &registers);
    if (flags) resume(t);
    return OK;
}

static err_t get_registers(struct invocation *inv, const struct thread *t)
{
    struct thread_registers registers;
    uint64_t words[sizeof(registers) / 8];
    arch_context_get(&t->context, &registers);
    __builtin_memcpy(words, &registers, sizeof(registers));
    for (unsigned i = 0; i < sizeof(registers) / 8; i++) inv_result(inv, i, words[i]);
    return OK;
}

// run(generation, running)
static err_t run(struct invocation *inv, struct thread *t)
{
    uint64_t generation = inv_word(inv, 0), running = inv_word(inv, 1);
    err_t err = check_generation(t, generation);
    if (!err && running > 1) err = ERR_INVALID;
    if (!err && running) err = check_runnable(t);
    if (err) return err;
    note_generation(t, generation);
    if (running)
        resume(t);
    else
        thread_suspend(t);
    return OK;
}

static err_t set_context(struct invocation *inv, struct thread *t)
{
    struct slot *sc;
    err_t err = cap_lookup_optional(inv->self, inv_word(inv, 0), CAP_CONTEXT, RIGHT_WRITE, &sc);
    if (err) return err;
    if (sc && context_at(sc->object)->home && context_at(sc->object)->home != ref_of(t)) return ERR_BUSY;
    return thread_set_slot(t, THREAD_SLOT_CONTEXT, sc);
}

static err_t bind_notification(struct invocation *inv, struct thread *t)
{
    struct slot *n;
    err_t err = cap_lookup_optional(inv->self, inv_word(inv, 0), CAP_NOTIFICATION, RIGHT_READ, &n);
    if (err) return err;
    if (n && notification_at(n->object)->bound && notification_at(n->object)->bound != ref_of(t)) return ERR_BUSY;
    err = thread_set_slot(t, THREAD_SLOT_BOUND, n);
    const struct slot *bound = &t->slots[THREAD_SLOT_BOUND];
    if (err || bound->type == CAP_EMPTY) return err;
    struct notification *notification = notification_at(bound->object);
    if (notification->bits && t->state == THREAD_RECEIVING) {
        uint64_t bits = notification->bits;
        notification->bits = 0;
        ipc_kernel_message(t, 0, INFO_KERNEL | INFO(KMSG_NOTIFICATION, 1, 0), bits);
    }
    return OK;
}

static err_t set_upcalls(struct invocation *inv, struct thread *t)
{
    for (unsigned i = 0; i < 3; i++) {
        if (!arch_user_address_ok(inv_word(inv, i))) return ERR_INVALID;
    }
    context_set_syscall_entry(&t->context, inv_word(inv, 0));
    t->event_entry = inv_word(inv, 1);
    t->fault_entry = inv_word(inv, 2);
    return OK;
}

static err_t event(struct invocation *inv, struct thread *t)
{
    thread_utcb(t)->events_pending |= inv_word(inv, 0);
    if (inv_word(inv, 0) && (t->state == THREAD_RECEIVING || t->state == THREAD_WAITING)) thread_abort(t, ERR_EVENT);
    return OK;
}

// clone_state(source thread): fork's child
static err_t clone_state(struct invocation *inv, struct thread *t)
{
    struct slot *cap;
    err_t err = cap_lookup(inv->self, inv_word(inv, 0), CAP_THREAD, RIGHT_WRITE, &cap);
    if (err) return err;
    struct thread *source = thread_at(cap->object);
    bool in_call =
        (source->state == THREAD_CALLING || source->state == THREAD_REPLY) && !(source->flags & THREAD_IN_FAULT);
    if (!in_call || t->state != THREAD_STOPPED) return ERR_BUSY;
    uint64_t entry = context_syscall_entry(&t->context);
    t->context = source->context;
    context_set_syscall_entry(&t->context, entry);
    arch_fpu_copy(t, source);
    arch_page_copy(thread_utcb(t), thread_utcb(source));
    thread_set_result(t, OK, 0, INFO(0, 0, 0), 0);
    t->revoke_ticket = 0;
    return OK;
}

static err_t info(struct invocation *inv, const struct thread *t)
{
    unsigned state = t->state == THREAD_STOPPED ? THREAD_STATE_STOPPED
                     : t->state == THREAD_READY ? THREAD_STATE_READY
                                                : THREAD_STATE_BLOCKED;
    if (t->own && this_core()->charged == t->own) sched_charge(t->own);
    inv_result(inv, 0, state);
    inv_result(inv, 1, t->priority);
    inv_result(inv, 2, t->own ? context_at(t->own)->consumed_ns : 0);
    return OK;
}

// Operations of CAP_THREAD.
err_t thread_invoke(struct invocation *inv)
{
    struct thread *t = thread_at(inv->cap->object);
    switch (inv->label) {
    case THREAD_CONFIGURE: return configure(inv, t);
    case THREAD_SET_REGISTERS: return set_registers(inv, t);
    case THREAD_GET_REGISTERS: return get_registers(inv, t);
    case THREAD_RUN: return run(inv, t);
    case THREAD_SET_PRIORITY:
        if (inv_word(inv, 0) >= PRIORITIES) return ERR_INVALID;
        sched_set_priority(t, (unsigned)inv_word(inv, 0));
        return OK;
    case THREAD_SET_CONTEXT: return set_context(inv, t);
    case THREAD_BIND_NOTIFICATION: return bind_notification(inv, t);
    case THREAD_SET_UPCALLS: return set_upcalls(inv, t);
    case THREAD_EVENT: return event(inv, t);
    case THREAD_CLONE_STATE: return clone_state(inv, t);
    case THREAD_INFO: return info(inv, t);
    default: return ERR_NO_SYSCALL;
    }
}

bool thread_check(const struct thread *t)
{
    ref_t ref = ref_of(t);
    const struct cpu_core *core = this_core();
    bool ready = t->state == THREAD_READY, is_current = core->current == ref;
    if (t->queued + t->parked + is_current != (ready ? 1 : 0)) return false;
    if (t->on && context_at(t->on)->user != ref) return false;
    if (t->own && context_at(t->own)->home != ref) return false;
    if (t->own && t->on && t->on != t->own) {
        if (context_at(t->own)->user != ref) return false;
    }
    if (t->state != THREAD_READY && t->state != THREAD_CALLING && t->state != THREAD_SENDING && t->on &&
        t->on != t->own)
        return false;
    if (t->own != t->slots[THREAD_SLOT_CONTEXT].object) return false;
    if (t->aspace != t->slots[THREAD_SLOT_ASPACE].object || t->cspace != t->slots[THREAD_SLOT_CSPACE].object)
        return false;
    if (t->state == THREAD_REPLY && reply_at(t->object)->caller != ref) return false;
    if (t->state == THREAD_RECEIVING && t->reply && reply_at(t->reply)->receiver != ref) return false;
    if (t->flags & THREAD_IN_HEAP && (t->state == THREAD_STOPPED || (ready && !t->parked))) return false;
    if (t->flags & THREAD_IN_FAULT && t->state != THREAD_CALLING && t->state != THREAD_REPLY) return false;
    for (unsigned i = 1; i < THREAD_SLOTS; i++) {
        if (!slot_check(&t->slots[i])) return false;
    }
    return true;
}
