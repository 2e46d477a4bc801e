// SPDX-License-Identifier: MIT
// The process server's durable state and what its files offer each other.
//
// Everything here lies in the vault: pointers between records stay valid over a restart, and a step that does not
// commit leaves no trace (lib/server/server.h). memory.h holds the memory side.
//
// A process is LIVE, then EXITING (its threads are gone, but a server still has to let go of its session), then a
// ZOMBIE (its end can be seen: SIGCHLD has been sent, wait reports it), then its record is free. What a process owns in
// the kernel lies in blocks of untyped memory of its own; destroying it is revoking them.
#pragma once
#include "servers/proc/memory.h"
#include "lib/server/batch.h"
#include "lib/server/io.h"
#include "abi/boot.h"
#include "protocols/proc.h"
#include "protocols/processes.h"
#include <linux/errno.h>

#define SIGNALS 64
#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
#define RLIMITS 16
#define COMM_BYTES 16
#define COMMAND_LINE_BYTES 448
#define CHUNK_BUCKET_BITS 12
#define PID_BUCKETS 512
#define PID_MAX 32768
#define FILES_AT_MOST 4096  // hard limit of RLIMIT_NOFILE
#define LINUX_RELEASE "6.1.0-bulkhead"
#define LINUX_VERSION "#1 Bulkhead"
#define PROCESS_THREADS 64  // PSLOT_NOTIFICATION has one slot for each
#define BLOCK_BITS 16       // bytes of a block: one process's kernel objects, or page tables
#define EVENT_SIGNAL 1ull   // bit of THREAD_EVENT: ask PROC_SIGNAL_TAKE
#define LOAD_BITS 11        // of the fraction in load averages

struct thread;
struct process;

// A signal that waits to be taken: what siginfo says beside the number, in Linux's layout behind the first 16 bytes.
struct queued_signal {
    struct queued_signal *next;
    int32_t signal, error, code;
    uint32_t uid;        // who is charged for it
    uint8_t fields[32];  // from byte 16 of siginfo
};
struct signal_queue {
    uint64_t pending;
    struct queued_signal *first, *last;
};

// A set of kernel objects that a thread runs with: four slots.
struct kit {
    struct kit *next;
    uint32_t thread, context, notification, signal;  // signal: the notification with SERVER_PROC's bit as its badge
    uint64_t consumed_ns;                            // by the threads that it has served
};

// What a shared futex word is known by.
struct futex_key {
    uint64_t object, offset;
};

struct thread {
    struct process *process;
    struct thread *next;      // of the same process
    struct thread *tid_next;  // same bucket of tids
    struct kit *kit;
    uint32_t tid, area;
    uint32_t started, waits_for_child;
    uint32_t waits_for_vfork;  // tid of the child, 0: none
    uint32_t zero;
    uint64_t consumed_before_ns;  // what its kit had used before
    uint64_t stopped_call;        // a PROC_SIGNAL_TAKE that is answered when the process continues, 0: none
    struct thread_page *page;     // in the pool
    struct signal_queue signals;
    struct thread *futex_next;  // of those that wait
    struct futex_key futex;
    uint64_t futex_deadline_ns;
    uint32_t futex_bitset, futex_woken;  // bitset 0: does not wait
};

enum process_life { PROCESS_LIVE = 1, PROCESS_EXITING, PROCESS_ZOMBIE };

struct identity {
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint32_t n_groups;
    uint32_t groups[PROCESS_GROUPS];
};
struct times {
    uint64_t user_ns, system_ns, minor_faults, major_faults, max_pages;
};

struct process {
    uint32_t slot, generation;  // of the record; both in session badges
    uint32_t life, area;        // enum process_life; process area in its space
    uint32_t pid, pgid, sid, group_orphaned;
    struct process *parent, *first_child, *last_child, *next_sibling, *previous_sibling;
    struct process *pid_next;  // same bucket
    struct process *timer_next;
    struct space *space;
    struct thread *threads;
    struct kit *free_kits;
    uint32_t kit_block;         // slot of the block where the next kits are made
    uint32_t n_threads, block;  // block: first of its chain
    uint32_t cspace, descriptions, n_descriptions;
    uint32_t sessions[SERVERS];  // FIRST capabilities, 0: none
    struct process_page *page;   // in the pool
    struct identity ids;
    uint64_t limits[RLIMITS][2];
    struct signal_queue signals;
    uint32_t stopped, stop_signal;          // stopped: by a signal, now
    uint32_t report_stop, report_continue;  // for the parent's wait
    uint32_t status, has_execed;
    uint32_t end_told, zero;  // of a zombie: its parent has had the signal
    uint32_t made_by_vfork;
    int32_t nice;
    uint32_t crowded;  // its user has many threads: it runs behind others (crowd_update())
    uint32_t command_line_bytes;
    uint64_t sent_later;  // signals that are pending and will be sent once more
    uint64_t start_ns, root;
    struct times own, children;
    uint64_t timer_deadline_ns, timer_interval_ns;  // ITIMER_REAL; deadline 0: off
    uint64_t executable_inode;
    uint32_t tty_device, tty_group;  // of a session's leader: its terminal and the group in front, 0: none
    char comm[COMM_BYTES];
    char command_line[COMMAND_LINE_BYTES];
};

