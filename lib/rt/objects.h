// SPDX-License-Identifier: MIT
// Kernel object invocations: one inline function for each operation of abi/objects.def, which says what they do.
//
// Naming: <object>_<operation>(capability, arguments in the order of objects.def, results through pointers). A null
// result pointer means "not wanted". "cspace" arguments take 0 for the thread's own. Nothing here blocks for long.
#pragma once
#include "abi/objects.h"
#include "lib/rt/syscall.h"

// Invoke with the words that the caller has put into `m`; the results replace them.
static inline err_t rt_invoke(uint32_t cap, uint32_t operation, unsigned n_words, struct message *m)
{
    m->info = INFO(operation, n_words, 0);
    return sys_call(cap, m, NS_FOREVER);
}

static inline void rt_result(uint64_t *result, uint64_t value)
{
    if (result) *result = value;
}

// --- untyped

static inline err_t untyped_retype(uint32_t untyped, enum cap_type type, unsigned size_bits, unsigned n,
                                   uint32_t cspace, uint32_t index)
{
    struct message m = {.words = {type, size_bits, n, cspace, index}};
    return rt_invoke(untyped, UNTYPED_RETYPE, 5, &m);
}

static inline err_t untyped_info(uint32_t untyped, uint64_t *size_bits, uint64_t *free_bytes)
{
    struct message m = {0};
    err_t err = rt_invoke(untyped, UNTYPED_INFO, 0, &m);
    rt_result(size_bits, m.words[0]);
    rt_result(free_bytes, m.words[1]);
    return err;
}

// --- cspace

static inline err_t cspace_derive(uint32_t cspace, uint32_t index, uint32_t src_cspace, uint32_t src_index,
                                  unsigned rights, uint64_t badge)
{
    struct message m = {.words = {index, src_cspace, src_index, rights, badge}};
    return rt_invoke(cspace, CSPACE_DERIVE, 5, &m);
}

static inline err_t cspace_derive_frames(uint32_t cspace, uint32_t index, uint32_t src_cspace, uint32_t src_index,
                                         unsigned rights, uint64_t first, unsigned size_bits)
{
    struct message m = {.words = {index, src_cspace, src_index, rights, first, size_bits}};
    return rt_invoke(cspace, CSPACE_DERIVE_FRAMES, 6, &m);
}

static inline err_t cspace_move(uint32_t cspace, uint32_t index, uint32_t src_cspace, uint32_t src_index)
{
    struct message m = {.words = {index, src_cspace, src_index}};
    return rt_invoke(cspace, CSPACE_MOVE, 3, &m);
}

static inline err_t cspace_delete(uint32_t cspace, uint32_t index, unsigned n)
{
    struct message m = {.words = {index, n}};
    return rt_invoke(cspace, CSPACE_DELETE, 2, &m);
}

static inline err_t cspace_revoke(uint32_t cspace, uint32_t index)
{
    struct message m = {.words = {index}};
    return rt_invoke(cspace, CSPACE_REVOKE, 1, &m);
}

static inline err_t cspace_copy_all(uint32_t cspace, uint32_t src_cspace)
{
    struct message m = {.words = {src_cspace}};
    return rt_invoke(cspace, CSPACE_COPY_ALL, 1, &m);
}

struct cap_identity {
    uint64_t type, rights, badge, detail, children;
};

static inline err_t cspace_identify(uint32_t cspace, uint32_t index, struct cap_identity *identity)
{
    struct message m = {.words = {index}};
    err_t err = rt_invoke(cspace, CSPACE_IDENTIFY, 1, &m);
    *identity = (struct cap_identity){m.words[0], m.words[1], m.words[2], m.words[3], m.words[4]};
    return err;
}

// --- thread

static inline err_t thread_configure(uint32_t thread, uint32_t aspace, uint32_t cspace, uint32_t fault_endpoint,
                                     uint64_t utcb_address)
{
    struct message m = {.words = {aspace, cspace, fault_endpoint, utcb_address}};
    return rt_invoke(thread, THREAD_CONFIGURE, 4, &m);
}

// Registers travel partly in the UTCB's long words, which are overwritten.
static inline err_t thread_set_registers(uint32_t thread, uint64_t generation, uint64_t flags,
                                         const struct thread_registers *registers)
{
    const uint64_t *r = (const uint64_t *)registers;
    struct message m = {.words = {generation, flags, r[0], r[1], r[2], r[3]}};
    uint64_t *long_words = rt_utcb()->words;
    for (unsigned i = MSG_REGISTERS; i < 22; i++) long_words[i] = r[i - 2];
    return rt_invoke(thread, THREAD_SET_REGISTERS, 22, &m);
}

