// SPDX-License-Identifier: MIT
// The state of liblinux and what its files offer each other.
//
// Rules:
//  - No mutable globals: a thread's state lies in its UTCB's user words, a process's in its process area behind the
//    process page, reached through the thread. One address space may carry several processes (vfork).
//  - Handlers of Linux calls are call_<name>(arguments as they come in registers) and return a result or -errno
//    (calls.h). Addresses from the program are numbers; only copy.c touches what they point to.
//  - Locks are held over a call to a server only where it says so (the session buffers), never over a wait.
#pragma once
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <stdbool.h>
#include "abi/boot.h"
#include "lib/rt/objects.h"
#include "lib/rt/string.h"
#include "linux/calls.h"
#include "linux/frame.h"
#include "protocols/fs.h"
#include "protocols/handover.h"
#include "protocols/layout.h"
#include "protocols/proc.h"
#include "protocols/ring.h"

#define CALLS 450  // numbers of Linux calls lie below

// Results that the exit turns into a restart or EINTR, as in Linux (signal.c). Servers may answer with them too.
#define ERESTARTSYS 512            // again, unless a handler without SA_RESTART runs
#define ERESTARTNOINTR 513         // always again
#define ERESTARTNOHAND 514         // again, unless a handler runs
#define ERESTART_RESTARTBLOCK 516  // go on by restart_syscall, unless a handler runs

#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
#define SIGNALS 64
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

// An open file description as this process has it. Its number is also its slot in PSLOT_DESCRIPTIONS. What this
// process opened is its alone, without a capability, until files_share().
struct file {
    uint32_t uses;      // descriptors, the working directory, calls that are using it; 0: free
    uint16_t server;    // id, or IO_LOCAL: no capability, liblinux serves `device` itself
    uint8_t attached;   // handle is valid
    uint8_t is_shared;  // other processes may have it: its slot holds the capability
    uint64_t handle;
    uint32_t status;       // O_ACCMODE and status flags
    uint16_t mode;         // st_mode
    uint16_t close_later;  // the server lets its close wait (IO_CLOSE_LATER)
    uint32_t device;       // st_rdev
    uint16_t windows;      // bit i: window i shows some of it (window.c)
    uint8_t reads;         // requests to read it, up to 255
    uint8_t ring;          // of a pipe's end: its number + 1, 0: none
    uint64_t offset;       // of a regular file that is not shared; else IO_OFFSET_CURRENT: the server keeps it
    uint64_t inode;        // its number, where words are published (cache.c); else 0
};
struct descriptor {
    uint16_t file;  // 0: closed
    uint16_t close_on_exec;
};
#define FILES 1024  // numbers 1..; rlimits beyond it are cut
#define DESCRIPTORS 1024

struct action {
    uint64_t handler, flags, restorer, mask;
};

struct futex_waiter {
    uint64_t address;  // 0: free
    uint32_t bitset;
    uint32_t woken;
};

// A pipe's end that this process has to itself (ring.c).
struct ring {
    struct file *file;              // null: free
    uint64_t words;                 // where it is mapped
    uint64_t generation, answered;  // the other end's `armed` that was answered last, and when
    uint32_t lock;
    uint32_t end;     // PIPE_READER or PIPE_WRITER
    uint32_t thread;  // who took it up
    uint32_t zero;
};
#define RINGS 6

// A small file's bytes, in the session's buffer since its open; under the buffer's lock.
struct ahead {
    uint32_t file;  // its number, 0: none
    uint32_t zero;
    uint64_t mark;  // of its published word: true while that stands still
    uint64_t size;
};

