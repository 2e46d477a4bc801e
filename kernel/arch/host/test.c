// SPDX-License-Identifier: MIT
// The runner of the kernel's unit tests, and the calls that tests drive the kernel with.
//
//   kernel-test            runs all tests, each in a process of its own
//   kernel-test NAME...    runs those whose name contains one of the words
// Prints TAP. KERNEL_LOG=1 shows the kernel's log.
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aspace.h"
#include "thread.h"

#define TIME_LIMIT_S 60
#define BUNDLE_PAGES 4

static struct test *tests, **last_test = &tests;
static const char *program = "kernel-test";
static const char *running = "?";
ref_t first_thread;

void test_register(struct test *test)
{
    *last_test = test;
    last_test = &test->next;
}

void test_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "# %s:%d: %s does not hold\n# run just this one: %s %s\n", file, line, what, program, running);
    exit(1);
}

void test_equal(int64_t a, int64_t b, const char *what, const char *file, int line)
{
    if (a == b) return;
    fprintf(stderr, "# %lld is not %lld\n", (long long)a, (long long)b);
    test_fail(file, line, what);
}

// --- the machine before a test

static void fill_bundle(void)
{
    uint8_t *bundle = arch_direct((paddr_t){HOST_MEMORY_START});
    struct bundle_header *header = (struct bundle_header *)bundle;
    struct bundle_entry *entry = (struct bundle_entry *)(header + 1);
    struct image_header *image = (struct image_header *)(bundle + PAGE_SIZE);
    memset(bundle, 0, BUNDLE_PAGES * PAGE_SIZE);
    *header = (struct bundle_header){.magic = BUNDLE_MAGIC, .n_entries = 1, .size_bytes = BUNDLE_PAGES * PAGE_SIZE};
    *entry = (struct bundle_entry){.name = "supervisor", .offset = PAGE_SIZE, .size_bytes = 2 * PAGE_SIZE};
    *image = (struct image_header){.magic = IMAGE_MAGIC, .entry = 0x400000, .n_segments = 1};
    image->segments[0] = (struct image_segment){.address = 0x400000,
                                                .file_offset = PAGE_SIZE,
                                                .file_bytes = 100,
                                                .memory_bytes = 3 * PAGE_SIZE,
                                                .rights = RIGHT_READ | RIGHT_EXEC};
    memset(bundle + 2 * PAGE_SIZE, 0x90, 100);
}

static void boot(void)
{
    struct boot_memory memory = {.n_ranges = 2, .end = UINT64_MAX, .command_line = "quiet test"};
    host_reset();
    fill_bundle();
    memory.bundle_start = HOST_MEMORY_START;
    memory.bundle_bytes = BUNDLE_PAGES * PAGE_SIZE;
    memory.ranges[0].start = HOST_MEMORY_START + BUNDLE_PAGES * PAGE_SIZE;
    memory.ranges[0].end = HOST_MEMORY_START + (2 << 20);
    memory.ranges[1].start = HOST_MEMORY_START + (4 << 20);
    memory.ranges[1].end = HOST_MEMORY_START + HOST_MEMORY_BYTES;
    check_equal(host_boot(&memory), HOST_USER);
    first_thread = this_core()->current;
    world_check();
}

// --- driving

struct thread *current_thread(void)
{
    ref_t current = this_core()->current;
    return current ? thread_at(current) : NULL;
}

struct slot *first_slot(unsigned index) { return slot_at(thread_at(first_thread)->cspace + index); }

struct thread *thread_in(unsigned slot)
{
    check_equal(first_slot(slot)->type, CAP_THREAD);
    return thread_at(first_slot(slot)->object);
}

err_t error_of(const struct thread *t) { return (err_t)t->context.number; }

enum host_exit sys(unsigned number, struct message m)
{
    struct thread *self = current_thread();
    check(self != NULL);
    struct arch_context *c = &self->context;
    c->number = number;
    c->cap = m.cap;
    c->info = m.info;
    memcpy(c->words, m.words, sizeof(m.words));
    c->reply = m.reply;
    c->deadline = m.deadline;
    enum host_exit how = host_syscall();
    world_check();
    while (c->restart && current_thread() == self) {
        c->restart = 0;
        how = host_syscall();
        world_check();
    }
    return how;
}

static struct thread *invoker;

err_t invoke_words(unsigned cap, uint32_t label, unsigned n, const uint64_t *words)
{
    struct message m = {.cap = cap, .info = INFO(label, n, 0), .deadline = NS_FOREVER};
    invoker = current_thread();
    for (unsigned i = 0; i < n; i++) {
        if (i < MSG_REGISTERS)
            m.words[i] = words[i];
        else
            thread_utcb(invoker)->words[i] = words[i];
    }
    sys(SYS_CALL, m);
    return error_of(invoker);
}

uint64_t result_word(unsigned i)
{
    return i < MSG_REGISTERS ? context_word(&invoker->context, i) : thread_utcb(invoker)->words[i];
}

unsigned biggest_untyped(void)
{
    unsigned best = BOOT_SLOT_UNTYPED;
    for (unsigned i = best; first_slot(i)->type == CAP_UNTYPED; i++) {
        if (first_slot(i)->size_bits > first_slot(best)->size_bits) best = i;
    }
    return best;
}

void make(unsigned type, unsigned size_bits, unsigned slot)
{
    check_equal(invoke(biggest_untyped(), UNTYPED_RETYPE, type, size_bits, 1, 0, slot), OK);
}

void make_thread(unsigned slot, unsigned priority)
{
    static uint64_t utcb_address = 0x200000000000;
    make(CAP_THREAD, 0, slot);
    make(CAP_CONTEXT, 0, slot + 1);
    utcb_address += 2 * PAGE_SIZE;
    check_equal(invoke(slot + 1, CONTEXT_CONFIGURE, 10000000, 10000000, 0), OK);
    check_equal(invoke(slot, THREAD_CONFIGURE, BOOT_SLOT_ASPACE, BOOT_SLOT_CSPACE, 0, utcb_address), OK);
    check_equal(invoke(slot, THREAD_SET_CONTEXT, slot + 1), OK);
    check_equal(invoke(slot, THREAD_SET_PRIORITY, priority), OK);
}

void start(unsigned slot) { check_equal(invoke(slot, THREAD_RUN, 0, 1), OK); }

void switch_to(unsigned slot)
{
    struct thread *t = thread_in(slot);
    check_equal(t->state, THREAD_READY);
    if (current_thread() != t) {
        sched_block(t);
        if (current_thread()) sched_rotate(current_thread());
        this_core()->current = ref_of(t);
    }
    check_equal(host_nothing(), HOST_USER);
    check(current_thread() == t);
}

// --- running

static int run_in_child(const struct test *test)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(TIME_LIMIT_S);
        running = test->name;
        boot();
        test->run();
        world_check();
        exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "# ended by signal %d; run just this one: %s %s\n", WTERMSIG(status), program, test->name);
    }
    return status;
}

static bool is_wanted(const struct test *test, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strstr(test->name, argv[i])) return true;
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    unsigned n = 0, failed = 0;
    program = argv[0];
    for (const struct test *t = tests; t; t = t->next) n += is_wanted(t, argc, argv);
    printf("1..%u\n", n);
    n = 0;
    for (const struct test *t = tests; t; t = t->next) {
        if (!is_wanted(t, argc, argv)) continue;
        int status = run_in_child(t);
        failed += status != 0;
        printf("%s %u - %s\n", status ? "not ok" : "ok", ++n, t->name);
    }
    return failed ? 1 : 0;
}
