// SPDX-License-Identifier: MIT
// /proc: a tree of nodes whose texts are made when they are read.
//
// procfs.c has the tree and paths, procfs_io.c the requests, procfs_system.c and procfs_process.c the texts.
#pragma once
#include "servers/proc/proc.h"

// A text being written; what does not fit is cut.
struct text {
    char *to;
    size_t room, n;
};
__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);

enum node_kind { NODE_FILE, NODE_DIRECTORY, NODE_LINK };
struct node {
    const char *name;  // null: the pid directories
    unsigned char parent, kind;
    unsigned short mode;  // permissions
    void (*make)(struct text *text,
                 struct process *process);            // text, or a link's target; process: of the pid directory
    err_t (*store)(const char *value, size_t bytes);  // what a write does
    err_t (*store_at)(uint64_t offset, const char *bytes,
                      size_t n);  // the same where more than a page is written, in pieces
};

enum {
    NODE_ROOT,
    NODE_PROCESS,
    NODE_PROCESS_FD,
    NODE_SYS,
    NODE_SYS_KERNEL,
    NODE_SYS_VM,
    NODE_SYS_FS,
    NODE_BULKHEAD,
    NODES_FIXED
};
extern const struct node nodes[];
extern const unsigned n_nodes;
static inline bool node_is_writable(const struct node *node) { return node->store || node->store_at; }

// A place in the tree: a node, and for those below a pid directory the process's pid.
struct place_in_tree {
    uint32_t node, pid;
};

// An open file of /proc.
struct open_file {
    struct io_description io;
    struct place_in_tree at;
    uint64_t shown;  // length of the text when it was last read from its beginning: where it ends for who reads on
};

// The process of a place that lies below a pid directory; null: it is gone, or the place lies elsewhere.
struct process *place_process(struct place_in_tree at);
bool place_is_in_process(struct place_in_tree at);
uint64_t place_inode(struct place_in_tree at);
// Make the place's text. Returns its length.
size_t place_text(struct place_in_tree at, char *to, size_t room);
// Who reads, while a text is made.
extern const struct process *place_reader;
// The entry of a directory behind `position`; false: there is none. *name holds at least 12 bytes.
bool place_next(struct place_in_tree at, uint64_t *position, struct place_in_tree *entry, char *name, size_t room);
// Walk the path of a request (protocols/fs.h). FS_CONTINUE is answered by itself.
err_t place_walk(const struct request *request, const struct io_session *session, bool follow,
                 struct place_in_tree *found, struct answer *answer);

// --- texts (procfs_system.c)
void make_stat(struct text *, struct process *);
void make_meminfo(struct text *, struct process *);
void make_uptime(struct text *, struct process *);
void make_loadavg(struct text *, struct process *);
void make_version(struct text *, struct process *);
void make_filesystems(struct text *, struct process *);
void make_cpuinfo(struct text *, struct process *);
void make_swaps(struct text *, struct process *);
void make_devices(struct text *, struct process *);
void make_command_line(struct text *, struct process *);
void make_hostname(struct text *, struct process *);
void make_domainname(struct text *, struct process *);
void make_ostype(struct text *, struct process *);
void make_osrelease(struct text *, struct process *);
void make_build(struct text *, struct process *);
void make_pid_max(struct text *, struct process *);
void make_threads_max(struct text *, struct process *);
void make_groups_max(struct text *, struct process *);
void make_capability_last(struct text *, struct process *);
void make_overcommit(struct text *, struct process *);
void make_file_max(struct text *, struct process *);
void make_open_max(struct text *, struct process *);
void make_pipe_max(struct text *, struct process *);
err_t store_hostname(const char *value, size_t bytes);
err_t store_domainname(const char *value, size_t bytes);

// --- /proc/bulkhead (procfs_bulkhead.c)
void make_ledger(struct text *, struct process *);
void make_components(struct text *, struct process *);
void make_usage(struct text *, struct process *);
void make_status(struct text *, struct process *);
void make_grants(struct text *, struct process *);
void make_log(struct text *, struct process *);
void make_evidence(struct text *, struct process *);
err_t store_kill(const char *value, size_t bytes);
void effect_kill(uint64_t index, uint64_t starts, uint64_t c);
err_t store_update(const char *value, size_t bytes);
err_t store_image(uint64_t offset, const char *bytes, size_t n);
void effect_update(uint64_t index, uint64_t what, uint64_t c);
struct component {
    uint64_t state, starts, memory_bytes, renewals;
    char name[COMPONENT_NAME];
};
// False: there is none of this index.
bool component_look_up(uint64_t index, struct component *component);

// --- /proc/bulkhead/fault (procfs_fault.c)
void make_faults(struct text *, struct process *);
err_t store_faults(const char *value, size_t bytes);
void effect_faults(uint64_t n, uint64_t b, uint64_t c);

// --- texts of a process (procfs_process.c)
void make_process_stat(struct text *, struct process *);
void make_process_statm(struct text *, struct process *);
void make_process_status(struct text *, struct process *);
void make_process_cmdline(struct text *, struct process *);
void make_process_comm(struct text *, struct process *);
void make_process_maps(struct text *, struct process *);
void make_process_limits(struct text *, struct process *);
void make_process_mounts(struct text *, struct process *);
void make_process_score(struct text *, struct process *);

// --- requests (procfs_io.c)
extern const struct io_server procfs_server;
void procfs_init(void);  // during the vault's init
extern const struct server_operations procfs_operations[2];
