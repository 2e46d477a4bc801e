// SPDX-License-Identifier: MIT
// Host: the kernel core as a Linux library, for tests. All of kernel/include/arch.h on an array as memory.
//
// The kernel leaves to user mode or idling by longjmp to where it was entered. The translation cache is simulated, so a
// missing invalidation shows as a stale entry.
#include "host.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLB_ENTRIES 64

struct host host;
static _Alignas(1 << 20) uint8_t arena[HOST_MEMORY_BYTES];
static struct cpu cpu;
static jmp_buf way_out;
static struct {
    uint64_t vpn;
    uint64_t pte;  // 0: unused
} tlb[TLB_ENTRIES];

void host_reset(void)
{
    memset(arena, 0xa5, sizeof(arena));
    memset(&host, 0, sizeof(host));
    memset(tlb, 0, sizeof(tlb));
    memset(&cpu, 0, sizeof(cpu));
    cpu.self = &cpu;
    host.timer_ns = NS_FOREVER;
    host.masked_lines = UINT64_MAX;
    host.echo = getenv("KERNEL_LOG") != NULL;
}

// --- entering and leaving

enum host_exit host_enter(void (*entry)(void))
{
    int how = setjmp(way_out);
    if (how) return (enum host_exit)how;
    entry();
    kernel_exit();
}

static struct {
    unsigned kind;
    uint64_t address, code;
} fault;
static unsigned line_fired;
static const struct boot_memory *boot_memory;

static void enter_fault(void) { kernel_fault(fault.kind, fault.address, fault.code); }
static void enter_interrupt(void)
{
    arch_irq_mask(line_fired);  // all lines are level ones here
    kernel_interrupt(line_fired);
}
static void enter_nothing(void) {}
static void enter_boot(void) { kernel_main(boot_memory); }

enum host_exit host_fault(unsigned kind, uint64_t address, uint64_t code)
{
    fault.kind = kind;
    fault.address = address;
    fault.code = code;
    return host_enter(enter_fault);
}

enum host_exit host_interrupt(unsigned line)
{
    line_fired = line;
    return host_enter(host.masked_lines >> line & 1 ? enter_nothing : enter_interrupt);
}

enum host_exit host_tick(uint64_t now_ns)
{
    host.now_ns = now_ns;
    if (now_ns < host.timer_ns) return host_nothing();
    host.timer_ns = NS_FOREVER;
    return host_enter(kernel_timer);
}

enum host_exit host_nothing(void) { return host_enter(enter_nothing); }

enum host_exit host_boot(const struct boot_memory *memory)
{
    boot_memory = memory;
    return host_enter(enter_boot);
}

static struct arch_context *context_of(struct thread *thread) { return (struct arch_context *)thread; }

void arch_return_user(struct arch_context *context)
{
    if (cpu.thread == NULL || context != context_of(cpu.thread)) abort();
    longjmp(way_out, HOST_USER);
}

void arch_switch_user(struct arch_context *context)
{
    if (cpu.thread != NULL && context == context_of(cpu.thread)) abort();
    cpu.thread = (struct thread *)context;
    longjmp(way_out, HOST_USER);
}

// A message stays in the context that it came in; so all that is to be done is to copy it or not.
void arch_message_save(uint64_t cap, uint64_t info, struct thread *self, uint64_t number, uint64_t n_words)
{
    (void)cap;
    (void)n_words;
    struct arch_context *c = context_of(self);
    if (self != cpu.thread || info != c->info || number != c->number) abort();
    kernel_calls[number](self);
}

void arch_message_other(uint64_t cap, uint64_t info, struct thread *self, uint64_t number, uint64_t n_words)
{
    (void)number;
    arch_message_save(cap, info, self, context_number(context_of(self)), n_words);
}

void arch_message_deliver(uint64_t badge, uint64_t info, struct thread *to, uint64_t count, uint64_t n_words)
{
    struct arch_context *c = context_of(to), *from = context_of(cpu.thread);
    context_set_result(c, OK, badge, info, count);
    for (unsigned i = 0; i < MSG_REGISTERS; i++) context_set_word(c, i, i < n_words ? context_word(from, i) : 0);
    host.short_ways++;
    arch_switch_user(c);
}

// As the entry code of an architecture does it.
static void enter_syscall(void)
{
    struct arch_context *c = context_of(cpu.thread);
    if (c->number >= SYS_SIGNAL) {
        int64_t result = kernel_quick(c->cap, c->number);
        context_set_result(c, result < 0 ? (err_t)result : OK, 0, 0, 0);
        for (unsigned i = 0; i < MSG_REGISTERS; i++) context_set_word(c, i, 0);
        if (result > 0) kernel_go_on(cpu.thread, result);
        arch_return_user(c);
    }
    if (host.long_ways_only)
        kernel_calls[c->number](cpu.thread);
    else
        kernel_messages[c->number](c->cap, c->info, cpu.thread, 0, 0);
}

enum host_exit host_syscall(void) { return host_enter(enter_syscall); }
void arch_idle(void) { longjmp(way_out, HOST_IDLE); }
void arch_halt(void) { longjmp(way_out, HOST_HALTED); }
void arch_power(unsigned action, uint64_t code)
{
    host.power_code = (uint64_t)action << 32 | code;
    longjmp(way_out, HOST_POWERED_OFF);
}

struct cpu *arch_cpu(void) { return &cpu; }
void *arch_core(void) { return cpu.core; }

// --- memory

