// SPDX-License-Identifier: MIT
// What the unit tests of tmpfs stand on: the server library without a kernel, and requests as clients make them.
//
// The vault is an array; a step is a call of request(). With `kill_rate` set, steps are run, rolled back as if the
// server had been killed before the commit, and run again; file data keeps what the lost run stored, as in the system.
// Capabilities are counted, not checked. Included once by each test program.
#pragma once
#pragma clang diagnostic ignored "-Wunused-function"  // no test uses everything
#define _DEFAULT_SOURCE
#include "fs/tmpfs/tmpfs.h"
#include "lib/server/io.c"
#include "lib/server/io_credentials.c"
#include "lib/server/io_data.c"
#include "lib/server/io_wait.c"
#include "lib/server/table.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TEST_VAULT (3u << 20)
#define TEST_SLOTS 4096
#define TEST_PAGES_MAX 16384u

// --- results

static unsigned n_tests, n_failed;
static const char *suite;

static void ok(bool passed, const char *name)
{
    printf("%sok %u - %s: %s\n", passed ? "" : "not ", ++n_tests, suite, name);
    fflush(stdout);
    n_failed += !passed;
}

static int finish_tests(void)
{
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}

static uint64_t random_state = 1;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(random_state >> 33) % n;
}

// --- the library

static _Alignas(4096) uint8_t vault_memory[TEST_VAULT], vault_copy[TEST_VAULT];
static size_t vault_used;
static uint64_t step_number = (1ull << 32) + 1;
static bool keep_copy, aborted;
static uint64_t test_time_ns = 1000000000ull * 1700000000;
static unsigned kill_rate;  // one step in so many is killed, 0: none

static struct slot {
    bool used;
    uint32_t children;
    uint32_t first, n_pages, rights;  // frames
    uint64_t badge;                   // descriptions
} slots[TEST_SLOTS], slots_copy[TEST_SLOTS];
static struct effect_record {
    enum { FREE_SLOT, REVOKE_SLOT, REVOKE_CHILDREN, SIGNAL, OWN } kind;
    uint32_t slot;
    uint64_t words[3];
} effects[8192];
static unsigned n_effects;
static unsigned signalled[TEST_SLOTS];
static bool wake_wanted;

void vault_keep(const void *address, size_t bytes) { (void)address, (void)bytes; }

void *vault_alloc(size_t bytes)
{
    void *memory = vault_memory + vault_used;
    vault_used += (bytes + 15) & ~(size_t)15;
    if (vault_used > TEST_VAULT) panic("the test's vault is too small");
    return memory;
}

size_t vault_available(void) { return TEST_VAULT - vault_used; }

uint64_t vault_step(void) { return step_number; }

void vault_log(const void *address, size_t bytes)
{
    (void)address;
    (void)bytes;
}

void vault_set_unlogged(uint32_t *word, uint32_t value) { *word = value; }

void vault_clear_unlogged(void *address, size_t bytes) { memset(address, 0, bytes); }

static void effect(int kind, uint32_t slot)
{
    if (n_effects == sizeof effects / sizeof effects[0]) panic("too many effects");
    effects[n_effects++] = (struct effect_record){.kind = kind, .slot = slot};
}

uint32_t slot_alloc(void)
{
    for (uint32_t i = 64; i < TEST_SLOTS; i++)
        if (!slots[i].used) {
            slots[i] = (struct slot){.used = true};
            return i;
        }
    return 0;
}

void slot_free(uint32_t slot)
{
    if (slot) effect(FREE_SLOT, slot);
}

void slot_revoke_and_free(uint32_t slot)
{
    if (slot) effect(REVOKE_SLOT, slot);
}

void server_signal(uint32_t notification) { effect(SIGNAL, notification); }

void server_invoke(uint32_t cap, uint32_t operation, uint32_t n_words, const uint64_t *words)
{
    if (cap != SLOT_CSPACE || operation != CSPACE_REVOKE || n_words != 1) panic("an invocation that no test expects");
    effect(REVOKE_CHILDREN, (uint32_t)words[0]);
}

