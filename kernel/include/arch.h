// SPDX-License-Identifier: MIT
// Everything that an architecture provides to the kernel core, and the few entries that it calls.
//
// kernel/arch/<name>/include/arch_types.h defines `struct arch_context` (a thread's user registers), `struct arch_fpu`
// and the inline page-table entry functions. Generic code has no architecture conditionals.
// The kernel runs with interrupts masked, except at preemption points; one kernel stack per CPU, and every entry
// starts at its top: nothing lives on it between entries.
#pragma once
#include <stdbool.h>
#include "abi/ipc.h"
#include "abi/boot.h"
#include "abi/errors.h"
#include "abi/objects.h"
#include "abi/utcb.h"

// For functions on the shortest ways through the kernel, where a call costs more than what it does.
#define ALWAYS_INLINE static inline __attribute__((always_inline))
// For functions that those ways seldom call: they preserve registers, so that the ways need not save any for them.
#define OUT_OF_THE_WAY __attribute__((noinline, preserve_most))
// A call in place of the function that makes it: what that has preserved is its caller's again.
#define TAIL __attribute__((musttail)) return

typedef struct {
    uint64_t raw;
} paddr_t;  // physical address
typedef struct {
    uint64_t raw;
} uaddr_t;  // address in user space: never dereferenced by the kernel
typedef struct {
    uint64_t raw;
} pte_t;  // one page-table entry

typedef uint32_t ref_t;  // names a structure in memory, see ref.h
#define REF_BITS 6
#define REF_TOP (1u << 31)

#include "arch_types.h"
struct thread;  // the core's; an arch_context comes first in it

// --- memory. All physical memory is mapped writable, never executable, at a constant offset; the kernel's
// own text and read-only data are not writable through it.
void *arch_direct(paddr_t pa);         // kernel address of a physical one
paddr_t arch_physical(const void *p);  // the reverse, for direct-map addresses only
void *arch_direct_ref(ref_t);          // both for references
ref_t arch_ref(const void *p);
void arch_page_clear(void *page);  // whole pages, in the fastest way that the CPU has
void arch_page_copy(void *to, const void *from);

// --- page tables: ARCH_LEVELS radix levels of 512 eight-byte entries, level 0 holds leaves of 4 KiB.
// arch_types.h provides inline:
//   pte_t pte_leaf(paddr_t pa, unsigned rights);       RIGHT_READ|WRITE|EXEC, user
//   pte_t pte_table(paddr_t table, unsigned count);    count: 0..512 entries in use in the table below
//   bool pte_present(pte_t); paddr_t pte_address(pte_t); unsigned pte_rights(pte_t); unsigned pte_count(pte_t);
//   pte_t pte_set_count(pte_t, unsigned count);
void arch_aspace_init(pte_t *root);       // fill in the kernel's half of a cleared root table
void arch_aspace_activate(paddr_t root);  // make it the current one; the caller avoids needless switches
void arch_tlb_page(uaddr_t address);      // forget one page of the current address space
void arch_tlb_all(void);                  // forget all user pages of the current address space

// --- user registers. All on a thread that is not running on this CPU's user side.
void arch_context_start(struct arch_context *, uint64_t pc, uint64_t sp, uint64_t argument);  // cleared, interrupts on
void arch_context_set(struct arch_context *, const struct thread_registers *);  // sanitises flags, segments, addresses
void arch_context_get(const struct arch_context *, struct thread_registers *);
// arch_types.h provides inline accessors for the message registers of abi/ipc.h:
//   uint64_t context_number, context_cap, context_info, context_reply, context_deadline (const struct arch_context *)
//   uint64_t context_word(const struct arch_context *, unsigned i);  i < MSG_REGISTERS
//   void context_set_word(struct arch_context *, unsigned i, uint64_t);
//   void context_set_result(struct arch_context *, err_t err, uint64_t badge, uint64_t info, uint64_t count);
//   uint64_t context_pc, context_sp, context_flags (const struct arch_context *);
//   void context_restart(struct arch_context *);  the system call instruction will run again with the same registers
//   uint64_t context_syscall_entry(const struct arch_context *); void context_set_syscall_entry(.., uint64_t);
//     where the entry code reflects foreign system calls to, 0: kernel_foreign; arch_context_set leaves it alone
// A context is the first thing in its page; the thread's UTCB is the next page.
// An upcall: store pc, sp, flags, rax, rcx, r11 in the save area and continue at entry, other registers unchanged.
void arch_context_divert(struct arch_context *, struct upcall_save *save, uint64_t entry);
bool arch_user_address_ok(uint64_t address);  // lies below USER_END (canonical)

// --- floating point and vector state: switched lazily or eagerly, the architecture's choice
void arch_fpu_init(struct thread *);                         // in cleared memory
void arch_fpu_switch(struct thread *next);                   // it is the current one now
void arch_fpu_copy(struct thread *to, struct thread *from);  // saves those of `from` first if they are in the registers
void arch_fpu_forget(struct thread *);                       // its memory goes away

