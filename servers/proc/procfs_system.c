// SPDX-License-Identifier: MIT
// Texts of /proc about the whole system, in Linux's formats.
//
// What Bulkhead does not count is left out or 0; nothing is invented. Memory means the pool that processes live on.
#include "servers/proc/procfs.h"

#define NS 1000000000ul
#define TICK_NS 10000000ul  // USER_HZ is 100
#define KIB(pages) ((uint64_t)(pages) * (PAGE_SIZE / 1024))
#define LOAD_INTERVAL_NS (5 * NS)
#define LOAD_ONE (1u << LOAD_BITS)
#define LOAD_STEPS 720  // an hour without anybody looking has forgotten everything

// --- time and load

// CPU time of all Linux processes, now and in the past.
static uint64_t busy_ns(void)
{
    uint64_t sum = state->dead_ns;
    for_each_process(process)
    {
        struct times times;
        process_times(process, &times);
        sum += times.user_ns + times.system_ns;
    }
    return sum;
}

static uint32_t running_threads(void)
{
    uint32_t n = 0;
    for_each_process(process) for (const struct thread *thread = process->threads; thread; thread = thread->next) n +=
        thread_is_running(thread);
    return n;
}

// Nobody ticks for the load averages: they are brought up to date when somebody looks, with what runs now.
static void update_load(void)
{
    static const uint32_t decay[3] = {1884, 2014, 2037};  // exp(-5 s / 1, 5, 15 min) in LOAD_ONEths
    uint64_t now = server_now(), steps = (now - state->load_at_ns) / LOAD_INTERVAL_NS;
    uint64_t active = (uint64_t)running_threads() << LOAD_BITS;
    state->load_at_ns += steps * LOAD_INTERVAL_NS;
    for (uint64_t step = 0; step < steps && step < LOAD_STEPS; step++)
        for (unsigned i = 0; i < 3; i++)
            state->load[i] = (state->load[i] * decay[i] + active * (LOAD_ONE - decay[i])) >> LOAD_BITS;
}

void make_stat(struct text *text, struct process *process)
{
    (void)process;
    uint64_t now = server_now(), busy = busy_ns(), idle = now > busy ? now - busy : 0;
    for (unsigned cpu = 0; cpu < 2; cpu++)
        text_add(text, "%s %lu 0 0 %lu 0 0 0 0 0 0\n", cpu ? "cpu0" : "cpu ", busy / TICK_NS, idle / TICK_NS);
    text_add(text, "intr 0\nctxt 0\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n",
             (wall_ns() - now_ns()) / NS, state->forks + 1, running_threads());
}

void make_uptime(struct text *text, struct process *process)
{
    (void)process;
    uint64_t now = server_now(), busy = busy_ns(), idle = now > busy ? now - busy : 0;
    text_add(text, "%lu.%02lu %lu.%02lu\n", now / NS, now / TICK_NS % 100, idle / NS, idle / TICK_NS % 100);
}

void make_loadavg(struct text *text, struct process *process)
{
    (void)process;
    update_load();
    for (unsigned i = 0; i < 3; i++)
        text_add(text, "%lu.%02lu ", state->load[i] >> LOAD_BITS, (state->load[i] % LOAD_ONE) * 100 >> LOAD_BITS);
    text_add(text, "%u/%u %u\n", running_threads(), state->threads.n_used, state->last_pid);
}

// --- memory

void make_meminfo(struct text *text, struct process *process)
{
    (void)process;
    const struct pages *pages = &state->pages;
    text_add(text, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", KIB(pages->n),
             KIB(pages->n_free), KIB(pages->n_free));
    text_add(text, "Buffers:        %8u kB\nCached:         %8u kB\nSwapCached:     %8u kB\n", 0, 0, 0);
    text_add(text, "SwapTotal:      %8u kB\nSwapFree:       %8u kB\nAnonPages:      %8lu kB\n", 0, 0,
             KIB(pages->n - pages->n_free));
    text_add(text, "Shmem:          %8u kB\nSlab:           %8u kB\n", 0, 0);
}

void make_swaps(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

// --- names

void make_version(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "Linux version %s (bulkhead) (clang) %s\n", LINUX_RELEASE, LINUX_VERSION);
}

void make_ostype(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "Linux\n");
}

void make_osrelease(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%s\n", LINUX_RELEASE);
}

void make_build(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%s\n", LINUX_VERSION);
}

void make_hostname(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%s\n", state->hostname);
}

void make_domainname(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%s\n", state->domainname[0] ? state->domainname : "(none)");
}

static err_t store_name(char *name, size_t room, const char *value, size_t bytes)
{
    while (bytes > 0 && value[bytes - 1] == '\n') bytes--;
    if (bytes >= room) return ERR_LINUX(EINVAL);
    memcpy(name, value, bytes);
    name[bytes] = 0;
    return OK;
}

err_t store_hostname(const char *value, size_t bytes)
{
    return store_name(state->hostname, sizeof state->hostname, value, bytes);
}

err_t store_domainname(const char *value, size_t bytes)
{
    return store_name(state->domainname, sizeof state->domainname, value, bytes);
}

void make_filesystems(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "nodev\tproc\nnodev\ttmpfs\n");
}

void make_devices(struct text *text, struct process *process)
{
    (void)process;
    text_add(text,
             "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n"
             "240 stream\n\nBlock devices:\n");
}

// The arguments that the boot loader gave; the supervisor puts them behind the manifest's own.
void make_command_line(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%s\n", rt_info()->args);
}

static void cpuid(uint32_t leaf, uint32_t words[4])
{
    __asm__("cpuid" : "=a"(words[0]), "=b"(words[1]), "=c"(words[2]), "=d"(words[3]) : "a"(leaf), "c"(0));
}

void make_cpuinfo(struct text *text, struct process *process)
{
    (void)process;
    uint32_t words[4], vendor[4], brand[13] = {0};
    cpuid(0, words);
    vendor[0] = words[1];
    vendor[1] = words[3];
    vendor[2] = words[2];
    vendor[3] = 0;
    for (uint32_t i = 0; i < 3; i++) cpuid(0x80000002 + i, &brand[4 * i]);
    cpuid(1, words);
    uint32_t family = words[0] >> 8 & 15, model = words[0] >> 4 & 15;
    if (family == 15 || family == 6) model |= words[0] >> 12 & 0xf0;
    if (family == 15) family += words[0] >> 20 & 0xff;
    const struct clock_page *clock = (const struct clock_page *)COMPONENT_CLOCK_ADDRESS;
    text_add(text,
             "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
             (const char *)vendor, family, model, (const char *)brand, words[0] & 15);
    text_add(
        text,
        "cpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\nflags\t\t: fpu\n\n",
        clock->tsc_hz / 1000000, clock->tsc_hz / 1000 % 1000);
}

// --- limits of the system

void make_pid_max(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%u\n", PID_MAX);
}

void make_threads_max(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%u\n", state->threads.n_records);
}

void make_groups_max(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%u\n", PROCESS_GROUPS);
}

void make_capability_last(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "40\n");
}

void make_overcommit(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "1\n");
}

void make_file_max(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%u\n", PROCESS_SLOTS * FILES_AT_MOST);
}

void make_open_max(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "%u\n", FILES_AT_MOST);
}

void make_pipe_max(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "65536\n");
}