static inline err_t thread_get_registers(uint32_t thread, struct thread_registers *registers)
{
    struct message m = {0};
    err_t err = rt_invoke(thread, THREAD_GET_REGISTERS, 0, &m);
    uint64_t *r = (uint64_t *)registers;
    const uint64_t *long_words = rt_utcb()->words;
    for (unsigned i = 0; i < 20; i++) r[i] = i < MSG_REGISTERS ? m.words[i] : long_words[i];
    return err;
}

static inline err_t thread_run(uint32_t thread, uint64_t generation, int running)
{
    struct message m = {.words = {generation, (uint64_t)running}};
    return rt_invoke(thread, THREAD_RUN, 2, &m);
}

static inline err_t thread_set_priority(uint32_t thread, unsigned priority)
{
    struct message m = {.words = {priority}};
    return rt_invoke(thread, THREAD_SET_PRIORITY, 1, &m);
}

static inline err_t thread_set_context(uint32_t thread, uint32_t context)
{
    struct message m = {.words = {context}};
    return rt_invoke(thread, THREAD_SET_CONTEXT, 1, &m);
}

static inline err_t thread_bind_notification(uint32_t thread, uint32_t notification)
{
    struct message m = {.words = {notification}};
    return rt_invoke(thread, THREAD_BIND_NOTIFICATION, 1, &m);
}

static inline err_t thread_set_upcalls(uint32_t thread, uint64_t syscall_entry, uint64_t event_entry,
                                       uint64_t fault_entry)
{
    struct message m = {.words = {syscall_entry, event_entry, fault_entry}};
    return rt_invoke(thread, THREAD_SET_UPCALLS, 3, &m);
}

static inline err_t thread_event(uint32_t thread, uint64_t bits)
{
    struct message m = {.words = {bits}};
    return rt_invoke(thread, THREAD_EVENT, 1, &m);
}

static inline err_t thread_clone_state(uint32_t thread, uint32_t source)
{
    struct message m = {.words = {source}};
    return rt_invoke(thread, THREAD_CLONE_STATE, 1, &m);
}

static inline err_t thread_info(uint32_t thread, uint64_t *state, uint64_t *priority, uint64_t *consumed_ns)
{
    struct message m = {0};
    err_t err = rt_invoke(thread, THREAD_INFO, 0, &m);
    rt_result(state, m.words[0]);
    rt_result(priority, m.words[1]);
    rt_result(consumed_ns, m.words[2]);
    return err;
}

// --- scheduling context

static inline err_t context_configure(uint32_t context, uint64_t budget_ns, uint64_t period_ns,
                                      uint32_t timeout_endpoint)
{
    struct message m = {.words = {budget_ns, period_ns, timeout_endpoint}};
    return rt_invoke(context, CONTEXT_CONFIGURE, 3, &m);
}

static inline err_t context_info(uint32_t context, uint64_t *consumed_ns, uint64_t *left_ns)
{
    struct message m = {0};
    err_t err = rt_invoke(context, CONTEXT_INFO, 0, &m);
    rt_result(consumed_ns, m.words[0]);
    rt_result(left_ns, m.words[1]);
    return err;
}

// --- address space

static inline err_t aspace_unmap(uint32_t aspace, uint64_t address, uint64_t n_pages)
{
    struct message m = {.words = {address, n_pages}};
    return rt_invoke(aspace, ASPACE_UNMAP, 2, &m);
}

static inline err_t aspace_protect(uint32_t aspace, uint64_t address, uint64_t n_pages, unsigned rights)
{
    struct message m = {.words = {address, n_pages, rights}};
    return rt_invoke(aspace, ASPACE_PROTECT, 3, &m);
}

static inline err_t aspace_grow(uint32_t aspace, uint32_t untyped)
{
    struct message m = {.words = {untyped}};
    return rt_invoke(aspace, ASPACE_GROW, 1, &m);
}

static inline err_t aspace_info(uint32_t aspace, uint64_t *pool_free, uint64_t *pool_pages, uint64_t *mapped_pages)
{
    struct message m = {0};
    err_t err = rt_invoke(aspace, ASPACE_INFO, 0, &m);
    rt_result(pool_free, m.words[0]);
    rt_result(pool_pages, m.words[1]);
    rt_result(mapped_pages, m.words[2]);
    return err;
}

// --- frames

// On ERR_NO_TABLES *missing_tables (may be null) tells by how many page tables the pool is too small.
static inline err_t frames_map_counted(uint32_t frames, uint32_t aspace, uint64_t address, uint64_t first, uint64_t n,
                                       unsigned rights, uint64_t *missing_tables)
{
    struct message m = {.words = {aspace, address, first, n, rights}};
    err_t err = rt_invoke(frames, FRAMES_MAP, 5, &m);
    rt_result(missing_tables, err == ERR_NO_TABLES ? m.words[0] : 0);
    return err;
}

static inline err_t frames_map(uint32_t frames, uint32_t aspace, uint64_t address, uint64_t first, uint64_t n,
                               unsigned rights)
{
    return frames_map_counted(frames, aspace, address, first, n, rights, NULL);
}