// What a process knows of itself. Copied by fork and vfork; exec begins with a fresh one (handover.h).
struct process {
    uint32_t sessions;                    // bit i: PSLOT_SESSION + i is filled
    uint32_t buffers;                     // bit i: the buffer of server i is mapped
    uint32_t traced;                      // log each call
    uint32_t epoch;                       // counts changes of the credentials and the root (cache.c)
    uint32_t words, questions;            // whether the published words are mapped, and what was asked before that
    uint32_t description_slots;           // of PSLOT_DESCRIPTIONS, as far as known
    uint32_t file_hint, descriptor_hint;  // no free one below
    uint32_t n_files, n_descriptors;      // those in use lie below
    uint32_t table_lock, buffer_lock, futex_lock;
    uint32_t passing_lock;  // of PASSING_PSLOT: frames on their way from a server to proc
    uint32_t cwd;           // file, 0: the root directory
    uint32_t executable;    // file of the program, for /proc/self/exe
    uint32_t n_mounts;
    uint32_t takes_locks;  // has asked for a lock on a file
    uint32_t reads_files;  // the last file opened for reading was read: the next one's bytes are worth asking for
    uint64_t to_close;     // handle + 1 at the root file system, closed already here; 0: none
    struct ahead ahead;
    uint64_t fpu_components;  // for XSAVE; 0: FXSAVE only
    uint32_t fpu_bytes;
    uint32_t dumpable;
    uint32_t random_key[8];
    uint64_t random_counter;  // 0: not keyed
    uint64_t futex_waiting;   // bit i: futex_waiters[i] is in use
    uint64_t wake_slots;      // bit i: FUTEX_WAKE_SLOT + i is filled
    char name[16];
    struct action actions[SIGNALS];
    struct handover_mount mounts[HANDOVER_MOUNTS];
    struct futex_waiter futex_waiters[64];
    struct ring rings[RINGS];
    struct descriptor descriptors[DESCRIPTORS];
    struct file files[FILES];
};
_Static_assert(sizeof(struct process) <= PROCESS_AREA_INHERITED - PAGE_SIZE, "a process area");

struct thread {
    struct process *process;
    uint64_t quick_calls;       // calls with lower numbers are quick (entry.S): CALLS, or 0 when calls are traced
    uint64_t fs_base, gs_base;  // for a new thread's first steps
    uint32_t notified;          // bit i: server i knows this thread's notification
    uint32_t restore_mask;      // saved_mask is the mask to go back to after the handler
    uint64_t saved_mask;
    int32_t own_signal, own_code;  // that this thread sent itself, while events_pending has OWN_SIGNAL
    uint64_t altstack, altstack_bytes;
    uint32_t altstack_flags;
    uint32_t vfork_parent_waits;
    uint64_t rings;                    // bit i: ring i was taken up by this thread
    long (*restart)(struct thread *);  // how restart_syscall goes on
    uint64_t restart_args[5];
};
_Static_assert(offsetof(struct utcb, user) + offsetof(struct thread, quick_calls) == UTCB_QUICK_CALLS, "entry.S");
_Static_assert(sizeof(struct thread) <= sizeof((struct utcb *)0)->user, "the UTCB's user words");

// The running thread's and process's state.
static inline struct thread *self(void) { return (struct thread *)rt_utcb()->user; }
static inline struct thread_page *thread_page(void) { return (struct thread_page *)(here() + THREAD_AREA_PAGE); }
static inline struct frame *frame_here(void) { return (struct frame *)(here() + FRAME_AT); }
static inline struct process *process(void) { return self()->process; }
static inline struct process_page *page_of(const struct process *p)
{
    return (struct process_page *)((uint64_t)p - PAGE_SIZE);
}
static inline struct process_page *process_page(void) { return page_of(process()); }
static inline struct process *process_in_area(unsigned area)
{
    return (struct process *)(PROCESS_AREA(area) + PAGE_SIZE);
}
static inline unsigned thread_index(void) { return (unsigned)((here() - THREAD_AREA(0)) / THREAD_AREA_BYTES); }

// --- entry.S, dispatch.c
void quick_refused(void);
extern const void *const quick_calls[CALLS];

// --- errno.c
long errno_of(err_t err);  // the Linux result of a kernel's or server's error: 0 or -errno

// --- log.c
__attribute__((format(printf, 1, 2))) void trace(const char *format, ...);  // a line to the log, where there is one
_Noreturn void die(int signal, const char *why);                            // liblinux cannot go on: the process ends
void trace_call(const struct frame *frame);

