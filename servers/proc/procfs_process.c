// SPDX-License-Identifier: MIT
// Texts of /proc/<pid>, in Linux's formats.
//
// A process that has ended keeps its directory until it is reaped; it then has no space, page or threads.
#include "servers/proc/procfs.h"
#include <asm/mman.h>
#include <linux/resource.h>

#define TICK_NS 10000000ul
#define KIB(pages) ((uint64_t)(pages) * (PAGE_SIZE / 1024))

// The process that asks waits for our answer, but Linux would show it running.
static char state_letter(const struct process *process)
{
    if (process->life != PROCESS_LIVE) return 'Z';
    if (process->stopped) return 'T';
    if (process == place_reader) return 'R';
    for (const struct thread *thread = process->threads; thread; thread = thread->next)
        if (thread_is_running(thread)) return 'R';
    return 'S';
}

static uint64_t virtual_bytes(const struct process *process)
{
    return process->space ? process->space->n_virtual_pages << PAGE_BITS : 0;
}

// Private pages, and file pages as far as they are held: what could be mapped.
static uint64_t resident_pages(const struct process *process)
{
    return process->space ? process->space->pages.n_pages : 0;
}

static const struct thread *main_thread(const struct process *process)
{
    const struct thread *thread = process->threads;
    while (thread && thread->tid != process->pid) thread = thread->next;
    return thread;
}

static uint64_t pending_of(const struct process *process)
{
    const struct thread *thread = main_thread(process);
    return process->signals.pending | (thread ? thread->signals.pending : 0);
}

static uint64_t blocked_of(const struct process *process)
{
    const struct thread *thread = main_thread(process);
    return thread ? thread->page->blocked : 0;
}

void make_process_stat(struct text *text, struct process *process)
{
    struct times times;
    process_times(process, &times);
    const struct process_page *page = process->page;
    const struct times *children = &process->children;
    const struct process *leader = process_by_pid(process->sid);
    uint32_t device = leader && leader->life == PROCESS_LIVE ? leader->tty_device : 0;
    text_add(text, "%u (%s) %c %u %u %u %u %d 4194304 %lu %lu %lu %lu ", process->pid, process->comm,
             state_letter(process), process->parent ? process->parent->pid : 0, process->pgid, process->sid, device,
             device ? (int)leader->tty_group : -1, times.minor_faults, children->minor_faults, times.major_faults,
             children->major_faults);
    text_add(text, "%lu %lu %lu %lu %d %d %u 0 %lu %lu %lu %lu ", times.user_ns / TICK_NS, times.system_ns / TICK_NS,
             children->user_ns / TICK_NS, children->system_ns / TICK_NS, 20 + process->nice, process->nice,
             process->n_threads, process->start_ns / TICK_NS, virtual_bytes(process), resident_pages(process),
             process->limits[RLIMIT_RSS][0]);
    text_add(text, "0 0 0 0 0 %lu %lu %lu %lu 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 %u\n", pending_of(process),
             blocked_of(process), page ? page->ignored : 0, page ? page->caught : 0,
             process->life == PROCESS_LIVE ? 0 : process->status);
}

void make_process_statm(struct text *text, struct process *process)
{
    uint64_t data = process->space ? process->space->n_data_pages : 0;
    text_add(text, "%lu %lu 0 0 0 %lu 0\n", virtual_bytes(process) >> PAGE_BITS, resident_pages(process), data);
}

static const char *state_name(char letter)
{
    switch (letter) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'T': return "stopped";
    default: return "zombie";
    }
}