void server_effect(uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
    effect(OWN, number);
    memcpy(effects[n_effects - 1].words, (uint64_t[]){a, b, c}, sizeof effects[0].words);
}

void server_wake_at(uint64_t time_ns) { wake_wanted = time_ns == 0; }

void server_doubt(const char *what) { (void)what; }

uint64_t server_now(void) { return now_ns(); }

uint64_t now_ns(void) { return test_time_ns; }

uint64_t wall_ns(void) { return test_time_ns; }

static void begin_step(void)
{
    memcpy(vault_copy, vault_memory, vault_used);
    memcpy(slots_copy, slots, sizeof slots);
}

static void roll_back(void)
{
    memcpy(vault_memory, vault_copy, vault_used);
    memcpy(slots, slots_copy, sizeof slots);
    n_effects = 0;
}

err_t server_abort(err_t err)
{
    if (!keep_copy) panic("a step was abandoned that the test did not expect to be: %d", err);
    roll_back();
    aborted = true;
    return err;
}

static void perform(void)
{
    for (unsigned i = 0; i < n_effects; i++) switch (effects[i].kind) {
        case REVOKE_SLOT:
            slots[effects[i].slot].children = 0;
            slots[effects[i].slot].used = false;
            break;
        case REVOKE_CHILDREN: slots[effects[i].slot].children = 0; break;
        case FREE_SLOT: slots[effects[i].slot].used = false; break;
        case OWN: {
            const uint64_t *w = effects[i].words;
            ring_effects[effects[i].slot](w[0], w[1], w[2]);
            break;
        }
        case SIGNAL: signalled[effects[i].slot]++; break;
        }
    n_effects = 0;
    step_number++;
}

err_t description_make(uint64_t number, uint32_t *slot)
{
    *slot = slot_alloc();
    slots[*slot].badge = BADGE_DESCRIPTION | number;
    return *slot ? OK : ERR_NO_MEMORY;
}

uint32_t request_keep_cap(const struct request *request, unsigned i) { return request->caps[i].slot; }

err_t server_call_cap(uint32_t cap, struct message *m, uint32_t *slot)
{
    (void)cap;
    m->words[0] = m->words[1];
    *slot = slot_alloc();
    return OK;
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("Bail out! ");
    vprintf(format, arguments);
    printf("\n");
    abort();
}

void log_line(const char *format, ...) { (void)format; }

const char *err_name(err_t err)
{
    (void)err;
    return "an error";
}

uint32_t cap_named(const char *name)
{
    (void)name;
    return 0;
}

static struct process_table test_processes;

const struct component_cap *rt_cap(const char *name)
{
    static struct component_cap processes = {.name = "processes"};
    processes.address = (uint64_t)&test_processes;
    return strcmp(name, "processes") == 0 ? &processes : NULL;
}

// The kernel's part: capabilities made and looked at.
static const uint8_t *test_archive;

err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline)
{
    (void)reply_slot;
    (void)deadline;
    if (number == SYS_SIGNAL) {
        signalled[cap]++;
        return OK;
    }
    struct slot *slot = &slots[m->words[0] % TEST_SLOTS];
    switch (INFO_LABEL(m->info)) {
    case CSPACE_DERIVE: return OK;
    case CSPACE_IDENTIFY:
        m->words[0] = !slot->used ? CAP_EMPTY : slot->n_pages ? CAP_FRAMES : CAP_ENDPOINT;
        m->words[2] = slot->badge;
        m->words[4] = slot->children;
        return OK;
    case CSPACE_DERIVE_FRAMES:
        slot->first = (uint32_t)m->words[4];
        slot->n_pages = 1u << (m->words[5] - PAGE_BITS);
        slot->rights = (uint32_t)m->words[3];
        return OK;
    case FRAMES_MAP:
        memcpy((void *)m->words[1], test_archive + m->words[2] * PAGE_SIZE, m->words[3] * PAGE_SIZE);
        return OK;
    case ASPACE_UNMAP: return OK;
    }
    return ERR_INVALID;
}