// --- copy.c: the only way to the program's memory. False: EFAULT.
// Whether the range may be the program's.
static inline bool in_program(uint64_t address, uint64_t n)
{
    return address < LIBLINUX_BASE && n <= LIBLINUX_BASE - address;
}
bool copy_in(void *to, uint64_t from, size_t n);
bool copy_out(uint64_t to, const void *from, size_t n);
// The same as far as memory is there: bytes copied.
size_t copy_in_part(void *to, uint64_t from, size_t n);
size_t copy_out_part(uint64_t to, const void *from, size_t n);
size_t copy_zeros(uint64_t to, size_t n);
long copy_string(char *to, uint64_t from, size_t room);  // length; -EFAULT, -ENAMETOOLONG when no 0 comes within room
bool load32(uint64_t address, uint32_t *value);
bool store32(uint64_t address, uint32_t value);
bool store64(uint64_t address, uint64_t value);
// user.S
uint64_t copy_bytes(void *to, const void *from, size_t n);
int store_two(uint64_t address, uint64_t first, uint64_t second);
int fpu_save(void *area, uint64_t components);
int fpu_restore(const void *area, uint64_t components);
int fpu_save_legacy(void *area);
int fpu_restore_legacy(const void *area);
uint64_t sum_words(const void *words, const uint16_t *indices, uint64_t n);  // n > 0; 1: they are not mapped any more
int compare_swap_user(uint64_t address, uint32_t old, uint32_t new, uint32_t *found);

// --- session.c: requests to servers. Words 0..5 in the message, long data in the UTCB. Answers are 0, FS_CONTINUE or
// -errno.
long session_use(unsigned server);  // make sure that there is one; before filling in long words
long ask(unsigned server, uint32_t operation, size_t inline_bytes, struct message *m);
long ask_proc(uint32_t operation, size_t inline_bytes, struct message *m);
// Map n pages of frames, at most 2 MiB, at an address of the process's own areas; proc finds the page tables. 0 or -errno.
long map_own(uint32_t slot, uint64_t address, uint64_t first, uint64_t n, unsigned rights);
void send_cap(uint32_t cspace, uint32_t slot);                 // with the next request
void receive_cap(unsigned n, uint32_t cspace, uint32_t slot);  // with its answer; n: 0 to 2
void *long_words(void);                                        // word 6 and on: IO_INLINE bytes
// Data of a request of `bytes`: the long words, or the session's buffer, locked until data_end(). Null: *error.
struct data {
    uint8_t *at;
    uint64_t flags;  // 0 or IO_BUFFERED
    size_t inline_bytes;
};
long data_begin(struct data *data, unsigned server, size_t bytes);
void data_end(const struct data *data);
long notify_use(unsigned server);  // this thread's notification is known to the server
// liblinux's slots of PSLOT_WINDOW: session buffers by server, then these.
enum { PASSING_PSLOT = PSLOT_WINDOW + SERVERS, WORDS_PSLOT, FILE_PSLOT };
void lock_wait(uint32_t *word);
static inline void lock(uint32_t *word)
{
    if (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE)) lock_wait(word);
}
static inline void unlock(uint32_t *word) { __atomic_store_n(word, 0, __ATOMIC_RELEASE); }

// --- wait.c
err_t thread_wait(uint64_t deadline_ns);  // OK: look again; ERR_EVENT: a signal may be there; ERR_TIMEOUT

// Where the data of a transfer lies: in the program's memory or in our own.
struct place {
    uint64_t user;
    void *own;  // not null: here
};

// --- descriptor.c, file.c, transfer.c
struct file *file_get(
    uint64_t fd);  // null: EBADF. Valid while the table does not change under it; file_hold() to keep it
uint32_t file_number(const struct file *file);
struct file *file_new(void);  // in use once, not attached; null: ENFILE
void file_hold(struct file *file);
void file_drop(struct file *file);
long attach(struct file *file);
// Make its handle valid; 0 or -errno.
static inline long file_attach(struct file *file)
{
    return file->attached || file->server == IO_LOCAL ? 0 : attach(file);
}
long files_share(void);  // before a child gets them: offsets to the servers, capabilities from them; 0 or -errno
void files_forget(struct process *child);  // a copy of the table keeps what was shared, and attaches it anew
long file_opened(struct file *file, unsigned server, const struct message *answer);  // fill in from struct io_opened
long descriptor_new(struct file *file, unsigned lowest, bool close_on_exec);  // takes over one use, also on failure
long descriptor_close(unsigned fd);
void descriptors_close_on_exec(void);
uint64_t descriptor_limit(void);
long file_read(struct file *file, uint64_t offset, uint64_t user, uint64_t bytes);
long file_write(struct file *file, uint64_t offset, uint64_t user, uint64_t bytes);
// The same with liblinux's own memory.
long file_read_here(struct file *file, uint64_t offset, void *to, size_t bytes);
long file_write_here(struct file *file, uint64_t offset, const void *from, size_t bytes);
long file_ask(struct file *file, uint32_t operation, size_t inline_bytes,
              struct message *m);  // handle into word 0; attaches
