// SPDX-License-Identifier: MIT
// The process server. Linux processes speak to it over their own session (badge BADGE_SESSION; for operations on
// the calling thread the thread area index is an argument, "thread"); other servers over their channel. Page faults
// reach it as KMSG_FAULT (badge BADGE_FAULT). It waits for nobody.
//
// proc also serves /proc, with protocols/io.h and fs.h, read-only.
// Errors: ERR_LINUX(errno) as the Linux call would give. ERR_AGAIN: will signal the thread's notification, bit
// SERVER_PROC.
#pragma once
#include "protocols/io.h"
#include "protocols/layout.h"

#define BADGE_FAULT (4ull << 56)  // | generation << 32 | process slot << 16 | thread area index
#define PROC_REASON_BYTES 80      // PROC_EXIT

enum {
    // --- sessions and capabilities
    PROC_SESSION = 0x1000,  // (server id) -> ; capability: the session (minted at first use, the same afterwards)
    PROC_DESCRIPTIONS,      // (slots wanted) -> slots now; the description cspace grew (at most RLIMIT_NOFILE + 64),
                            //  same PSLOT_DESCRIPTIONS

    // --- memory; addresses page aligned as Linux demands
    PROC_TABLES,    // () there are page tables for one more mapping of the process's own, of at most 2 MiB
    PROC_MMAP,      // (address, bytes, PROT_* | MAP_* << 32, first page in the frames, pages that the frames hold from
                    //  there, file offset; capability: frames, or none: anonymous) -> address. Pages beyond those held
                    //  read as SIGBUS. MAP_PRIVATE of frames copies on write; word 6: inode, word 7: device, for
                    //  /proc/*/maps
    PROC_MUNMAP,    // (address, bytes)
    PROC_MPROTECT,  // (address, bytes, PROT_*)
    PROC_MREMAP,    // (old address, old bytes, new bytes, MREMAP_* flags, new address) -> address
    PROC_BRK,       // (address | 0) -> break now (never an error)
    PROC_LOAD,      // (n mappings, first page in the frames, pages that the frames hold from there, file offset of that
                    //  page; capability: frames, or none; struct proc_load in words 6..) n times PROC_MMAP at fixed
                    //  places, all of one run of one file or anonymous; none or all
    PROC_MADVISE,   // (address, bytes, advice)
    PROC_MINCORE,   // (address, bytes; vector in words 6..) -> bytes

    // --- processes and threads
    PROC_FORK,          // (thread) -> pid; the child's copy of the calling thread returns from this very call with word
                        //  0 == 0
    PROC_CREATE,        // (thread, flags PROC_CREATE_*) -> tid, thread area, process area: made, mapped, not running.
                        //  PROC_CREATE_PROCESS: a new process in the same address space (vfork, posix_spawn), else a
                        //  thread
    PROC_START,         // (thread area, pc, sp, argument, 0 | index + 1 of the thread that calls) let a created thread
                        //  run in liblinux; who calls is signalled as by PROC_WAIT_VFORK
    PROC_EXEC,          // (thread, bytes of the handover at LIBLINUX_HANDOVER, bytes of the command line; comm (16
                        //  bytes) in words 6,7, command line for /proc in the rest) does not return: other threads end,
                        //  a fresh liblinux starts in a new address space with the handover pages moved there. Only the
                        //  process's own state survives
    PROC_EXIT,          // (status word as wait reports it, bytes of a reason for the log, at most PROC_REASON_BYTES;
                        //  the reason in words 6..) the whole process; does not return
    PROC_THREAD_EXIT,   // (thread, exit status) this thread; the last one ends the process with its status; does not
                        //  return
    PROC_NOTIFICATION,  // (thread) its notification, which it cannot wait on, is given again if it is not in its place
    PROC_WAIT,          // (pid as wait4's, options WNOHANG.., flags PROC_WAIT_*, thread) -> pid, status, struct rusage
                        //  in words 6.. ECHILD; none yet: ERR_AGAIN and a signal will follow; WNOHANG: pid 0. Also
                        //  stopped and continued children.
                        //  The options are waitid's: wait4 adds WEXITED. Word 2: the child's uid, for waitid's siginfo
    PROC_WAIT_VFORK,    // (thread, tid) OK once the child's new program has begun (PROC_STARTED) or it exited;
                        //  ERR_AGAIN

