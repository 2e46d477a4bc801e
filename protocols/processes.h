// SPDX-License-Identifier: MIT
// The table "processes" that proc publishes read-only to servers: who a session belongs to, now.
// A reader takes `sequence` before and after (odd: being written; it never waits: after a few tries it goes on with
// the copy whose generation matches and asks again at the next request).
#pragma once
#include "abi/types.h"

#define PROCESS_SLOTS 1000
#define PROCESS_GROUPS 32

struct process_entry {
    uint32_t sequence;
    uint32_t generation;  // of the slot, as in the session badge; 0: never used
    uint32_t alive;       // 0 once the process has exited
    uint32_t pid, pgid, sid;
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint32_t n_groups;
    uint32_t group_orphaned;  // the process group has no member whose parent is in another group of the same session
    uint32_t groups[PROCESS_GROUPS];
    uint64_t fsize_limit;  // RLIMIT_FSIZE
    uint64_t nofile_limit;
    uint64_t root;  // inode number of the process's root directory in the root file system, 0: the file
                    // system's own
    uint32_t zero[2];
};
struct process_table {
    uint64_t n_slots;
    uint64_t epoch;  // counts changes of sessions and groups, so that a server can see that something changed
    uint64_t zero[30];
    struct process_entry entries[PROCESS_SLOTS];
};
_Static_assert(sizeof(struct process_entry) % 8 == 0, "protocol");
_Static_assert(sizeof(struct process_table) <= 262144, "the manifest's size");