long file_stat(struct file *file, void *stat);
bool file_is_seekable(const struct file *file);
long file_seek(struct file *file, uint64_t offset, uint32_t whence);
void file_step_back(struct file *file, size_t bytes);  // over what was read and could not be used
long file_tell_offset(struct file *file);   // the server's word on something that depends on it is going to be asked
bool file_blocks(const struct file *file);  // requests on it may have to wait, and it is not O_NONBLOCK

// A close that waits, taken to be carried out with a request (fs.h): its handle + 1, 0: there is none.
uint64_t close_take(void);
void close_now(void);  // in front of whatever may last
// The open's answer brought the file's bytes into the session's buffer, which is locked.
void ahead_brought(uint32_t number, const struct message *answer);

// --- ring.c: an end of a pipe without its server
#define RING_LOST (-9999l)  // it is not (or no longer) this process's alone: ask the server
long ring_transfer(struct file *file, void *memory, size_t bytes);  // a read or a write; waits if the file blocks
long ring_poll(struct file *file, uint32_t events, bool to_wait);   // as file_poll()
// The answer to a request that went well may offer the end of a pipe to this process; when that fails, nothing changes.
void ring_try(struct file *file);
static inline void ring_take_up(struct file *file, long result, const struct message *answer)
{
    if (result > 0 && (file->mode & S_IFMT) == S_IFIFO && answer->words[2] & FS_RING_OFFERED) ring_try(file);
}
void ring_drop(struct file *file);

// --- local.c: /dev/null and its like; random.c
long local_open(struct file *file);
long local_read(struct file *file, uint64_t user, uint64_t bytes);
long local_write(struct file *file, uint64_t bytes);
void random_bytes(void *to, size_t n);

// --- path.c
struct walk {
    unsigned server;
    uint64_t handle;
    uint64_t directory;  // where it starts, as struct question; 0: not known
    uint32_t symlinks;
    size_t bytes;
    struct file *here;  // the path names this very open file (/proc/self/fd/N); held
    char text[PATH_MAX];
};
struct path_request {
    uint32_t operation;
    uint64_t flags;     // FS_*
    uint64_t words[3];  // 3..5
    const void *head;   // 16 bytes before the path, or null
    const char *tail;   // text behind the path
    size_t tail_bytes;
    uint32_t slot;  // in PSLOT_DESCRIPTIONS, for an answer's capability
    void *answer;   // data of the answer
    size_t answer_bytes;
    const struct question *question;  // whose answer is going to be remembered
};
long walk_begin(struct walk *w, uint64_t dirfd, uint64_t user_path, bool may_be_empty);
long walk_text(struct walk *w, uint64_t dirfd, const char *path);
long walk_ask(struct walk *w, const struct path_request *request, struct message *m);  // word 0 of the answer or -errno
void walk_end(struct walk *w);
long path_open(struct walk *w, uint64_t flags, uint64_t o_flags, uint32_t mode, struct file **file);
long file_path(struct file *file, char *to, size_t room);  // absolute; bytes

