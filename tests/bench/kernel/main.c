// SPDX-License-Identifier: MIT
// What the kernel's own ways cost, in instructions: this program is the first task, in the supervisor's place.
//
// Meant for `-icount shift=0`, where the TSC counts instructions. Each figure is the kernel's share: the instructions
// of the measuring loop in user mode are taken off, SYSCALL itself counts as the kernel's. It prints one line a figure
// and leaves through the emulator's exit device with 0, or 1 if anything did not work as it must.
//
// The partner of the message figures is a second thread of the same image in an address space of its own. It uses its
// stack and code only, so its space holds nothing else.
#include "abi/boot.h"
#include "abi/errors.h"
#include "lib/rt/objects.h"

enum {  // slots of our cspace
    SLOT_UNTYPED = BOOT_SLOT_UNTYPED + BOOT_INFO_UNTYPED,
    SLOT_ENDPOINT,
    SLOT_REPLY,
    SLOT_NOTIFICATION,
    SLOT_BELL,  // the notification with a badge
    SLOT_ASPACE,
    SLOT_THREAD,
    SLOT_CONTEXT,
    SLOT_STACK,
    SLOT_PAGES,
    SLOT_IRQ,
    SLOT_FAULTS,
    SLOT_FAULTS_BADGED,
    SLOT_SEGMENTS,
};
enum { ROUNDS = 1000, PAGES = 64, FAULT_BADGE = 77, BENCH_PRIORITY = 100, SERIAL_PORT = 0x3f8, SERIAL_LINE = 4 };
enum { PARTNER_STACK = 0x20000000, WINDOW = 0x30000000, CLOCK = 0x38000000, FAULTER_UTCB = 0x40000000 };
static uint8_t faulter_stack[PAGE_SIZE] __attribute__((aligned(16)));

_Noreturn void bench_main(const struct boot_info *info);

static inline uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static uint64_t clock_ns(const struct clock_page *clock)
{
    return (uint64_t)((unsigned __int128)(ticks() - clock->tsc_base) * clock->mult >> 32);
}

// --- output

static void line(const char *name, uint64_t value)
{
    char text[96];
    size_t n = 0;
    while (name[n] && n < 60) {
        text[n] = name[n];
        n++;
    }
    while (n < 44) text[n++] = ' ';
    for (uint64_t unit = 10000000; unit; unit /= 10)
        text[n++] = value < unit && unit > 1 ? ' ' : (char)('0' + value / unit % 10);
    text[n++] = '\n';
    (void)log_write(BOOT_SLOT_LOG, text, n);
}

static _Noreturn void leave(int code)
{
    for (;;) (void)system_power(BOOT_SLOT_SYSTEM, POWER_EXIT, (uint64_t)code);
}

static void must(err_t err, const char *what)
{
    if (err == OK) return;
    (void)log_write(BOOT_SLOT_LOG, "FAILED: ", 8);
    line(what, (uint64_t)-err);
    leave(1);
}

// --- system calls of one thread