static inline err_t frames_unmap(uint32_t frames)
{
    struct message m = {0};
    return rt_invoke(frames, FRAMES_UNMAP, 0, &m);
}

static inline err_t frames_revoke_run(uint32_t frames, uint64_t first, uint64_t n)
{
    struct message m = {.words = {first, n}};
    return rt_invoke(frames, FRAMES_REVOKE_RUN, 2, &m);
}

static inline err_t frames_copy(uint32_t frames, uint64_t first, uint32_t src_frames, uint64_t src_first, uint64_t n)
{
    struct message m = {.words = {first, src_frames, src_first, n}};
    return rt_invoke(frames, FRAMES_COPY, 4, &m);
}

static inline err_t frames_zero(uint32_t frames, uint64_t first, uint64_t n)
{
    struct message m = {.words = {first, n}};
    return rt_invoke(frames, FRAMES_ZERO, 2, &m);
}

static inline err_t frames_address(uint32_t frames, uint64_t *physical)
{
    struct message m = {0};
    err_t err = rt_invoke(frames, FRAMES_ADDRESS, 0, &m);
    rt_result(physical, m.words[0]);
    return err;
}

// --- interrupts

static inline err_t irq_control_get(uint32_t control, unsigned line, uint32_t index)
{
    struct message m = {.words = {line, index}};
    return rt_invoke(control, IRQ_CONTROL_GET, 2, &m);
}

static inline err_t irq_bind(uint32_t irq, uint32_t notification)
{
    struct message m = {.words = {notification}};
    return rt_invoke(irq, IRQ_BIND, 1, &m);
}

static inline err_t irq_ack(uint32_t irq)
{
    struct message m = {0};
    return rt_invoke(irq, IRQ_ACK, 0, &m);
}

// --- I/O ports

static inline err_t ioport_in(uint32_t ioport, unsigned port, unsigned size, uint64_t *value)
{
    struct message m = {.words = {port, size}};
    err_t err = rt_invoke(ioport, IOPORT_IN, 2, &m);
    rt_result(value, m.words[0]);
    return err;
}

static inline err_t ioport_out(uint32_t ioport, unsigned port, unsigned size, uint64_t value)
{
    struct message m = {.words = {port, size, value}};
    return rt_invoke(ioport, IOPORT_OUT, 3, &m);
}

// Write up to 32 bytes (four register words) to one port, in order.
#define IOPORT_RUN_BYTES 32
static inline err_t ioport_out_run(uint32_t ioport, unsigned port, unsigned n_bytes, const uint64_t words[4])
{
    struct message m = {.words = {port, n_bytes, words[0], words[1], words[2], words[3]}};
    return rt_invoke(ioport, IOPORT_OUT_RUN, 2 + (n_bytes + 7) / 8, &m);
}

// Read up to 32 bytes from one port.
static inline err_t ioport_in_run(uint32_t ioport, unsigned port, unsigned n_bytes, uint64_t words[4])
{
    struct message m = {.words = {port, n_bytes}};
    err_t err = rt_invoke(ioport, IOPORT_IN_RUN, 2, &m);
    for (unsigned i = 0; i < 4; i++) words[i] = m.words[i];
    return err;
}

// --- log. Text goes through the UTCB's long words (rt/log.c builds lines); n_bytes <= 504.

static inline err_t log_write(uint32_t log, const char *text, size_t n_bytes)
{
    struct message m = {.words = {n_bytes}};
    uint64_t *long_words = rt_utcb()->words;
    for (size_t i = 0; i < n_bytes; i++) {
        size_t word = 1 + i / 8;
        uint64_t *to = word < MSG_REGISTERS ? &m.words[word] : &long_words[word];
        uint64_t byte = (uint64_t)(unsigned char)text[i] << i % 8 * 8;
        *to = i % 8 == 0 ? byte : *to | byte;
    }
    return rt_invoke(log, LOG_WRITE, 1 + (unsigned)(n_bytes + 7) / 8, &m);
}

// --- system

static inline err_t system_power(uint32_t system, unsigned action, uint64_t code)
{
    struct message m = {.words = {action, code}};
    return rt_invoke(system, SYSTEM_POWER, 2, &m);
}

static inline err_t system_watchdog(uint32_t system, uint64_t deadline_ns)
{
    struct message m = {.words = {deadline_ns}};
    return rt_invoke(system, SYSTEM_WATCHDOG, 1, &m);
}

struct system_figures {
    uint64_t clock_ns, memory_bytes, kernel_text_bytes, kernel_data_bytes;
};

static inline err_t system_info(uint32_t system, struct system_figures *figures)
{
    struct message m = {0};
    err_t err = rt_invoke(system, SYSTEM_INFO, 0, &m);
    *figures = (struct system_figures){m.words[0], m.words[1], m.words[2], m.words[3]};
    return err;
}