// Faults that somebody wants injected, on their way to the supervisor (procfs_fault.c).
struct fault_to_order {
    uint64_t number, what, address, data[3];  // SUPERVISOR_FAULT's words
};
enum { FAULTS_A_WRITE = 16, FAULTS_SHOWN = 64 };

struct state {
    struct table processes, threads, kits, spaces, regions, sources, shareds, chunks, signals;
    struct io io;  // /proc
    struct pages pages;
    struct chunk **chunk_buckets;
    struct process *pid_buckets[PID_BUCKETS];
    struct thread *tid_buckets[PID_BUCKETS];
    uint32_t generations[PROCESS_SLOTS];  // newest ever used
    uint32_t last_pid, free_block, n_free_blocks;
    uint32_t signals_later;  // a process has some
    struct {
        uint32_t slot, next;     // next: of a chain or the free list, 0: its end
        uint32_t reached, zero;  // by the audit of this start
    } * blocks;                  // numbered from 1
    uint32_t n_blocks, zero;
    struct space *dead_spaces;
    struct process *timers;  // by deadline
    struct process *init;
    struct thread *futex_waiters;
    uint64_t forks, epoch, dead_ns;  // dead_ns: CPU time of processes that have ended
    uint64_t load[3], load_at_ns;    // load averages, fixed point with 11 bits
    char hostname[65], domainname[65];
    uint64_t n_faults;  // ordered so far; the newest order's number
    struct fault_to_order faults[FAULTS_A_WRITE];
};
extern struct state *state;

// --- main.c: effects by number (for server_effect)
enum proc_effect {
    EFFECT_PUBLISH,  // (slot) write the process's entry of the published table and its process page
    EFFECT_POWER,    // (POWER_*, exit code)
    EFFECT_KILL,     // (component index, its starts)
    EFFECT_UPDATE,   // (component index, UPDATE_*)
    EFFECT_FAULTS,   // (how many of state->faults) order them from the supervisor
    EFFECT_COUNT
};
// The process that sent this, null: it is gone, or is no process.
struct process *caller(const struct request *request);
// Its thread in this thread area, null: it has none there.
struct thread *thread_of(struct process *process, uint64_t area);
// Let tick() run soon, for work in several steps.
void more_work(void);
void power(unsigned action, uint64_t code);

