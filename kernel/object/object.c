// SPDX-License-Identifier: MIT
// What differs from one object type to the next: size, set-up, count of capabilities, slots inside, death.
//
// One switch for each question; the answers that are more than a line are in the type's own file. Types without an
// object of their own (UNTYPED, FRAMES, IRQ_CONTROL, IOPORT, LOG, SYSTEM) have no count: their capabilities are all.
#include "aspace.h"
#include "thread.h"

#define SIZE_BITS_MAX 37  // 128 GiB in one piece

unsigned object_size_bits(unsigned type, unsigned size_bits)
{
    switch (type) {
    case CAP_UNTYPED:
    case CAP_FRAMES: return size_bits >= PAGE_BITS && size_bits <= SIZE_BITS_MAX ? size_bits : 0;
    case CAP_CSPACE: return size_bits > REF_BITS && size_bits <= CSPACE_SIZE_BITS_MAX ? size_bits : 0;
    case CAP_ASPACE: return size_bits > PAGE_BITS && size_bits <= SIZE_BITS_MAX ? size_bits : 0;
    case CAP_THREAD: return size_bits == 0 ? 13 : 0;
    case CAP_CONTEXT: return size_bits == 0 ? 7 : 0;
    case CAP_ENDPOINT:
    case CAP_REPLY:
    case CAP_NOTIFICATION: return size_bits == 0 ? 6 : 0;
    default: return 0;
    }
}

err_t object_check_init(unsigned type, unsigned n) { return type == CAP_ASPACE ? ids_check(n) : OK; }

// Frames and untyped memory keep their content; of an address space only its state and root are cleared, its tables
// are when they are taken from the pool.
void object_init(unsigned type, ref_t object, unsigned size_bits)
{
    if (type == CAP_UNTYPED || type == CAP_FRAMES) return;
    size_t n_bytes = type == CAP_ASPACE ? 2 * PAGE_SIZE : 1ull << object_size_bits(type, size_bits);
    if (n_bytes < PAGE_SIZE) words_clear(ref_direct(object), n_bytes / sizeof(uint64_t));
    for (uint64_t page = 0; page < n_bytes / PAGE_SIZE; page++) arch_page_clear(ref_direct(object + page_refs(page)));
    if (type == CAP_THREAD) thread_init(object);
    if (type == CAP_CONTEXT) context_init(context_at(object));
    if (type == CAP_ASPACE) aspace_init(object, size_bits);
    *object_refs(type, object) = 1;
}

uint32_t *object_refs(unsigned type, ref_t object)
{
    switch (type) {
    case CAP_CSPACE: return &cspace_at(object)->refs;
    case CAP_THREAD: return &thread_at(object)->refs;
    case CAP_CONTEXT: return &context_at(object)->refs;
    case CAP_ENDPOINT: return &endpoint_at(object)->refs;
    case CAP_REPLY: return &reply_at(object)->refs;
    case CAP_NOTIFICATION: return &notification_at(object)->refs;
    case CAP_ASPACE: return &aspace_at(object)->refs;
    case CAP_IRQ: return &irq_at(object)->refs;
    default: return NULL;
    }
}

bool object_quiesce_step(unsigned type, ref_t object)
{
    switch (type) {
    case CAP_ENDPOINT: return endpoint_quiesce_step(endpoint_at(object));
    case CAP_NOTIFICATION: return notification_quiesce_step(notification_at(object));
    default: return true;
    }
}

void object_destroy(unsigned type, ref_t object)
{
    switch (type) {
    case CAP_THREAD: thread_destroy(thread_at(object)); break;
    case CAP_CONTEXT: context_destroy(object); break;
    case CAP_REPLY: reply_destroy(object); break;
    case CAP_ASPACE: aspace_destroy(object); break;
    case CAP_IRQ: irq_destroy(irq_at(object)); break;
    default: break;
    }
}

unsigned object_slots(unsigned type, ref_t object, unsigned size_bits, ref_t *first)
{
    switch (type) {
    case CAP_CSPACE: *first = object; return 1u << (size_bits - REF_BITS);
    case CAP_THREAD: *first = object + offsetof(struct thread, slots) / SLOT_BYTES; return THREAD_SLOTS;
    case CAP_ASPACE: *first = object + offsetof(struct aspace, slots) / SLOT_BYTES; return aspace_at(object)->n_slots;
    case CAP_CONTEXT: *first = object; return 2;
    case CAP_IRQ: *first = object + 1; return 2;
    default: return 0;
    }
}

bool object_slot_lost(struct slot *s)
{
    ref_t ref = ref_of(s);
    if (s->flags & SLOT_IN_THREAD) {
        struct thread *t = thread_at(ref & ~(ref_t)(SIZE_THREAD / SLOT_BYTES - 1));
        thread_slot_lost(t, ref - ref_of(&t->slots[0]));
    }
    if (s->flags & SLOT_IN_ASPACE) aspace_slot_lost(aspace_at(ref & ~(ref_t)(REFS_PER_PAGE - 1)), s);
    if (s->flags & SLOT_IN_IRQ) irq_slot_lost(irq_at(ref - 2));
    return true;
}