// --- processes and their requests

static struct answer answer;
static struct request message;

// As proc does: whoever remembers the entry sees that it has changed.
static void entry_changed(unsigned slot)
{
    static uint32_t sequence;
    test_processes.entries[slot].sequence = sequence += 2;
}

static void process(unsigned slot, uint32_t uid, uint32_t gid)
{
    test_processes.entries[slot] = (struct process_entry){.generation = 1,
                                                          .alive = 1,
                                                          .pid = 100 + slot,
                                                          .uid = uid,
                                                          .euid = uid,
                                                          .fsuid = uid,
                                                          .gid = gid,
                                                          .egid = gid,
                                                          .fsgid = gid,
                                                          .fsize_limit = ~0ull};
    entry_changed(slot);
}

#define BADGE(slot) BADGE_SESSION_OF(slot, 1)
static unsigned as = 1;  // the process that asks

static uint64_t test_words[FS_WORD_COUNT];

// Where the file system was formatted.
static void start(uint32_t n_pages)
{
    static void *pool;
    if (!pool) {
        pool = mmap((void *)COMPONENT_POOL_ADDRESS, (size_t)TEST_PAGES_MAX * PAGE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        if (pool == MAP_FAILED) panic("no memory for the pool");
    }
    memset(vault_memory, 0, sizeof vault_memory);
    memset(slots, 0, sizeof slots);
    memset(pool, 0x5a, (size_t)n_pages * PAGE_SIZE);
    vault_used = 0;
    words_attach(test_words);
    directory_changed();  // an instance of its own remembers nothing
    format_tree(vault_alloc(sizeof *fs), n_pages);
    io_attach(&fs->io, &io_functions);
    process(1, 0, 0);
    process(2, 1000, 1000);
    process(3, 1001, 1001);
    as = 1;
    n_effects = 0;
}

static server_handler handler_of(uint32_t label)
{
    for (unsigned i = 0; i < SERVER_RANGES; i++)
        if (label - operations[i].first < operations[i].n) return operations[i].handlers[label - operations[i].first];
    return NULL;
}

static err_t run(void)
{
    memset(&answer, 0xa5, sizeof answer);
    memset(answer.words, 0, MSG_REGISTERS * sizeof answer.words[0]);
    answer.n_words = answer.n_caps = 0;
    return handler_of(message.label)(&message, &answer);
}

static void run_tick(void)
{
    while (wake_wanted) {
        wake_wanted = false;
        tick();
        perform();
    }
}

// The message in `message`, with words and text put there by the caller.
static err_t request(uint32_t label)
{
    bool kill = kill_rate && random_below(kill_rate) == 0;
    message.label = label;
    message.badge = BADGE(as);
    message.n_words = MSG_WORDS;
    if (keep_copy || kill) begin_step();
    aborted = false;
    bool keep = keep_copy;
    keep_copy |= kill;
    err_t err = run();
    if (kill) {
        roll_back();
        err = run();
    }
    keep_copy = keep;
    perform();
    run_tick();
    return err;
}

// Linux's way: the result, or minus errno; -11 for ERR_AGAIN.
static long linux_result(err_t err)
{
    if (err == OK) return answer.n_words ? (long)answer.words[0] : 0;
    return err == ERR_AGAIN ? -EAGAIN : ERR_IS_LINUX(err) ? -(long)ERR_TO_LINUX(err) : err - 100000;
}

static void words(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t all[] = {a, b, c, d, e, f};
    memcpy(message.words, all, sizeof all);
    message.n_caps = 0;
}

// One path, the operation's own arguments behind it.
static long on_path(uint32_t operation, const char *path, uint64_t flags, uint64_t a, uint64_t b)
{
    words(FS_ROOT, flags, strlen(path), a, b, 0);
    memcpy(&message.words[6], path, strlen(path));
    return linux_result(request(operation));
}

static long on_paths(uint32_t operation, const char *from, const char *to, uint64_t flags)
{
    words(FS_ROOT, flags, strlen(from), FS_ROOT, strlen(to), 0);
    memcpy(&message.words[6], from, strlen(from));
    memcpy((char *)&message.words[6] + strlen(from), to, strlen(to));
    return linux_result(request(operation));
}

// Handles; the client's side of capabilities: one copy of each that came with an answer.
#define HANDLES 4096
static uint32_t handle_slots[4][HANDLES];

static long keep_cap(long handle, unsigned cap)
{
    if (handle >= 0 && handle < HANDLES && answer.n_caps > cap) {
        handle_slots[as][handle] = answer.caps[cap];
        slots[answer.caps[cap]].children++;
    }
    return handle;
}

static long do_open(const char *path, uint32_t flags, uint32_t mode)
{
    return keep_cap(on_path(FS_OPEN, path, IO_ARM, flags, mode), 0);
}

// The description's last capability goes: what the kernel tells then.
static void drop_cap(unsigned process_slot, long handle)
{
    uint32_t slot = handle_slots[process_slot][handle];
    if (!slot || --slots[slot].children) return;
    for (uint32_t i = 0; i < fs->io.descriptions.n_records; i++) {
        struct io_description *d = table_at(&fs->io.descriptions, i);
        if (d && d->slot == slot) {
            io_description_gone(table_handle(&fs->io.descriptions, d));
            perform();
            break;
        }
    }
    run_tick();
}

static long do_close(long handle)
{
    words((uint64_t)handle, 0, 0, 0, 0, 0);
    long result = linux_result(request(IO_CLOSE));
    if (result >= 0) drop_cap(as, handle);
    handle_slots[as][handle] = 0;
    return result < 0 ? result : 0;
}

// Through the session's buffer, so that one request moves up to 64 KiB.
static struct io_session *session_of(unsigned slot) { return session_find(&fs->io.sessions, BADGE(slot)); }

static void want_buffer(void)
{
    const struct io_session *session = session_of(as);
    if (session && session->buffer) return;
    words(IO_BUFFER_BYTES, 0, 0, 0, 0, 0);
    if (request(IO_BUFFER) != OK) panic("no session buffer");
}

static long do_write(long handle, uint64_t offset, const void *bytes, size_t n)
{
    want_buffer();
    memcpy(session_of(as)->buffer, bytes, n);
    words((uint64_t)handle, offset, n, IO_BUFFERED | IO_ARM, 0, 0);
    return linux_result(request(IO_WRITE));
}

static long do_read(long handle, uint64_t offset, void *bytes, size_t n)
{
    want_buffer();
    words((uint64_t)handle, offset, n, IO_BUFFERED | IO_ARM, 0, 0);
    long result = linux_result(request(IO_READ));
    if (result > 0) memcpy(bytes, session_of(as)->buffer, (size_t)result);
    return result;
}

static long on_handle(uint32_t operation, long handle, uint64_t a, uint64_t b, uint64_t c)
{
    words((uint64_t)handle, a, b, c, 0, 0);
    return linux_result(request(operation));
}

static long do_stat(const char *path, uint64_t flags, struct stat *stat)
{
    long result = on_path(FS_STAT, path, flags, 0, 0);
    if (result >= 0) memcpy(stat, &answer.words[6], sizeof *stat);
    return result < 0 ? result : 0;
}

// The process dies.
static void end_process(unsigned slot)
{
    for (long handle = 0; handle < HANDLES; handle++)
        if (handle_slots[slot][handle] && slots[handle_slots[slot][handle]].children)
            slots[handle_slots[slot][handle]].children--;
    while (!io_session_gone(BADGE(slot))) perform();
    perform();
    memset(handle_slots[slot], 0, sizeof handle_slots[slot]);
    run_tick();
}
