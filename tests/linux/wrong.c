// SPDX-License-Identifier: MIT
// Programs that go wrong, one an argument: each does what a broken or hostile program does and ends by the signal that
// Linux gives it. With "caught" as second argument the signal has a handler, which prints what it was told.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static char alternate_stack[65536];

static void handler(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    unsigned long address = (unsigned long)info->si_addr;
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    printf("signal %d code %d%s", signal, info->si_code, sigismember(&blocked, signal) ? "" : " not blocked");
    // Where mappings and the stack lie differs from run to run; a static program's own addresses do not.
    if (signal == SIGABRT)
        printf("\n");
    else if (address >> 40 == 0x7f)
        printf(" in a mapping, trap %lld\n", (long long)user->uc_mcontext.gregs[REG_TRAPNO]);
    else
        printf(" address %#lx trap %lld\n", address, (long long)user->uc_mcontext.gregs[REG_TRAPNO]);
    fflush(stdout);
    _exit(7);
}

static void jump(uint64_t address) { __asm__ volatile("jmp *%0" : : "r"(address)); }
static void null_call(void) { jump(0); }
static void jump_kernel(void) { jump(0xffffffff80000000); }
static void jump_direct_map(void) { jump(0xffff888000001000); }
static void jump_noncanonical(void) { jump(0x4000000000000000); }
static void read_null(void) { (void)*(volatile char *)8; }
static void write_null(void) { *(volatile char *)8 = 1; }
static void read_kernel(void) { (void)*(volatile char *)0xffffffff80000000; }
static void write_kernel(void) { *(volatile char *)0xffffffff81000000 = 1; }
static void read_noncanonical(void) { (void)*(volatile char *)0x8000000000000000; }
static void write_text(void) { *(volatile char *)(uintptr_t)write_text = 1; }
static void execute_data(void)
{
    static char code[] = {(char)0xc3};
    jump((uintptr_t)code);
}
static void execute_stack(void)
{
    char code[] = {(char)0xc3};
    __asm__ volatile("" : : "r"(code) : "memory");
    jump((uintptr_t)code);
}
static void stack_overflow(void) { __asm__ volatile("1: sub $2048, %rsp; push %rax; jmp 1b"); }
static void illegal(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void divide(void)
{
    __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" : : : "rax", "rcx", "rdx");
}
static void halt(void) { __asm__ volatile("hlt"); }
static void disable_interrupts(void) { __asm__ volatile("cli"); }
static void port_in(void) { __asm__ volatile("inb $0x80, %%al" : : : "rax"); }
static void write_cr3(void) { __asm__ volatile("mov %0, %%cr3" : : "r"(0ul)); }
static void write_msr(void) { __asm__ volatile("wrmsr" : : "c"(0xc0000082), "a"(0), "d"(0)); }
static void load_idt(void)
{
    static char table[10];
    __asm__ volatile("lidt %0" : : "m"(table));
}
static void far_interrupt(void) { __asm__ volatile("int $0x20"); }
static void trap_flag(void) { __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" : : : "memory", "cc"); }
static void bad_stack_then_call(void)
{
    // A system call with a wild stack pointer works; the next push does not.
    __asm__ volatile("mov $0x1234567000, %%rsp; mov $39, %%eax; syscall; push %%rax"
                     :
                     :
                     : "rax", "rcx", "r11", "memory");
}
static void noncanonical_stack(void) { __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(0x8000000000000000)); }
static void bad_sigreturn(void) { __asm__ volatile("mov $-0x7ffffff8, %rsp; mov $15, %eax; syscall"); }
static void mapped_beyond_file(void)
{
    char name[] = "beyond-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    if (ftruncate(fd, 4096) != 0) return;
    volatile char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    page[0] = 1;
    page[4096] = 1;
}
static void protected_page(void)
{
    volatile char *page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
}
static void unmapped_text_return(void)
{
    char *page =
        mmap((void *)0x500000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    // mov $11 (munmap), this very page; syscall: the call returns to nowhere.
    static const unsigned char code[] = {0xb8, 11, 0, 0, 0, 0x0f, 0x05, 0xc3};
    memcpy(page, code, sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    ((void (*)(void *, long))page)(page, 4096);
}
static void abort_it(void) { abort(); }

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
#define CASE(name) \
    { \
#name, name \
    }
    CASE(null_call),
    CASE(jump_kernel),
    CASE(jump_direct_map),
    CASE(jump_noncanonical),
    CASE(read_null),
    CASE(write_null),
    CASE(read_kernel),
    CASE(write_kernel),
    CASE(read_noncanonical),
    CASE(write_text),
    CASE(execute_data),
    CASE(execute_stack),
    CASE(stack_overflow),
    CASE(illegal),
    CASE(breakpoint),
    CASE(divide),
    CASE(halt),
    CASE(disable_interrupts),
    CASE(port_in),
    CASE(write_cr3),
    CASE(write_msr),
    CASE(load_idt),
    CASE(far_interrupt),
    CASE(trap_flag),
    CASE(bad_stack_then_call),
    CASE(noncanonical_stack),
    CASE(bad_sigreturn),
    CASE(mapped_beyond_file),
    CASE(protected_page),
    CASE(unmapped_text_return),
    CASE(abort_it),
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(argv[1], cases[i].name) != 0) continue;
        if (argc > 2) {
            stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
            sigaltstack(&stack, 0);
            struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
            static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
            for (size_t s = 0; s < sizeof signals / sizeof *signals; s++) sigaction(signals[s], &action, 0);
        }
        cases[i].run();
        printf("%s: came back\n", cases[i].name);
        return 1;
    }
    fprintf(stderr, "usage: wrong CASE [caught]; cases:\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) fprintf(stderr, "  %s\n", cases[i].name);
    return 2;
}