// --- cache.c: answers about files, remembered while they are true
struct question {
    uint64_t directory;  // inode number of the directory that the text starts from, or of the open file
    const char *text;
    size_t bytes;
    uint32_t kind;  // QUESTION_*, for access with what was asked
    uint32_t epoch, hash;
    size_t prefix;  // bytes in front of the last component (question_next())
};
enum { QUESTION_STAT = 1, QUESTION_FSTAT, QUESTION_ACCESS };
#define QUESTION_ROOT (~0ull)  // the directory is the process's root
// Prepare to look for an answer; puts zeros behind the text, a word of them. False: not one that is remembered. May ask the server for the words.
bool question_begin(struct question *q, uint64_t directory, char *text, size_t bytes, unsigned kind);
// True: *result is the answer, and *stat is filled in (null: not wanted).
bool question_known(const struct question *q, void *stat, long *result);
void question_answered(const struct question *q, const void *stat, long result, const struct message *m);
// Of how many names that come next it is worth asking, too (FS_AHEAD); what was told of them.
unsigned question_next(struct question *q);
void question_ahead(const struct question *q, const struct message *m, const uint8_t *told);
void cache_forget(void);  // the credentials or the root have changed
enum { WORDS_UNKNOWN, WORDS_MAPPED, WORDS_NONE };
bool words_try(bool at_once);
// The published words are mapped; if they are not yet, only when something has been asked repeatedly.
static inline bool words_use(bool at_once) { return process()->words == WORDS_MAPPED || words_try(at_once); }
// Where the process's own mappings begin.
static inline uint64_t window_area(const struct process *p)
{
    return WINDOW_OF_AREA(((uint64_t)p - PROCESS_AREA(0)) / PROCESS_AREA_BYTES);
}
static inline uint8_t *buffer_of(const struct process *p, unsigned server)
{
    return (uint8_t *)(window_area(p) + server * IO_BUFFER_BYTES);
}
static inline uint64_t words_address(const struct process *p) { return window_area(p) + WINDOW_WORDS; }
// Behind cache.c's part of what is remembered: window.c's.
#define REMEMBERED_FILES 0xc000

// --- window.c: pages of files, mapped
// Read without a request what lies in one window: bytes, which may be fewer than there are, 0: end of file, -EAGAIN:
// ask the server. The file is attached; the memory may fault.
long window_read(struct file *file, uint64_t offset, const struct place *to, uint64_t bytes);
void window_known(const struct file *file, uint64_t mark, uint64_t size);  // an answer to a read told the file's end
void windows_forget(struct file *file);                                    // its last use is over

// --- ids.c
bool is_own_pid(uint64_t pid);  // as an argument: this process's, or 0

// --- poll.c, ioctl.c, pipe.c, time.c
long file_poll(struct file *file, uint32_t events, bool arm);
uint64_t now_ns(void);
uint64_t wall_offset_ns(void);
long time_in(uint64_t user, uint64_t *ns);  // struct timespec; -EINVAL, -EFAULT

// --- memory.c
long map_anonymous(uint64_t address, uint64_t bytes, uint32_t protection, uint32_t flags);
// Neighbouring pages of a file, as its server lends them: `held` from frame `first` on, which stand at `offset`. Where
// there are any their capability is in PASSING_PSLOT, which is ours until run_return().
struct run {
    uint64_t first, held, offset;
    uint64_t size, inode, device;  // of the file
};
long run_borrow(struct file *file, uint64_t offset, uint64_t bytes, uint64_t how, struct run *run);  // how: as IO_MAP
void run_return(const struct run *run);
long unmap(uint64_t address, uint64_t bytes);

// --- signal.c, sigframe.c
#define OWN_SIGNAL (1ull << 63)  // in events_pending, beside what proc sends: the thread sent itself a signal
void signals_deliver(struct frame *frame, uint64_t events);
void signal_self(int signal);
long wait_interrupted(err_t err);  // result of a call whose wait ended so
void mask_set(uint64_t mask);
long mask_temporarily(uint64_t user_mask, uint64_t bytes);  // for ppoll, pselect, sigsuspend: until a handler's frame
void mask_back(long result);                                // or here, unless the call was interrupted
struct siginfo;
bool signal_frame(struct frame *frame, int signal, const void *info, const struct action *action, uint64_t old_mask);
// The program's own doing: its handler runs next, or, where it has none or blocks the signal, it ends; the log tells why.
void force_signal(struct frame *frame, const struct siginfo *info, const char *why);
void fpu_find(struct process *p);

// --- session.c, mount.c, exec.c, load.c
void forget_connections(void);  // after fork: sessions, handles and buffers are the parent's
long mount_server(const char *path, unsigned server);
long exec_program(const char *path, uint64_t argv, uint64_t envp);  // returns only errors
void load_program(const struct handover *handover, struct frame *frame);