// One pass of a loop around a system call with these registers: the user spends 6 instructions.
#define LOOP_USER 6
static uint64_t loop(unsigned rounds, uint64_t number, uint64_t cap, uint64_t info, uint64_t reply)
{
    uint64_t start = ticks();
    register uint64_t r14 __asm__("r14");
    register uint64_t r15 __asm__("r15") = NS_FOREVER;
    __asm__ volatile(
        "1: mov %[number], %%rax\n mov %[cap], %%rdi\n mov %[info], %%rsi\n mov %[reply], %%r14\n syscall\n"
        "dec %[n]\n jnz 1b"
        : [n] "+&b"(rounds), "=&r"(r14)
        : [number] "m"(number), [cap] "m"(cap), [info] "m"(info), [reply] "m"(reply), "r"(r15)
        : "rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "r12", "r13", "rcx", "r11", "memory");
    return ticks() - start;
}

static void measure_null(void)
{
    line("null system call (unknown number)", loop(ROUNDS, NATIVE | 63, 0, 0, 0) / ROUNDS - LOOP_USER);
    line("call on an empty slot", loop(ROUNDS, NATIVE | SYS_CALL, 4000, 0, 0) / ROUNDS - LOOP_USER);
    line("yield, nobody else there", loop(ROUNDS, NATIVE | SYS_YIELD, 0, 0, 0) / ROUNDS - LOOP_USER);
    line("signal, nobody waiting", loop(ROUNDS, NATIVE | SYS_SIGNAL, SLOT_BELL, 0, 0) / ROUNDS - LOOP_USER);
}

// Foreign calls land at `entry`, which counts the time since `start` and goes back.
static void measure_reflected(uint64_t number, const char *name)
{
    uint64_t entry, taken = 0, pc;
    __asm__ volatile(
        "lea 1f(%%rip), %0\n jmp 2f\n"
        "1: rdtsc\n jmp *%%rbx\n 2:"
        : "=r"(entry));
    must(thread_set_upcalls(BOOT_SLOT_THREAD, entry, 0, 0), "set_upcalls");
    rt_utcb()->events_enabled = 1;
    __asm__ volatile(
        "lea 3f(%%rip), %%rbx\n rdtsc\n mov %%rax, %%rsi\n mov %[number], %%rax\n"
        "4: syscall\n ud2\n"
        "3: sub %%esi, %%eax\n mov %%rax, %[taken]\n lea 4b+2(%%rip), %[pc]"
        : [taken] "=m"(taken), [pc] "=&r"(pc)
        : [number] "m"(number)
        : "rax", "rbx", "rdx", "rsi", "rcx", "r11", "memory");
    must(thread_set_upcalls(BOOT_SLOT_THREAD, 0, 0, 0), "set_upcalls back");
    must(rt_utcb()->syscall.pc == pc && !rt_utcb()->events_enabled ? OK : ERR_INVALID,
         "the reflected call's save area");
    line(name, taken - 3);  // RDTSC and two MOV of our own
}

// --- two threads

// The server: answers whatever comes. 7 instructions in user mode a round.
#define SERVER_USER 7
static _Noreturn void partner_main(void)
{
    __asm__ volatile(
        "xor %%r14, %%r14\n mov $-1, %%r15\n"
        "1: shl $32, %%r14\n or %[reply], %%r14\n mov %[call], %%rax\n mov %[endpoint], %%rdi\n"
        "xor %%esi, %%esi\n syscall\n test %%eax, %%eax\n jz 1b\n ud2" ::[reply] "i"(SLOT_REPLY),
        [call] "i"(NATIVE | SYS_REPLY_WAIT), [endpoint] "i"(SLOT_ENDPOINT)
        : "memory");
    __builtin_unreachable();
}

static void map_image(void)
{
    const struct bundle_entry *entry =
        (const struct bundle_entry *)(BOOT_BUNDLE_ADDRESS + sizeof(struct bundle_header));
    const struct image_header *image = (const struct image_header *)(BOOT_BUNDLE_ADDRESS + entry->offset);
    const struct image_segment *text = &image->segments[0];
    uint64_t first = (entry->offset + text->file_offset) / PAGE_SIZE;
    for (unsigned i = 0; i < text->file_bytes / PAGE_SIZE + 1; i++) {
        must(cspace_derive_frames(BOOT_SLOT_CSPACE, SLOT_SEGMENTS + i, 0, BOOT_SLOT_BUNDLE, RIGHT_READ | RIGHT_EXEC,
                                  first + i, PAGE_BITS),
             "derive text");
        must(frames_map(SLOT_SEGMENTS + i, SLOT_ASPACE, text->address + i * PAGE_SIZE, 0, 1, RIGHT_READ | RIGHT_EXEC),
             "map text");
    }
}

static void make_partner(void)
{
    must(untyped_retype(SLOT_UNTYPED, CAP_ENDPOINT, 0, 1, 0, SLOT_ENDPOINT), "endpoint");
    must(untyped_retype(SLOT_UNTYPED, CAP_REPLY, 0, 1, 0, SLOT_REPLY), "reply");
    must(untyped_retype(SLOT_UNTYPED, CAP_ASPACE, 16, 1, 0, SLOT_ASPACE), "aspace");
    must(untyped_retype(SLOT_UNTYPED, CAP_THREAD, 0, 1, 0, SLOT_THREAD), "thread");
    must(untyped_retype(SLOT_UNTYPED, CAP_CONTEXT, 0, 1, 0, SLOT_CONTEXT), "context");
    must(untyped_retype(SLOT_UNTYPED, CAP_FRAMES, PAGE_BITS, 1, 0, SLOT_STACK), "stack");
    map_image();
    must(frames_map(SLOT_STACK, SLOT_ASPACE, PARTNER_STACK, 0, 1, RIGHT_READ | RIGHT_WRITE), "map stack");
    must(thread_configure(SLOT_THREAD, SLOT_ASPACE, BOOT_SLOT_CSPACE, 0, BOOT_UTCB_ADDRESS), "configure");
    must(context_configure(SLOT_CONTEXT, 1000000, 1000000, 0), "context configure");
    must(thread_set_context(SLOT_THREAD, SLOT_CONTEXT), "set_context");
    must(thread_set_priority(SLOT_THREAD, 255), "set_priority");
    struct thread_registers registers = {.pc = (uint64_t)partner_main, .sp = PARTNER_STACK + PAGE_SIZE};
    must(thread_set_registers(SLOT_THREAD, 0, 1, &registers), "set_registers");
}

static void measure_messages(void)
{
    uint64_t info[] = {INFO(1, 0, 0), INFO(1, 6, 0), INFO(1, 10, 0), INFO(1, 32, 0)};
    const char *names[] = {"call + reply_wait, no words", "call + reply_wait, 6 words",
                           "call + reply_wait, 10 words one way", "call + reply_wait, 32 words one way"};
    for (unsigned i = 0; i < 4; i++) {
        struct message m = {.info = info[i]};
        must(sys_call(SLOT_ENDPOINT, &m, NS_FOREVER), "call");
        uint64_t each = loop(ROUNDS, NATIVE | SYS_CALL, SLOT_ENDPOINT, info[i], 0) / ROUNDS;
        line(names[i], each - LOOP_USER - SERVER_USER);
    }
}

// The partner waits on the notification and keeps the time in RBX, again and again.
static _Noreturn void waiter_main(void)
{
    __asm__ volatile(
        "mov $-1, %%r15\n"
        "1: mov %[wait], %%rax\n mov %[notification], %%rdi\n xor %%r14, %%r14\n syscall\n"
        "test %%eax, %%eax\n jnz 2f\n rdtsc\n shl $32, %%rdx\n lea (%%rax, %%rdx), %%rbx\n jmp 1b\n 2: ud2" ::
            [wait] "i"(NATIVE | SYS_WAIT),
        [notification] "i"(SLOT_NOTIFICATION)
        : "memory");
    __builtin_unreachable();
}

static _Noreturn void yielder_main(void)
{
    __asm__ volatile("1: mov %[yield], %%rax\n syscall\n jmp 1b" ::[yield] "i"(NATIVE | SYS_YIELD) : "memory");
    __builtin_unreachable();
}

static void restart_partner(void (*entry)(void), unsigned priority)
{
    struct thread_registers registers = {.pc = (uint64_t)entry, .sp = PARTNER_STACK + PAGE_SIZE};
    must(thread_run(SLOT_THREAD, 0, 0), "suspend");
    must(thread_set_priority(SLOT_THREAD, priority), "set_priority");
    must(thread_set_registers(SLOT_THREAD, 0, 1, &registers), "set_registers");
}

static void measure_switches(void)
{
    enum { SIGNAL_USER = 4, YIELDER_USER = 2 };  // around SYSCALL on both sides
    struct thread_registers registers;
    struct message m = {0};
    must(sys_wait(SLOT_NOTIFICATION, 0, &m, NS_POLL), "take the bits of the signals before");
    must(thread_set_priority(BOOT_SLOT_THREAD, BENCH_PRIORITY), "set our priority");
    restart_partner(waiter_main, 255);
    must(sys_signal(SLOT_BELL), "signal");
    uint64_t start = ticks();
    must(sys_signal(SLOT_BELL), "signal");
    must(thread_get_registers(SLOT_THREAD, &registers), "get_registers");
    line("signal to a better thread (with the stub)", registers.rbx - start - SIGNAL_USER);
    restart_partner(yielder_main, BENCH_PRIORITY);
    uint64_t each = loop(ROUNDS, NATIVE | SYS_YIELD, 0, 0, 0) / ROUNDS;
    line("yield between processes, one way", (each - LOOP_USER - YIELDER_USER) / 2);
    must(thread_run(SLOT_THREAD, 0, 0), "suspend");
    must(sys_signal(SLOT_BELL), "signal");
}

// --- memory and time

static void measure_memory(void)
{
    must(untyped_retype(SLOT_UNTYPED, CAP_FRAMES, PAGE_BITS + 6, 1, 0, SLOT_PAGES), "frames");
    must(frames_map(SLOT_PAGES, BOOT_SLOT_ASPACE, WINDOW, 0, 1, RIGHT_READ | RIGHT_WRITE), "map");
    uint64_t start = ticks();
    must(frames_map(SLOT_PAGES, BOOT_SLOT_ASPACE, WINDOW, 0, 1, RIGHT_READ | RIGHT_WRITE), "map 1");
    uint64_t one = ticks() - start;
    start = ticks();
    must(frames_map(SLOT_PAGES, BOOT_SLOT_ASPACE, WINDOW, 0, PAGES, RIGHT_READ | RIGHT_WRITE), "map 64");
    uint64_t many = ticks() - start;
    line("map one page (with the stub)", one);
    line("map 64 pages in one call (with the stub)", many);
    *(volatile uint64_t *)WINDOW = 1;
    must(frames_revoke_run(SLOT_PAGES, 0, PAGES), "revoke_run");
}

// A wait that ends with its deadline: how much later than asked.
static void measure_time(void)
{
    const struct clock_page *clock = (const struct clock_page *)CLOCK;
    struct message m = {0};
    must(frames_map(BOOT_SLOT_CLOCK, BOOT_SLOT_ASPACE, CLOCK, 0, 1, RIGHT_READ), "map the clock");
    must(sys_wait(SLOT_NOTIFICATION, 0, &m, NS_POLL), "wait with bits set");
    must(sys_wait(SLOT_NOTIFICATION, 0, &m, NS_POLL) == ERR_TIMEOUT ? OK : ERR_INVALID, "poll without bits");
    uint64_t late = 0;
    for (unsigned i = 0; i < 10; i++) {
        uint64_t deadline = clock_ns(clock) + 100000;
        must(sys_wait(SLOT_NOTIFICATION, 0, &m, deadline) == ERR_TIMEOUT ? OK : ERR_INVALID, "wait until a deadline");
        uint64_t now = clock_ns(clock);
        must(now >= deadline ? OK : ERR_INVALID, "not before the deadline");
        late = now - deadline > late ? now - deadline : late;
    }
    line("deadline to the waiting thread, idle (ns)", late);
}

// The serial port's "ready to send", from the write that enables it to the thread that waits for it.
static void measure_interrupt(void)
{
    struct message m = {0};
    must(irq_control_get(BOOT_SLOT_IRQ_CONTROL, SERIAL_LINE, SLOT_IRQ), "interrupt");
    must(irq_bind(SLOT_IRQ, SLOT_BELL), "bind");
    must(ioport_out(BOOT_SLOT_IOPORT, SERIAL_PORT + 4, 1, 8), "enable the line");
    uint64_t start = ticks();
    must(ioport_out(BOOT_SLOT_IOPORT, SERIAL_PORT + 1, 1, 2), "enable the interrupt");
    must(sys_wait(SLOT_NOTIFICATION, 0, &m, NS_FOREVER), "wait for the interrupt");
    line("port write, interrupt, wait (with the stubs)", ticks() - start);
    must(m.words[0] == 1 ? OK : ERR_INVALID, "the interrupt's badge");
    must(ioport_out(BOOT_SLOT_IOPORT, SERIAL_PORT + 1, 1, 0), "disable the interrupt");
    must(irq_ack(SLOT_IRQ), "ack");
}

// A second thread in our own space faults at an address; we map a page there and it goes on, in a loop.
static _Noreturn void faulter_main(void)
{
    for (;;) *(volatile uint64_t *)WINDOW = 1;
}

static void measure_faults(void)
{
    must(untyped_retype(SLOT_UNTYPED, CAP_ENDPOINT, 0, 1, 0, SLOT_FAULTS), "fault endpoint");
    must(cspace_derive(BOOT_SLOT_CSPACE, SLOT_FAULTS_BADGED, 0, SLOT_FAULTS, RIGHTS_ALL, FAULT_BADGE), "badge");
    must(thread_run(SLOT_THREAD, 0, 0), "suspend");
    must(thread_set_priority(SLOT_THREAD, 1), "lower the priority");
    must(thread_configure(SLOT_THREAD, BOOT_SLOT_ASPACE, BOOT_SLOT_CSPACE, SLOT_FAULTS_BADGED, FAULTER_UTCB),
         "configure");
    struct thread_registers registers = {.pc = (uint64_t)faulter_main, .sp = (uint64_t)faulter_stack + PAGE_SIZE - 8};
    must(thread_set_registers(SLOT_THREAD, 0, 1, &registers), "set_registers");
    struct message m = {0};
    uint64_t start = 0;
    for (unsigned i = 0; i < 10; i++) {
        m.info = INFO(FAULT_RESUME, 0, 0);
        start = ticks();
        must(sys_reply_wait(SLOT_FAULTS, SLOT_REPLY, &m, NS_FOREVER), "a fault");
        must(m.badge == FAULT_BADGE && m.words[FAULT_WORD_KIND] == FAULT_KIND_PAGE &&
                     m.words[FAULT_WORD_ADDRESS] == WINDOW && m.words[FAULT_WORD_CODE] == FAULT_ACCESS_WRITE
                 ? OK
                 : ERR_INVALID,
             "what the fault says");
    }
    line("answer a fault to the next one (with the stub)", ticks() - start);
    must(thread_run(SLOT_THREAD, 0, 0), "suspend");
}

void bench_main(const struct boot_info *info)
{
    unsigned largest = 0;
    for (unsigned i = 1; i < info->n_untyped; i++)
        if (info->untyped[i].size_bits > info->untyped[largest].size_bits) largest = i;
    must(cspace_move(BOOT_SLOT_CSPACE, SLOT_UNTYPED, 0, BOOT_SLOT_UNTYPED + largest), "take the largest untyped");
    must(untyped_retype(SLOT_UNTYPED, CAP_NOTIFICATION, 0, 1, 0, SLOT_NOTIFICATION), "notification");
    must(cspace_derive(BOOT_SLOT_CSPACE, SLOT_BELL, 0, SLOT_NOTIFICATION, RIGHT_READ | RIGHT_WRITE, 1), "derive bell");

    measure_null();
    measure_reflected(39, "reflected call, entry to handler");
    measure_reflected(UINT64_MAX, "the same, call number -1");
    make_partner();
    measure_messages();
    measure_switches();
    measure_memory();
    measure_time();
    measure_interrupt();
    measure_faults();
    leave(0);
}

__asm__(".section .text._start, \"ax\"\n .globl _start\n _start: and $-16, %rsp\n call bench_main\n ud2");
