// SPDX-License-Identifier: MIT
// x86-64: the end: an exception in the kernel, or a machine that cannot run it.
//
// Prints the registers and the return addresses found on the stack, then stops. Nothing here uses GS, the core or locks,
// since any of them may be what broke. kernel.sym names the addresses. There are no frame pointers: every word on the
// stack that points behind a call in the kernel's text is shown, so an old one may be among them.
#include "x86.h"

extern char text_start[], text_end[], kernel_stack_bottom[], kernel_stack_top[];
enum { BACKTRACE_MAX = 24, CALL_BYTES = 5, CALL_OPCODE = 0xe8 };

static void field(const char *name, uint64_t value) {
    log_text(name);
    log_hex(value);
}

static bool is_return_address(uint64_t value) {
    if (value < (uint64_t)text_start + CALL_BYTES || value >= (uint64_t)text_end) return false;
    const uint8_t *code = (const uint8_t *)value;
    return code[-CALL_BYTES] == CALL_OPCODE || code[-2] == 0xff || code[-3] == 0xff;  // near; through a register, memory
}

static void backtrace(uint64_t sp) {
    if (sp < (uint64_t)kernel_stack_bottom || sp >= (uint64_t)kernel_stack_top) return;
    log_text("called from:\n");
    unsigned n = 0;
    for (const uint64_t *p = (const uint64_t *)(sp & ~7ull); p < (const uint64_t *)kernel_stack_top; p++) {
        if (!is_return_address(*p) || n++ == BACKTRACE_MAX) continue;
        field("  ", *p);
        log_text("\n");
    }
}

void panic_trap(const struct arch_context *c) {
    field("\npanic: kernel exception ", c->vector);
    field(" error ", c->error);
    field("\nrip ", c->rip), field(" cs  ", c->cs), field(" flags ", c->rflags);
    field("\nrsp ", c->rsp), field(" cr2 ", CR_READ(2)), field(" cr3 ", CR_READ(3));
    field("\nrax ", c->rax), field(" rbx ", c->rbx), field(" rcx ", c->rcx);
    field("\nrdx ", c->words[0]), field(" rsi ", c->rsi), field(" rdi ", c->rdi);
    field("\nrbp ", c->rbp), field(" r8  ", c->words[2]), field(" r9  ", c->words[3]);
    field("\nr10 ", c->words[1]), field(" r11 ", c->r11), field(" r12 ", c->words[4]);
    field("\nr13 ", c->words[5]), field(" r14 ", c->r14), field(" r15 ", c->r15);
    log_text("\n");
    backtrace(c->rsp);
    arch_halt();
}

void panic_text(const char *text) {
    log_text("panic: ");
    log_text(text);
    log_text("\n");
    arch_halt();
}
