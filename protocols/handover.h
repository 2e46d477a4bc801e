// SPDX-License-Identifier: MIT
// What the old liblinux of an exec leaves for the fresh one: pages at LIBLINUX_HANDOVER, moved by proc into the new
// address space. proc does not look into them, except that it writes one itself for init.
//
// For init: magic, version, flags = HANDOVER_INIT (| HANDOVER_TRACE), bytes, argc, envc and the strings; everything
// else zero. That liblinux opens /dev/console as descriptors 0 to 2 before it loads the file.
//
// Sessions, handles and descriptions outlive exec: the fresh liblinux uses them as they stand here and closes the
// descriptors marked close-on-exec itself. Buffers, windows and thread notifications do not: it asks for them anew.
// The fresh liblinux tells proc (PROC_STARTED) once it has read them.
#pragma once
#include "protocols/layout.h"

#define HANDOVER_MAGIC 0x5245564f444e4148ull  // "HANDOVER"
#define HANDOVER_VERSION 3

#define HANDOVER_INIT 1u   // the first process: nothing is open yet
#define HANDOVER_TRACE 2u  // write each Linux call to the log (PSLOT_LOG)

// One open file description, as liblinux's own table holds it. Its slot is its name everywhere below.
struct handover_file {
    uint32_t slot;    // in PSLOT_DESCRIPTIONS; empty when liblinux serves the device itself, or `is_shared` is 0
    uint32_t server;  // id, or IO_LOCAL
    uint64_t handle;  // of the session with that server, valid when attached is 1
    uint32_t attached;
    uint32_t status;     // O_ACCMODE, O_APPEND, O_NONBLOCK ...
    uint32_t mode;       // st_mode
    uint32_t device;     // st_rdev of device nodes
    uint32_t is_shared;  // 0: no capability has been made of it, the handle alone holds it
    uint32_t zero;
    uint64_t offset;  // or IO_OFFSET_CURRENT: the server keeps it
    uint64_t inode;   // as struct io_opened says
};
// A descriptor and the slot of its file.
struct handover_descriptor {
    uint32_t fd, file, close_on_exec, zero;
};
// A mount: a covered directory and the server that continues there.
#define HANDOVER_MOUNTS 8
#define HANDOVER_MOUNT_PATH 64
struct handover_mount {
    uint32_t server;                 // of the file system below, whose directory is covered
    uint32_t mounted;                // server id of the file system mounted there
    uint64_t inode;                  // of the covered directory
    char path[HANDOVER_MOUNT_PATH];  // for getcwd and /proc/self/mounts
};

struct handover {
    uint64_t magic;
    uint32_t version, flags;
    uint64_t bytes;  // of the whole, header included; <= HANDOVER_MAX
    uint32_t argc, envc;
    uint32_t strings;  // offset of: execfn \0, argc strings, envc strings, each with its \0
    uint32_t strings_bytes;
    uint32_t n_files, files;                // offset of struct handover_file
    uint32_t n_descriptors, descriptors;    // offset of struct handover_descriptor
    uint32_t executable, interpreter;       // slots of the program and its PT_INTERP, 0: none
    uint32_t headers, interpreter_headers;  // offsets of their ELF headers: the file's, then the segments'
    uint32_t cwd;                           // slot, 0: the root directory
    uint32_t umask;
    uint64_t blocked, ignored;    // signal sets
    uint32_t n_mounts, sessions;  // bit i: there is a session with server i
    struct handover_mount mounts[HANDOVER_MOUNTS];
};
_Static_assert(sizeof(struct handover) <= PAGE_SIZE, "the header fits the first page");