void make_process_status(struct text *text, struct process *process)
{
    const struct identity *ids = &process->ids;
    char letter = state_letter(process);
    uint32_t parent = process->parent ? process->parent->pid : 0;
    text_add(text, "Name:\t%s\n", process->comm);
    if (process->page) {
        uint32_t mask = process->page->umask;
        text_add(text, "Umask:\t0%u%u%u\n", mask >> 6 & 7, mask >> 3 & 7, mask & 7);
    }
    text_add(text, "State:\t%c (%s)\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", letter,
             state_name(letter), process->pid, process->pid, parent);
    text_add(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", ids->uid, ids->euid, ids->suid, ids->fsuid, ids->gid,
             ids->egid, ids->sgid, ids->fsgid);
    text_add(text, "FDSize:\t%u\nGroups:\t", process->n_descriptions);
    for (uint32_t i = 0; i < ids->n_groups; i++) text_add(text, "%u ", ids->groups[i]);
    text_add(text, "\nNSpgid:\t%u\nNSsid:\t%u\n", process->pgid, process->sid);
    if (process->space)
        text_add(text, "VmSize:\t%8lu kB\nVmRSS:\t%8lu kB\nVmData:\t%8lu kB\n", virtual_bytes(process) >> 10,
                 KIB(resident_pages(process)), KIB(process->space->n_data_pages));
    text_add(text, "Threads:\t%u\nSigQ:\t%u/%lu\n", process->n_threads, state->signals.n_used,
             process->limits[RLIMIT_SIGPENDING][0]);
    const struct thread *thread = main_thread(process);
    text_add(text, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", thread ? thread->signals.pending : 0,
             process->signals.pending, blocked_of(process));
    text_add(text, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", process->page ? process->page->ignored : 0,
             process->page ? process->page->caught : 0);
}

void make_process_cmdline(struct text *text, struct process *process)
{
    size_t bytes = process->life == PROCESS_LIVE ? process->command_line_bytes : 0;
    memcpy(text->to, process->command_line, bytes);
    text->n = bytes;
}

void make_process_comm(struct text *text, struct process *process) { text_add(text, "%s\n", process->comm); }

static const char *region_name(const struct region *region)
{
    if (region->flags & REGION_HEAP) return "[heap]";
    if (region->flags & REGION_STACK) return "[stack]";
    return region->kind == REGION_SHARED ? "/dev/zero (deleted)" : "";
}

// A file may come in several runs of frames, which are one mapping to the program.
static bool continues(const struct region *region, const struct region *next)
{
    return next && next->start == region->end && next->kind == region->kind && region->source &&
           next->inode == region->inode && next->device == region->device && next->protection == region->protection &&
           next->offset == region->offset + (region->end - region->start);
}

void make_process_maps(struct text *text, struct process *process)
{
    const struct region *region = process->space ? process->space->regions : NULL;
    while (region) {
        bool shared = region->kind == REGION_SHARED || region->kind == REGION_FILE_SHARED;
        const char *name = region_name(region);
        const struct region *last = region;
        while (continues(last, last->next)) last = last->next;
        text_add(text, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu%s%s\n", region->start, last->end,
                 region->protection & PROT_READ ? 'r' : '-', region->protection & PROT_WRITE ? 'w' : '-',
                 region->protection & PROT_EXEC ? 'x' : '-', shared ? 's' : 'p', region->offset,
                 region->device >> 8 & 0xfff, region->device & 0xff, region->inode, *name ? " " : "", name);
        region = last->next;
    }
}

void make_process_limits(struct text *text, struct process *process)
{
    static const struct {
        const char *name, *unit;
    } rows[RLIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},         [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},         [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},    [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},    [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},  [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},       [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"}, [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""},    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    text_add(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < RLIMITS; i++) {
        char values[2][21];
        for (unsigned j = 0; j < 2; j++) {
            if (process->limits[i][j] == RLIM_INFINITY)
                string_copy(values[j], sizeof values[j], "unlimited");
            else
                snprintf(values[j], sizeof values[j], "%lu", process->limits[i][j]);
        }
        text_add(text, "%-25s %-20s %-20s %-10s\n", rows[i].name, values[0], values[1], rows[i].unit);
    }
}

// The mount table is the process's own; this is what every system starts with.
void make_process_mounts(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
}

void make_process_score(struct text *text, struct process *process)
{
    text_add(text, "%lu\n", resident_pages(process) * 1000 / state->pages.n);
}