void *arch_direct(paddr_t pa)
{
    if (pa.raw - HOST_MEMORY_START >= sizeof(arena)) abort();  // the core followed a bad reference
    return arena + (pa.raw - HOST_MEMORY_START);
}

paddr_t arch_physical(const void *p)
{
    uint64_t offset = (uint64_t)((const uint8_t *)p - arena);
    if (offset >= sizeof(arena)) abort();
    return (paddr_t){HOST_MEMORY_START + offset};
}

void *arch_direct_ref(ref_t ref)
{
    if (!(ref & REF_TOP)) abort();
    return arch_direct((paddr_t){(uint64_t)(ref & ~REF_TOP) << REF_BITS});
}

ref_t arch_ref(const void *p) { return (ref_t)(arch_physical(p).raw >> REF_BITS) | REF_TOP; }

void arch_page_clear(void *page) { memset(page, 0, PAGE_SIZE); }
void arch_page_copy(void *to, const void *from) { memcpy(to, from, PAGE_SIZE); }

void arch_aspace_init(pte_t *root) { (void)root; }

void arch_aspace_activate(paddr_t root)
{
    host.root = root;
    arch_tlb_all();
}

void arch_tlb_page(uaddr_t address) { tlb[(address.raw >> PAGE_BITS) % TLB_ENTRIES].pte = 0; }
void arch_tlb_all(void) { memset(tlb, 0, sizeof(tlb)); }

static uint64_t walk(uint64_t vpn)
{
    const pte_t *table = arch_direct(host.root);
    for (unsigned level = ARCH_LEVELS - 1;; level--) {
        pte_t pte = table[vpn >> (9 * level) & 511];
        if (!pte_present(pte)) return 0;
        if (level == 0) return pte.raw;
        table = arch_direct(pte_address(pte));
    }
}

unsigned host_access(uint64_t address)
{
    uint64_t vpn = address >> PAGE_BITS, i = vpn % TLB_ENTRIES;
    if (!tlb[i].pte || tlb[i].vpn != vpn) {
        tlb[i].vpn = vpn;
        tlb[i].pte = walk(vpn);
    }
    return tlb[i].pte ? pte_rights((pte_t){tlb[i].pte}) : 0;
}

bool host_tlb_check(void)
{
    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        if (tlb[i].pte && tlb[i].pte != walk(tlb[i].vpn)) return false;
    }
    return true;
}

// --- registers

void arch_context_start(struct arch_context *c, uint64_t pc, uint64_t sp, uint64_t argument)
{
    memset(c, 0, sizeof(*c));
    c->registers = (struct thread_registers){.pc = pc, .sp = sp, .rdi = argument};
}

void arch_context_set(struct arch_context *c, const struct thread_registers *r)
{
    c->registers = *r;
    c->restart = 0;
}

void arch_context_get(const struct arch_context *c, struct thread_registers *r) { *r = c->registers; }

void arch_context_divert(struct arch_context *c, struct upcall_save *save, uint64_t entry)
{
    *save = (struct upcall_save){.pc = c->registers.pc, .sp = c->registers.sp, .flags = c->registers.flags};
    c->registers.pc = entry;
    c->restart = 0;
}

bool arch_user_address_ok(uint64_t address) { return address < USER_END; }

// --- floating point: one set of registers, owned lazily
void arch_fpu_init(struct thread *t) { memset(kernel_fpu(t), 0, sizeof(struct arch_fpu)); }

static void fpu_save(void)
{
    if (host.fpu) memcpy(kernel_fpu(host.fpu)->area, host.fpu_registers, sizeof(host.fpu_registers));
}

void arch_fpu_switch(struct thread *next)
{
    if (next == host.fpu) return;
    fpu_save();
    memcpy(host.fpu_registers, kernel_fpu(next)->area, sizeof(host.fpu_registers));
    host.fpu = next;
}

void arch_fpu_copy(struct thread *to, struct thread *from)
{
    if (from == host.fpu) fpu_save();
    *kernel_fpu(to) = *kernel_fpu(from);
}

void arch_fpu_forget(struct thread *t)
{
    if (t == host.fpu) host.fpu = NULL;
}

// --- time, interrupts, ports, log
uint64_t arch_now_ns(void) { return host.now_ns; }
void arch_timer_set(uint64_t deadline_ns) { host.timer_ns = deadline_ns; }
void arch_clock_page(struct clock_page *page) { *page = (struct clock_page){.magic = CLOCK_MAGIC}; }
void arch_irq_mask(unsigned line) { host.masked_lines |= 1ull << line; }
void arch_irq_unmask(unsigned line) { host.masked_lines &= ~(1ull << line); }

bool arch_preempt_pending(void) { return host.preempt_every && ++host.preempt_asked % host.preempt_every == 0; }

err_t arch_port_in(unsigned port, unsigned size, uint64_t *value)
{
    *value = (host.port_value + port) & (size == 4 ? 0xffffffffu : (1u << size * 8) - 1);
    return OK;
}

err_t arch_port_out(unsigned port, unsigned size, uint64_t value)
{
    (void)size;
    host.port_value = (unsigned)value - port;
    return OK;
}

void arch_log(const char *text, size_t n)
{
    if (host.echo) fwrite(text, 1, n, stderr);
    for (size_t i = 0; i < n; i++) {
        if (host.last_log_bytes == sizeof(host.last_log) - 1) host.last_log_bytes = 0;
        host.last_log[host.last_log_bytes++] = text[i];
        host.last_log[host.last_log_bytes] = 0;
    }
}
