// SPDX-License-Identifier: MIT
// Requests on paths, served by file systems over a session, beside those of protocols/io.h.
//
// A path starts at a directory handle (FS_ROOT: the process's root) and is resolved as far as this file system
// goes. Words: 0 directory handle, 1 flags (FS_* | IO_BUFFERED), 2 path bytes | symlinks followed so far << 32,
// others per operation; the path's text in words 6.. or in the buffer, not 0-terminated, at most 4,095 bytes.
// The answer's label is an err_t, or FS_CONTINUE when the rest must be resolved elsewhere: word 0 why (FS_AT_*),
// word 1 bytes of the rest of the path (text inline or in the buffer, as the request came), word 2 the directory's
// inode number (FS_AT_MOUNT), word 3 symlinks followed.
// Permissions are checked with the session's credentials (fsuid, groups), owner and mode as Linux does.
//
// Freshness. A file system may publish words (FS_WORDS), one for each inode (several inodes may share one). A word
// moves forward, never back, before the answer to any request that changes the inode's attributes, size or, in a
// directory, names. The answers of FS_STAT, FS_ACCESS and IO_STAT, errors included, carry a trail: the words of all that they
// rest on (directories, symlinks that were followed, the object). While these stand still, and the asker's credentials
// and root, the same question has the same answer.
#pragma once
#include "protocols/io.h"

#define FS_ROOT 0xffffffffull
#define FS_NOFOLLOW 0x10u    // do not follow a symlink in the last component
#define FS_EMPTY_PATH 0x20u  // an empty path means the handle itself
#define FS_REMOVE_DIRECTORY 0x40u
#define FS_REAL_IDS 0x80u     // FS_ACCESS: with real, not effective, ids
#define FS_EXEC 0x100u        // FS_OPEN: for execution: needs execute, not read permission, and a regular file
#define FS_NO_REPLACE 0x200u  // FS_RENAME: RENAME_NOREPLACE
#define FS_EXCHANGE 0x400u    // FS_RENAME: RENAME_EXCHANGE
// FS_OPEN: bring the bytes of a small file along (FS_AHEAD_BYTES). FS_STAT: tell of the names that come next in the
// directory, too (struct fs_ahead).
#define FS_AHEAD 0x800u

// FS_OPEN, FS_UNLINK and FS_RENAME may close a handle besides, whatever comes of them: word 5 is its number + 1.
// What FS_AHEAD brings is at the start of the session's buffer (the path's text is not there then).
// FS_OPEN: all of a file of at most so many bytes, true as long as the inode's word stands still. The answer then has, in
// words 6 and 7, the word's mark and the file's size. It comes only where reading would change nothing, the access time
// included.
#define FS_AHEAD_BYTES (16u << 10)
#define FS_AHEAD_MARK 6
#define FS_AHEAD_SIZE 7
// FS_STAT: what the same request would be answered for the names that are listed behind the path's last component, where
// the asker may list them. The trails would be this answer's, but for the last mark. A length of 0 ends them.
struct fs_ahead {
    uint64_t mark;
    uint64_t length;    // of the name, which stands behind this, with zeros up to a whole word
    uint64_t stat[18];  // struct stat
};
#define FS_AHEAD_NAMES 64  // at most

#define FS_WORD_COUNT 4096u
#define FS_WORD_OF(inode) ((uint32_t)((inode) % FS_WORD_COUNT))  // of an inode number
// One of a trail: which word, and its value when the answer was made. Words 0..5 of the answer, then 24..; 0 ends it,
// and an answer whose first is 0 has none.
#define FS_TRAIL(word, value) ((uint64_t)(word) | (value) << 12)
#define FS_TRAIL_WORD(mark) ((uint32_t)((mark) % FS_WORD_COUNT))
#define FS_TRAIL_VALUE(mark) ((mark) >> 12)
#define FS_TRAIL_MAX 12
#define FS_TRAIL_LONG 24  // where it goes on

#define FS_RING_OFFERED 1
#define FS_CONTINUE 1
enum {
    FS_AT_SYMLINK = 1,  // an absolute symlink: the rest, its text joined with what followed, starts at the root
    FS_AT_MOUNT = 2,    // a directory that carries a mount: the rest starts at the root of what is mounted there
    FS_AT_PARENT = 3,   // ".." above this file system's root, when it is not the root file system
};

enum {
    FS_OPEN = 0x2100,  // (.., 3: O_* flags, 4: mode with umask applied, 5: to close) -> struct io_opened; capability:
                       //  the description
    FS_STAT,           // (.., 3: with FS_AHEAD: how many names) -> struct stat in words 6..
    FS_ACCESS,         // (.., 3: R_OK|W_OK|X_OK)
    FS_READLINK,       // -> bytes; text inline or buffer
    FS_MKDIR,          // (.., 3: mode with umask applied)
    FS_MKNOD,          // (.., 3: mode with type, 4: device)
    FS_SYMLINK,        // (.., 3: bytes of the target) text: path, then target
    FS_LINK,           // (.., 3: second directory handle, 4: bytes of the second path) text: old path, then new path
    FS_RENAME,         // like FS_LINK (.., 5: to close)
    FS_UNLINK,         // (.., 5: to close)
    FS_CHMOD,          // (.., 3: mode)
    FS_CHOWN,          // (.., 3: uid | ~0, 4: gid | ~0)
    FS_UTIME,          // (.., 3: atime s, 4: atime ns, 5: mtime s; words 6, 7 before the text: mtime ns, 0)
    FS_TRUNCATE,       // (.., 3: length)
    FS_STATFS,         // -> struct statfs in words 6..
    FS_PIPE,           // (0: O_NONBLOCK|O_CLOEXEC are liblinux's: status flags) -> read handle, write handle;
                       //  capabilities: both descriptions
    FS_COVER,          // (.., 3: 1 cover | 0 uncover) mark a directory as carrying a mount; euid 0
    FS_WORDS,          // () -> ; capability: frames to map read-only, FS_WORD_COUNT words of 64 bits
    FS_RING,       // (handle of a pipe's end, thread index) lend the end to this process (protocols/ring.h), when it
                   //  was offered: answers to IO_READ, IO_WRITE and IO_POLL say so in word 2 (FS_RING_OFFERED).
                   //  Capabilities: frames of the end's own page, of the data, of all words' pages. The thread's
                   //  notification (IO_NOTIFY) is signalled by the other end. EBUSY: others use the end. IO_READ,
                   //  IO_WRITE and IO_POLL by anybody take the end back
    FS_RING_WAKE,  // (handle) wake who waits at the other end; capability, if that is lent to a process: its
                   //  notification
    FS_OPERATIONS_END
};