// --- process.c: records, pids, sessions
// Record, pid, and kernel objects, which batch_run() makes. Null: something is used up (abort the step).
struct process *process_new(struct process *parent);
void process_free(struct process *process);    // a reaped zombie
struct process *process_by_pid(uint64_t pid);  // also zombies
struct process *process_at(uint32_t slot);     // null: none
// The body may end the process, and `continue`, but not `break`.
#define for_each_process(each) \
    for (uint32_t each##_slot = 0; each##_slot < state->processes.n_fresh; each##_slot++) \
        for (struct process *each = process_at(each##_slot); each; each = NULL)
uint32_t pid_alloc(void);  // 0: none is free
struct thread *thread_by_tid(uint64_t tid);
void process_set_parent(struct process *process, struct process *parent);  // null: none
err_t process_session(struct process *process, unsigned server,
                      uint32_t *slot);          // the FIRST capability, made if need be
void process_changed(struct process *process);  // its published entry is out of date
err_t proc_session(const struct request *request, struct answer *answer);
err_t proc_descriptions(const struct request *request, struct answer *answer);
err_t proc_tables(const struct request *request, struct answer *answer);

// --- blocks.c: untyped memory
void blocks_init(void);
uint32_t block_take(uint32_t *chain);  // a block, put in front of a chain (0: empty); returns its slot, 0: none left
void blocks_release(uint32_t *chain);  // revoke all of a chain after the commit, then they are free

#define KIT_SLOTS 4

// --- audit.c
void audit(void);     // for server.audit
void wake_all(void);  // for server.wake

// --- mend.c
void mend_links(void);  // for the audit, behind its sweeps

// --- thread.c
void kits_drop(struct process *process);                       // their objects went with the blocks
bool kit_add(struct process *process, uint32_t untyped);       // make one; false: something is used up
struct kit *kit_take(struct process *process);                 // null: no memory for one
void kit_give_back(struct process *process, struct kit *kit);  // the next kit_take() gives it again
// A thread that does not run yet, with its kit configured for the space once batch_run() has said so. Null: something is
// used up (abort the step).
struct thread *thread_new(struct process *process, struct space *space, uint32_t area, uint32_t tid);
// The thread page and the top of liblinux's stack in a thread area; returns the former, 0: nothing left.
uint32_t thread_area_give(struct space *space, uint32_t area);
bool thread_give_page(struct thread *thread, struct space *space);  // a fresh thread page, mapped after the commit
void thread_page_fill(struct thread *thread);                       // proc's part of it
void thread_destroy(struct thread *thread, bool space_lives);       // it ends; its kit can be used again
bool thread_start(struct thread *thread, uint64_t pc, uint64_t sp, uint64_t argument);  // it runs after the commit
void thread_run_later(struct thread *thread);
// The notification that it waits on stands in its place, whatever has become of that.
void thread_mend_notification(const struct thread *thread);
// In an audit: it stands still though it has begun. What the kernel knows of it is said again, and it runs.
void thread_set_going(const struct thread *thread);
void thread_wake(struct thread *thread);         // signal its notification
void thread_event_later(struct thread *thread);  // there may be a signal for it
uint64_t thread_consumed_ns(const struct thread *thread);
bool thread_is_running(const struct thread *thread);  // or ready to
void apply_nice(struct process *process);

// --- create.c: threads and processes in an existing space
bool process_give_page(struct process *process);  // a fresh process page, mapped after the commit
void process_page_fill(struct process *process);  // proc's part of it
void process_inherit(struct process *child, const struct process *parent);
void process_give_aspace(struct process *process);  // the window range, to a process that has none yet
void process_give_descriptions(struct process *child, const struct process *parent);
err_t proc_create(const struct request *request, struct answer *answer);
err_t proc_start(const struct request *request, struct answer *answer);
err_t proc_thread_exit(const struct request *request, struct answer *answer);
err_t proc_notification(const struct request *request, struct answer *answer);

// --- fork.c, exec.c, exit.c, wait.c
err_t proc_fork(const struct request *request, struct answer *answer);
err_t proc_exec(const struct request *request, struct answer *answer);
err_t proc_started(const struct request *request, struct answer *answer);
void init_start(void);    // the first process
void image_attach(void);  // at each start: look at liblinux's image
                          // argument `trace=1`
// liblinux, found again at each start.
extern struct image {
    const struct image_header *header;
    uint32_t frames, clock;
    bool traced;
    uint64_t stub_page;                                    // of the frames
    uint64_t start, stub_syscall, stub_event, stub_fault;  // the entries: address, then offsets in the stub page
} image;
err_t proc_exit(const struct request *request, struct answer *answer);
void process_exit(struct process *process, uint32_t status);  // it ends with this wait status
void process_session_gone(struct process *process, unsigned server);
void exits_look_again(void);  // once in each instance
err_t proc_session_closed(const struct request *request, struct answer *answer);
err_t proc_wait(const struct request *request, struct answer *answer);
err_t proc_wait_vfork(const struct request *request, struct answer *answer);
void wait_wake_parent(struct process *child);  // the parent's waiting threads look again
void wait_vfork_done(struct process *child);
void process_times(const struct process *process, struct times *times);  // threads that run included

// --- memory handlers: map.c, remap.c
err_t proc_mmap(const struct request *request, struct answer *answer);
err_t proc_munmap(const struct request *request, struct answer *answer);
err_t proc_mprotect(const struct request *request, struct answer *answer);
err_t proc_mremap(const struct request *request, struct answer *answer);
err_t proc_brk(const struct request *request, struct answer *answer);
err_t proc_load(const struct request *request, struct answer *answer);
err_t proc_madvise(const struct request *request, struct answer *answer);
err_t proc_mincore(const struct request *request, struct answer *answer);
err_t proc_fault(const struct request *request, struct answer *answer);
// The contents go; the next touch finds zeros, or the file's bytes. Shared memory keeps its pages.
void forget_pages(struct space *space, uint64_t start, uint64_t end);
bool range_is_valid(uint64_t start, uint64_t bytes);                               // whole pages of the program's range
bool space_has_room(const struct process *process, uint64_t bytes, bool is_data);  // within RLIMIT_AS and RLIMIT_DATA

// --- signal.c: what a signal does; sigcalls.c: requests
void signal_fields_kill(struct queued_signal *info, const struct process *sender, int code);
// Acts on the signal, in this step or, when many processes are sent signals, in a later one. False: EAGAIN.
bool signal_send(struct process *process, struct thread *thread, const struct queued_signal *info);
void signals_send_later(void);                                      // those of earlier steps, as many as fit in one
void signal_simple(struct process *process, int signal, int code);  // from the kernel's side, without a sender
void signal_group(uint32_t pgid, int signal, int code);
void signal_child(struct process *child, int code, int status);     // SIGCHLD to the parent
bool signal_is_fatal_for(const struct thread *thread, int signal);  // not caught, so that it ends the process
bool signal_take(struct thread *thread, uint64_t set, struct queued_signal *info);
void signal_review(struct thread *thread);        // its masks changed: act on what is pending
void signals_note_held(struct process *process);  // tell liblinux that something is pending, if so
void signal_queue_drop(struct signal_queue *queue, uint64_t set);
err_t proc_kill(const struct request *request, struct answer *answer);
err_t proc_tkill(const struct request *request, struct answer *answer);
err_t proc_queue(const struct request *request, struct answer *answer);
err_t proc_signal_take(const struct request *request, struct answer *answer);
err_t proc_signal_pending(const struct request *request, struct answer *answer);
err_t proc_signal_changed(const struct request *request, struct answer *answer);
err_t proc_tty_signal(const struct request *request, struct answer *answer);
err_t proc_tty_owned(const struct request *request, struct answer *answer);

// --- futex.c
void futex_thread_died(struct thread *thread, bool space_lives);  // robust list, clear_child_tid
err_t proc_futex_wait(const struct request *request, struct answer *answer);
err_t proc_futex_wake(const struct request *request, struct answer *answer);

// --- timer.c
void timer_set(struct process *process, uint64_t deadline_ns, uint64_t interval_ns);  // deadline 0: off
void timers_run(uint64_t now);
void timers_arm(void);  // ask for the next tick
err_t proc_timer(const struct request *request, struct answer *answer);

// --- groups.c, ids.c, limits.c, system.c
void group_update(uint32_t pgid, bool hang_up);  // see whether it is orphaned now; SIGHUP, SIGCONT to stopped ones
err_t proc_setpgid(const struct request *request, struct answer *answer);
err_t proc_getpgid(const struct request *request, struct answer *answer);
err_t proc_setsid(const struct request *request, struct answer *answer);
err_t proc_getsid(const struct request *request, struct answer *answer);
err_t proc_setids(const struct request *request, struct answer *answer);
err_t proc_setuid_like(const struct request *request, struct answer *answer);
err_t proc_setgroups(const struct request *request, struct answer *answer);
err_t proc_getgroups(const struct request *request, struct answer *answer);
err_t proc_rlimit(const struct request *request, struct answer *answer);
err_t proc_priority(const struct request *request, struct answer *answer);
err_t proc_rusage(const struct request *request, struct answer *answer);
err_t proc_chroot(const struct request *request, struct answer *answer);
err_t proc_name(const struct request *request, struct answer *answer);
err_t proc_sysinfo(const struct request *request, struct answer *answer);
err_t proc_hostname(const struct request *request, struct answer *answer);
err_t proc_reboot(const struct request *request, struct answer *answer);
err_t proc_settime(const struct request *request, struct answer *answer);
void limits_init(struct process *process);
bool limit_of_processes_reached(const struct process *process);  // RLIMIT_NPROC of its user, or what is left is root's

// --- shortage.c
bool kept_for_root(const struct process *process);        // it may not make processes and threads now
bool pages_kept_for_root(const struct process *process);  // it may not have more pages now
// End the process that has most memory. False: it is the one that needs some.
bool memory_make_room(struct process *needs);
// The user's threads have become more or fewer: are they a crowd?
void crowd_update(uint32_t uid);
void rusage_words(const struct times *times, struct answer *answer);  // struct rusage in words 6..

// --- table.c: the published table
void table_attach(void);
void table_publish_again(void);  // all entries, behind an audit
void table_publish(uint64_t slot, uint64_t b, uint64_t c);