// --- leaving the kernel, for good
_Noreturn void arch_return_user(struct arch_context *);  // to the thread that came in (struct cpu's context)
_Noreturn void arch_switch_user(struct arch_context *);  // to another one
_Noreturn void arch_idle(
    void);  // current address space is any; wait for an interrupt, then kernel_interrupt/kernel_timer, kernel_exit

// --- time, in ns since boot, monotonic
uint64_t arch_now_ns(void);
void arch_timer_set(uint64_t deadline_ns);  // one-shot; a past deadline fires at once; NS_FOREVER: off
void arch_clock_page(struct clock_page *);  // fill in

// --- interrupts
#define IRQ_LINES 64
void arch_irq_mask(unsigned line);
void arch_irq_unmask(unsigned line);
bool arch_preempt_pending(void);  // an interrupt is waiting to be taken; cheap; for preemption points

// --- I/O ports (architectures without them answer ERR_NO_SYSCALL)
err_t arch_port_in(unsigned port, unsigned size, uint64_t *value);
err_t arch_port_out(unsigned port, unsigned size, uint64_t value);

// --- the rest
void arch_log(const char *text, size_t n);                  // debug port, and the panic path's only way out
_Noreturn void arch_power(unsigned action, uint64_t code);  // POWER_*
_Noreturn void arch_halt(void);                             // after a panic

// --- what the core offers it
// Seconds since 1970 of a date, in UTC: second, minute, hour, day, month (these two from 1), year; as a clock shows
// them, in BCD or binary, of which the hour may count twice to 12. 0 if it is no date.
enum { DATE_SECOND, DATE_MINUTE, DATE_HOUR, DATE_DAY, DATE_MONTH, DATE_YEAR, DATE_FIELDS };
uint64_t date_seconds(const uint8_t fields[DATE_FIELDS], bool binary, bool of_24_hours);

// --- what the architecture calls. `current` context is the running thread's.
struct memory_range {
    uint64_t start, end;
};
struct boot_memory {  // what the boot code found
    unsigned n_ranges;
    struct memory_range ranges[BOOT_INFO_UNTYPED];  // usable, page aligned, in any order; kernel and bundle lie in them
    uint64_t end;                                   // of what the kernel's map reaches; memory behind is not used
    uint64_t kernel_start, kernel_end, kernel_text_bytes;
    uint64_t bundle_start, bundle_bytes;  // page aligned
    const char *command_line;
};
_Noreturn void kernel_main(const struct boot_memory *);  // once, with interrupts masked; ends in kernel_exit
// A native call before SIGNAL carries a message and comes here, by its number, with most registers as they were: its
// capability and info word as arguments, its words in registers that functions preserve. The context of `self` holds
// only its reply word, its deadline and what it is to find again. It ends in a tail call of one of the two behind.
typedef void message_way(uint64_t cap, uint64_t info, struct thread *self, uint64_t, uint64_t);
extern message_way *const kernel_messages[];
// Put the message into the context and go on with kernel_calls[number]; `other` takes the number that came in.
void arch_message_save(uint64_t cap, uint64_t info, struct thread *self, uint64_t number, uint64_t);
message_way arch_message_other;
// To another thread, out of the call that it blocks in: its result is OK, and it gets this badge, info word and count,
// and the words, those from n_words (at most MSG_REGISTERS) on as 0.
void arch_message_deliver(uint64_t badge, uint64_t info, struct thread *to, uint64_t count, uint64_t n_words);
// A native call from SIGNAL on, before any register is saved: an err_t that is its whole answer. Positive: somebody else
// may have to run, which kernel_go_on sees to with that value once the thread's context is saved, with OK as its result.
int64_t kernel_quick(uint64_t cap, uint64_t number);
_Noreturn void kernel_go_on(struct thread *self, int64_t what);
extern void (*const kernel_calls[])(struct thread *);  // native calls before SIGNAL, by number; they do not return
struct arch_fpu *kernel_fpu(struct thread *);
void kernel_foreign(void);  // a foreign system call of a thread without a system-call upcall
void kernel_fault(unsigned kind, uint64_t address, uint64_t code);  // FAULT_KIND_* of abi/ipc.h, from user mode
void kernel_interrupt(unsigned line);  // a level line has been masked, an edge line has not
void kernel_timer(void);
_Noreturn void kernel_exit(void);  // choose who runs and return to user mode or idle; ends every entry

// Per-CPU state, reached through one register. The architecture's entry code uses the first fields by offset.
struct cpu {
    struct cpu *self;
    void *core;             // the core's own per-CPU state (struct cpu_core)
    struct thread *thread;  // that ran last; its context, which comes first in it, is where entry code saves registers
    uint64_t kernel_stack;  // its top
    uint64_t scratch;
};
struct cpu *arch_cpu(void);
void *arch_core(void);  // arch_cpu()->core
