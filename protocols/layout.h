// SPDX-License-Identifier: MIT
// Where things lie in the address space of a Linux process. The program owns everything below PROGRAM_END;
// the last 512 GiB of user space are liblinux's, hidden from /proc/self/maps and closed to the program's mmap,
// munmap and mprotect.
//
// One address space may carry several processes (vfork): each has a process area, each thread a thread area.
#pragma once
#include "abi/objects.h"
#include "abi/utcb.h"

#define PROGRAM_END 0x7f7ffffff000ull       // top of the program's stack
#define PROGRAM_MMAP_TOP 0x7f7fc0000000ull  // mmap without a hint grows down from here
#define PROGRAM_STACK_MAX (8ull << 20)

#define LIBLINUX_BASE 0x7f8000000000ull
#define LIBLINUX_END USER_END
#define LIBLINUX_TEXT (LIBLINUX_BASE + 0x00010000)      // the image is linked here: text, read-only data, nothing else
#define LIBLINUX_VDSO (LIBLINUX_TEXT + PAGE_SIZE)       // a page of the image; in all but its place the program's code
#define LIBLINUX_CLOCK (LIBLINUX_BASE + 0x01000000)     // struct clock_page
#define LIBLINUX_HANDOVER (LIBLINUX_BASE + 0x40000000)  // what exec leaves for the fresh liblinux, up to 16 MiB
#define HANDOVER_MAX (16ull << 20)

// Whether the code there is liblinux's: what faults in it is no matter of the program's.
static inline _Bool is_liblinux(uint64_t pc)
{
    return pc >= LIBLINUX_BASE && pc < LIBLINUX_END && pc - LIBLINUX_VDSO >= PAGE_SIZE;
}

// Process area i (128 KiB): page 0 is the process page, the rest liblinux's own state, zero-filled on demand. A fork
// copies the first half; the second holds what a process remembers for speed only.
#define PROCESS_AREA(i) (LIBLINUX_BASE + 0x02000000 + (uint64_t)(i)*PROCESS_AREA_BYTES)
#define PROCESS_AREA_BYTES 0x20000
#define PROCESS_AREA_INHERITED 0x10000
#define PROCESS_AREAS 64

// Thread area i (64 KiB): UTCB, upcall stub (image symbol 0's page, executable), thread page, guard, then the
// stack of liblinux, zero-filled on demand.
#define THREAD_AREA(i) (LIBLINUX_BASE + 0x10000000 + (uint64_t)(i)*0x10000)
#define THREAD_AREA_UTCB 0x0000
#define THREAD_AREA_STUB 0x1000
#define THREAD_AREA_PAGE 0x2000
#define THREAD_AREA_STACK_LOW 0x4000
#define THREAD_AREA_STACK_HIGH 0xc000
#define THREAD_AREA_BYTES 0x10000
#define THREAD_AREAS 256  // per address space

// Windows: the only part of its address space that liblinux itself may map (session buffers, pages of files, rings).
#define WINDOW_BASE (LIBLINUX_BASE + 0x80000000)
#define WINDOW_END (LIBLINUX_BASE + 0x4000000000ull)
// Of the process in process area i: session buffers by server, the words of a file system (fs.h), rings of pipes, pages
// of files.
#define WINDOW_OF_AREA(i) (WINDOW_BASE + ((uint64_t)(i) << 30))
#define WINDOW_WORDS 0x080000
#define WINDOW_RINGS 0x100000
#define WINDOW_FILES 0x200000

// Kept writable by both proc and the process; each distrusts the other. The identity fields are proc's word for
// the process's own use: servers look at the published table instead.
struct process_page {
    uint64_t caught;                            // bit (signal - 1): has a handler; written by liblinux
    uint64_t ignored;                           // set to SIG_IGN; written by liblinux
    uint32_t pid, ppid, pgid, sid;              // written by proc
    uint32_t uid, euid, suid, gid, egid, sgid;  // written by proc
    uint32_t process_slot, generation;          // written by proc
    uint64_t rlimit[16][2];                     // current, maximum; written by proc, RLIMIT_* order of Linux
    uint64_t start_ns;
    uint64_t child_flags;   // SA_NOCLDSTOP | SA_NOCLDWAIT of the action for SIGCHLD; written by liblinux
    uint32_t signals_held;  // 1: a signal may be pending that was blocked. Set by proc; cleared by liblinux before it
    uint32_t umask;         // says that it blocks less (PROC_SIGNAL_CHANGED), which it need not when this is 0
};                          // umask: liblinux's; for others to see in /proc
struct thread_page {
    uint64_t blocked;       // signal mask; written by liblinux
    uint32_t tid;           // written by proc
    uint32_t process_area;  // index of the process this thread belongs to; written by proc
    uint32_t index;         // of this thread area; written by proc
    uint32_t zero;
    uint64_t clear_child_tid;  // written by liblinux: proc zeroes it and wakes its futex at the thread's death
    uint64_t robust_list, robust_list_bytes;
    uint64_t waited;        // signals that rt_sigtimedwait waits for: they wake the thread though they are blocked,
                            // have no default action meanwhile, and are taken by PROC_SIGNAL_TAKE; written by liblinux
    uint32_t fault_signal;  // of the fault that was reflected last: signal and si_code; written by proc before the
    int32_t fault_code;     // fault upcall. si_addr is utcb->fault_address
};

// Slots in the cspace of a Linux process (one per process; 256 slots).
enum {
    PSLOT_CSPACE = 1,         // itself
    PSLOT_DESCRIPTIONS = 2,   // the cspace of open file descriptions: PSLOTS slots, or what PROC_DESCRIPTIONS has made
                              //  of it
    PSLOT_PROC = 3,           // session with proc
    PSLOT_ASPACE = 4,         // limited to the window range
    PSLOT_LOG = 5,            // the kernel's log, only when calls are traced (protocols/handover.h)
    PSLOT_SESSION = 8,        // + server id: sessions, made by PROC_SESSION
    PSLOT_WINDOW = 32,        // .. 71: frames of buffers and windows, liblinux's own
    PSLOT_RING = 72,          // .. 95: four for each ring of a pipe
    PSLOT_NOTIFICATION = 96,  // + thread area index % 64: the thread's own notification (all rights)
    PSLOT_FREE = 160,
    PSLOTS = 256
};

// Servers that a process may have a session with; the id is also the bit that the server's signals set in a
// thread's notification.
enum { SERVER_PROC = 0, SERVER_ROOT = 1, SERVER_TTY = 2, SERVERS = 8 };