    // --- signals
    PROC_KILL,         // (pid as kill's: > 0, 0, -1, < -1, signal)
    PROC_TKILL,        // (tgid | 0, tid, signal)
    PROC_QUEUE,        // (tgid, tid | 0, signal; siginfo 128 bytes in words 6..) rt_sigqueueinfo
    PROC_SIGNAL_TAKE,  // (thread, set of signals that may be taken) -> signal (0: none), set that is still pending;
                       //  siginfo (128 bytes) in words 6.. A stopped process is answered when it continues. Called by
                       //  liblinux at its exit boundary when events_pending says so
    PROC_SIGNAL_PENDING,  // (thread) -> set
    PROC_SIGNAL_CHANGED,  // (thread) the ignored, caught or blocked sets in the process and thread page changed in a way
                          //  that may make something deliverable or drop something pending; called after
                          //  unblocking and sigaction(SIG_IGN)
    PROC_STARTED,         // (thread) the fresh liblinux of an exec has read the hand-over, which goes; and as
                          //  PROC_SIGNAL_CHANGED
    PROC_TIMER,           // (ITIMER_* , value ns, interval ns | ~0: only read) -> old value ns, old interval ns
                          //  (setitimer, alarm)

    // --- identity
    PROC_SETPGID,      // (pid, pgid)
    PROC_GETPGID,      // (pid) -> pgid
    PROC_SETSID,       // () -> sid
    PROC_GETSID,       // (pid) -> sid
    PROC_SETIDS,       // (PROC_IDS_UID|GID, real, effective, saved, file system; ~0: keep) checked as
                       //  setresuid/setfsuid
    PROC_SETUID_LIKE,  // (PROC_IDS_UID|GID, id) setuid, setgid
    PROC_SETGROUPS,    // (n; ids as u32 in words 6..)
    PROC_GETGROUPS,    // () -> n; ids
    PROC_RLIMIT,       // (pid | 0, resource, new current, new maximum; ~1: only read) -> old current, old maximum
    PROC_PRIORITY,     // (which, who, value | ~0ull: read) -> value
    PROC_RUSAGE,       // (who) -> struct rusage (144 bytes) in words 6..; also times(): words 0..3 utime stime cutime
                       //  cstime ns
    PROC_CHROOT,       // (inode of the root file system) euid 0
    PROC_NAME,         // (; 16 bytes in words 6, 7) prctl(PR_SET_NAME)

    // --- system
    PROC_SYSINFO,     // () -> struct sysinfo (112 bytes) in words 6..
    PROC_HOSTNAME,    // (bytes | 0: read; text in words 6..) -> bytes; text
    PROC_REBOOT,      // (LINUX_REBOOT_CMD_*) euid 0
    PROC_FUTEX_WAIT,  // (thread, address, value, bitset, deadline ns) shared futexes only: ERR_AGAIN: armed; EAGAIN
                      //  via ERR_LINUX; OK: woken. bitset 0: the thread gives up -> 1 when it had been woken already
    PROC_FUTEX_WAKE,  // (address, n, bitset, second address, n requeue) -> woken
    PROC_SETTIME,     // (wall clock ns at monotonic 0) euid 0

    // --- from servers, on channels
    PROC_SESSION_CLOSED = 0x1080,  // (badge) the server has let go of everything of this session: proc deletes its
                                   //  first capability
    PROC_TTY_SIGNAL,  // (pgid, signal, session badge of the culprit | 0) -> for SIGTTIN and SIGTTOU of a culprit: 0
                      //  sent, 1 he ignores or blocks it, 2 his group is orphaned (the tty then answers EIO, or lets
                      //  the write through)
    PROC_TTY_OWNED,   // (sid, device, pgid) the session's terminal and its foreground group, for /proc; 0, 0: none
                      //  any more
    PROC_OPERATIONS_END
};

#define PROC_CREATE_PROCESS 1
#define PROC_WAIT_NO_REAP 1  // WNOWAIT
enum { PROC_IDS_UID = 0, PROC_IDS_GID = 1 };

struct proc_mapping {
    uint64_t address, bytes;
    uint64_t how;     // PROT_* | MAP_* << 32
    uint64_t offset;  // in the file, unless MAP_ANONYMOUS
};
#define PROC_LOAD_MAPPINGS 13
struct proc_load {
    uint64_t inode, device;  // of the file, for /proc/*/maps
    uint64_t heap, zero;     // where the heap starts, 0: as it is
    struct proc_mapping mappings[PROC_LOAD_MAPPINGS];
};
#define PROC_LOAD_WORDS(n) (4 + 4 * (n))
_Static_assert(sizeof(struct proc_load) <= IO_INLINE, "it fits a message");
