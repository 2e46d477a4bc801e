// SPDX-License-Identifier: MIT
// Requests on open file descriptions, the same for every server that has some (file systems, tty, proc for /proc).
//
// A request goes over the caller's own session (badge BADGE_SESSION) or, where said, a channel. The session's process
// decides the credentials, looked up in the table "processes" at every request. A description is a capability
// (badge BADGE_DESCRIPTION) that does nothing but live; IO_ATTACH makes it a handle of the session. While one process
// alone has a description, it needs no capability (IO_HANDLE_ONLY) and may keep the offset itself; IO_SHARE ends both.
//
// Shape of a message: label = operation; words 0..5 arguments; text and data in words 6.. ("inline", at most
// IO_INLINE bytes) or, with the flag IO_BUFFERED, at the start of the session's buffer (IO_BUFFER). Answers alike:
// label = err_t (OK, ERR_AGAIN, ERR_LINUX(errno) ...) and word 0 the main result. Whether data of an answer stands
// inline or in the buffer is the requester's choice (IO_BUFFERED in the request's flags).
//
// Blocking: nothing blocks in the server. A request that would block is answered ERR_AGAIN; with IO_ARM in its flags
// the server then signals the thread's notification (registered by IO_NOTIFY) once it may be worth asking again.
// Signals are hints. One description opened O_NONBLOCK is liblinux's matter: it does not arm and returns EAGAIN.
#pragma once
#include "abi/ipc.h"

#define IO_INLINE ((MSG_WORDS - MSG_REGISTERS) * 8)  // 464 bytes
#define IO_BUFFER_BYTES (64 << 10)

// The flags word: low half IO_* bits, bits 32..47: thread index (for IO_ARM).
#define IO_BUFFERED 1u
#define IO_ARM 2u
#define IO_HANDLE_ONLY 4u  // FS_OPEN: no capability yet, the handle alone holds the description
#define IO_THREAD(index) ((uint64_t)(index) << 32)
#define IO_THREAD_OF(flags) ((unsigned)((flags) >> 32 & 0xffff))
#define IO_OFFSET_CURRENT (~0ull)  // use and move the description's own offset

// What a handle is, in answers to open and attach.
struct io_opened {  // words 0..5 of the answer
    uint64_t handle;
    uint64_t mode;    // st_mode (type and permissions)
    uint64_t flags;   // status flags of the description (O_ACCMODE, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_PATH);
                      // IO_CLOSE_LATER
    uint64_t device;  // st_rdev of device nodes
    uint64_t server;  // 0, or the id of the server (protocols/layout.h) to which the capability in the answer must be
                      // attached first; or IO_LOCAL: no capability, liblinux serves device itself (null, zero, full,
                      // random, urandom)
    uint64_t inode;   // its number, where the server publishes words of inodes (protocols/fs.h); else 0
};
#define IO_LOCAL 255
// Nobody can wait for the end of this handle, as long as its process takes no locks: closing it may be put off until
// the process sleeps or has its next request that closes.
#define IO_CLOSE_LATER (1ull << 32)

enum {
    IO_NOTIFY = 0x2000,  // (thread index; capability: notification to signal, already badged). Replaces an older one.
    IO_BUFFER,           // (bytes <= IO_BUFFER_BYTES) -> bytes; capability: frames to map read-write. The server's
                         //  memory, lent.
    IO_ATTACH,           // (; capability: description) -> struct io_opened. Again: another reference to the same
                         //  handle's description
    IO_CLOSE,            // (handle, another + 1 | 0): the handles end (posix locks of the process on these files too)
    IO_READ,             // (handle, offset | IO_OFFSET_CURRENT, bytes, flags) -> bytes (0: end of file), where it
                         //  ended, of a file with a published word (fs.h) that word's mark, and the file's size; data
    IO_WRITE,            // (handle, offset | IO_OFFSET_CURRENT, bytes, flags; data) -> bytes. EPIPE: liblinux raises
                         //  SIGPIPE
    IO_SEEK,             // (handle, whence, offset) -> new offset; SEEK_SET CUR END DATA HOLE
    IO_STAT,             // (handle) -> struct stat of Linux x86-64 (144 bytes) in words 6..
    IO_SET_FLAGS,        // (handle, O_APPEND|O_NONBLOCK...) change the description's status flags
    IO_GET_FLAGS,        // (handle) -> flags
    IO_POLL,             // (handle, POLL* events, flags) -> events ready now (POLLHUP POLLERR included); with IO_ARM
                         //  and none: arm
    IO_IOCTL,            // (handle, command, argument, bytes in, flags; data inline) -> result, bytes out; data inline.
                         //  ENOTTY
    IO_READDIR,          // (handle, flags, bytes) -> bytes; struct linux_dirent64 records; moves the offset. 0: end
    IO_TRUNCATE,         // (handle, length)
    IO_SYNC,             // (handle, flags)
    IO_ALLOCATE,         // (handle, mode, offset, length) fallocate
    IO_CHMOD,            // (handle, mode)
    IO_CHOWN,            // (handle, uid | ~0, gid | ~0)
    IO_UTIME,            // (handle, atime seconds, atime ns | UTIME_NOW | UTIME_OMIT, mtime s, mtime ns)
    IO_LOCK,             // (handle, command F_GETLK|F_SETLK|F_SETLKW or FS_FLOCK, type F_RDLCK|F_WRLCK|F_UNLCK, start,
                         //  length (0: to the end), flags) -> F_GETLK: type, start, length, pid. Byte ranges are
                         //  absolute. ERR_AGAIN while held
    IO_STATFS,           // (handle) -> struct statfs (120 bytes) in words 6..
    IO_MAP,              // (handle, file offset (page aligned), bytes, protection PROT_* | IO_MAP_SHARED) ->
                         //  first page in the frames, pages (>= 1), file size, st_ino, st_dev; capability: frames that
                         //  hold this run of the file. Rights follow the open mode. ENODEV where it makes no sense.
                         //  Beyond the end of file: pages 0.
    IO_PATH,             // (handle, flags) -> bytes; the absolute path, " (deleted)" appended as Linux does
    IO_SHARE,            // (handle, offset | IO_OFFSET_CURRENT: as it is) -> ; capability: the description, whose
                         //  offset the server keeps from now on. May be repeated
    IO_OPERATIONS_END
};
#define IO_MAP_SHARED 0x100
#define IO_MAP_WINDOW 0x200  // to read: a hole is not filled, but answered with pages 0
#define FS_FLOCK 0x1000
