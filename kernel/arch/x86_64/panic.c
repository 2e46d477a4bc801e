// SPDX-License-Identifier: MIT
// x86-64: the end: an exception in the kernel, a machine that cannot run it, or a panic of the core.
//
// Prints the registers and the return addresses found on the stack, then stops. Nothing here uses GS, the core or
// locks, since any of them may be what broke. There are no frame pointers: every word on the stack that points behind a
// call in the kernel's text is shown, so an old one may be among them. symbols.awk makes the table of names at link
// time.
#include "x86.h"

struct symbol {
    uint64_t address;
    const char *name;
};
extern const struct symbol kernel_symbols[], kernel_symbols_end[];  // ascending
extern char text_start[], text_end[], kernel_stack_bottom[], kernel_stack_top[];
enum { BACKTRACE_MAX = 24, CALL_BYTES = 5, CALL_OPCODE = 0xe8, CALL_INDIRECT = 0xff };

static void field(const char *name, uint64_t value)
{
    debug_text(name);
    debug_hex(value);
}

// An address and the function that holds the byte `back` before it.
static void code_line(uint64_t address, unsigned back)
{
    const struct symbol *s = kernel_symbols;
    while (s + 1 < kernel_symbols_end && s[1].address <= address - back) s++;
    field("  ", address);
    if (s < kernel_symbols_end && s->address <= address && address <= (uint64_t)text_end) {
        debug_text(" ");
        debug_text(s->name);
    }
    debug_text("\n");
}

static bool is_return_address(uint64_t value)
{
    if (value < (uint64_t)text_start + CALL_BYTES || value > (uint64_t)text_end) return false;
    const uint8_t *code = (const uint8_t *)value;
    return code[-CALL_BYTES] == CALL_OPCODE || code[-2] == CALL_INDIRECT || code[-3] == CALL_INDIRECT;
}

static void backtrace(uint64_t sp)
{
    if (sp < (uint64_t)kernel_stack_bottom || sp >= (uint64_t)kernel_stack_top) return;
    debug_text("called from\n");
    unsigned n = 0;
    for (const uint64_t *p = (const uint64_t *)(sp & ~7ull); p < (const uint64_t *)kernel_stack_top; p++) {
        if (is_return_address(*p) && n++ < BACKTRACE_MAX) code_line(*p, 1);
    }
}

void panic_trap(const struct arch_context *c)
{
    field("\npanic: exception ", c->vector), field(" in the kernel, error ", c->error);
    debug_text(" at\n");
    code_line(c->rip, 0);
    field("cs  ", c->cs), field(" flags ", c->rflags), field(" rsp ", c->rsp);
    field("\ncr2 ", CR_READ(2)), field(" cr3 ", CR_READ(3)), field(" rbp ", c->rbp);
    field("\nrax ", c->rax), field(" rbx ", c->rbx), field(" rcx ", c->rcx);
    field("\nrdx ", c->words[0]), field(" rsi ", c->rsi), field(" rdi ", c->rdi);
    field("\nr8  ", c->words[2]), field(" r9  ", c->words[3]), field(" r10 ", c->words[1]);
    field("\nr11 ", c->r11), field(" r12 ", c->words[4]), field(" r13 ", c->words[5]);
    field("\nr14 ", c->r14), field(" r15 ", c->r15);
    debug_text("\n");
    backtrace(c->rsp);
    power_stop();
}

void panic_text(const char *text)
{
    debug_text("panic: ");
    debug_text(text);
    debug_text("\n");
    power_stop();
}

void arch_halt(void)
{
    backtrace((uint64_t)__builtin_frame_address(0));
    power_stop();
}
