// SPDX-License-Identifier: MIT
// The tree of /proc, walking paths in it, and reading directories.
//
// Fixed nodes form a table; the pid directories are one node that stands for all processes. A place is a node and a
// pid, so it needs no memory and can be stale without harm: every use looks the process up.
#include "servers/proc/procfs.h"
#include "protocols/fs.h"
#include <linux/stat.h>

#define TEXT_LINKS 40  // symlinks followed in one path
#define PATH_BYTES 4096
#define FIRST_PID_POSITION 0x10000

static void make_self(struct text *text, struct process *process) { text_add(text, "%u", process->pid); }

static void make_mounts_link(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "self/mounts");
}

static void make_root_link(struct text *text, struct process *process)
{
    (void)process;
    text_add(text, "/");
}

#define DIRECTORY(id, parent_, name_) \
    [id] = {.name = (name_), .parent = (parent_), .kind = NODE_DIRECTORY, .mode = 0555}
#define TEXT(parent_, name_, make_) \
    { \
        .name = (name_), .parent = (parent_), .kind = NODE_FILE, .mode = 0444, .make = (make_) \
    }
#define SETTING(parent_, name_, make_, store_) \
    { \
        .name = (name_), .parent = (parent_), .kind = NODE_FILE, .mode = 0644, .make = (make_), .store = (store_) \
    }
#define LINK(parent_, name_, make_) \
    { \
        .name = (name_), .parent = (parent_), .kind = NODE_LINK, .mode = 0777, .make = (make_) \
    }

const struct node nodes[] = {
    DIRECTORY(NODE_ROOT, NODE_ROOT, ""),
    DIRECTORY(NODE_PROCESS, NODE_ROOT, NULL),
    DIRECTORY(NODE_PROCESS_FD, NODE_PROCESS, "fd"),
    DIRECTORY(NODE_SYS, NODE_ROOT, "sys"),
    DIRECTORY(NODE_SYS_KERNEL, NODE_SYS, "kernel"),
    DIRECTORY(NODE_SYS_VM, NODE_SYS, "vm"),
    DIRECTORY(NODE_SYS_FS, NODE_SYS, "fs"),
    DIRECTORY(NODE_BULKHEAD, NODE_ROOT, "bulkhead"),
    TEXT(NODE_ROOT, "stat", make_stat),
    TEXT(NODE_ROOT, "meminfo", make_meminfo),
    TEXT(NODE_ROOT, "uptime", make_uptime),
    TEXT(NODE_ROOT, "loadavg", make_loadavg),
    TEXT(NODE_ROOT, "version", make_version),
    TEXT(NODE_ROOT, "filesystems", make_filesystems),
    TEXT(NODE_ROOT, "cpuinfo", make_cpuinfo),
    TEXT(NODE_ROOT, "swaps", make_swaps),
    TEXT(NODE_ROOT, "devices", make_devices),
    TEXT(NODE_ROOT, "cmdline", make_command_line),
    LINK(NODE_ROOT, "self", make_self),
    LINK(NODE_ROOT, "mounts", make_mounts_link),
    SETTING(NODE_SYS_KERNEL, "hostname", make_hostname, store_hostname),
    SETTING(NODE_SYS_KERNEL, "domainname", make_domainname, store_domainname),
    TEXT(NODE_SYS_KERNEL, "ostype", make_ostype),
    TEXT(NODE_SYS_KERNEL, "osrelease", make_osrelease),
    TEXT(NODE_SYS_KERNEL, "version", make_build),
    TEXT(NODE_SYS_KERNEL, "pid_max", make_pid_max),
    TEXT(NODE_SYS_KERNEL, "threads-max", make_threads_max),
    TEXT(NODE_SYS_KERNEL, "ngroups_max", make_groups_max),
    TEXT(NODE_SYS_KERNEL, "cap_last_cap", make_capability_last),
    TEXT(NODE_SYS_VM, "overcommit_memory", make_overcommit),
    TEXT(NODE_SYS_FS, "file-max", make_file_max),
    TEXT(NODE_SYS_FS, "nr_open", make_open_max),
    TEXT(NODE_SYS_FS, "pipe-max-size", make_pipe_max),
    TEXT(NODE_BULKHEAD, "ledger", make_ledger),
    TEXT(NODE_BULKHEAD, "components", make_components),
    TEXT(NODE_BULKHEAD, "status", make_status),
    TEXT(NODE_BULKHEAD, "grants", make_grants),
    TEXT(NODE_BULKHEAD, "log", make_log),
    TEXT(NODE_BULKHEAD, "evidence", make_evidence),
    TEXT(NODE_BULKHEAD, "usage", make_usage),
    SETTING(NODE_BULKHEAD, "kill", NULL, store_kill),
    SETTING(NODE_BULKHEAD, "update", NULL, store_update),
    {.parent = NODE_BULKHEAD, .name = "image", .kind = NODE_FILE, .mode = 0200, .store_at = store_image},
    SETTING(NODE_BULKHEAD, "fault", make_faults, store_faults),
    TEXT(NODE_PROCESS, "stat", make_process_stat),
    TEXT(NODE_PROCESS, "statm", make_process_statm),
    TEXT(NODE_PROCESS, "status", make_process_status),
    TEXT(NODE_PROCESS, "cmdline", make_process_cmdline),
    TEXT(NODE_PROCESS, "comm", make_process_comm),
    TEXT(NODE_PROCESS, "maps", make_process_maps),
    TEXT(NODE_PROCESS, "limits", make_process_limits),
    TEXT(NODE_PROCESS, "mounts", make_process_mounts),
    TEXT(NODE_PROCESS, "oom_score", make_process_score),
    LINK(NODE_PROCESS, "exe", NULL),
    LINK(NODE_PROCESS, "cwd", NULL),
    LINK(NODE_PROCESS, "root", make_root_link),
};
const unsigned n_nodes = sizeof nodes / sizeof nodes[0];

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text->to + text->n, text->room - text->n, format, arguments);
    va_end(arguments);
    size_t left = text->room - text->n - 1;
    text->n += (size_t)n < left ? (size_t)n : left;
}

bool place_is_in_process(struct place_in_tree at)
{
    return at.node == NODE_PROCESS || nodes[at.node].parent == NODE_PROCESS;
}

struct process *place_process(struct place_in_tree at)
{
    return place_is_in_process(at) ? process_by_pid(at.pid) : NULL;
}

uint64_t place_inode(struct place_in_tree at) { return (uint64_t)at.pid << 8 | (at.node + 1); }

size_t place_text(struct place_in_tree at, char *to, size_t room)
{
    struct text text = {.to = to, .room = room};
    struct process *process = place_process(at);
    if (nodes[at.node].make && (process || !place_is_in_process(at))) nodes[at.node].make(&text, process);
    return text.n;
}

// --- directories

// The lowest pid behind this one, 0: none.
static uint32_t next_pid(uint32_t after)
{
    uint32_t next = 0;
    for_each_process(process) if (process->pid > after && (!next || process->pid < next)) next = process->pid;
    return next;
}

bool place_next(struct place_in_tree at, uint64_t *position, struct place_in_tree *entry, char *name, size_t room)
{
    for (uint64_t i = *position; i < n_nodes + 2; i++) {
        *position = i + 1;
        *entry = at;
        if (i < 2) {
            if (i == 1 && at.node != NODE_PROCESS)
                entry->node = nodes[at.node].parent;
            else if (i == 1)
                *entry = (struct place_in_tree){NODE_ROOT, 0};
            return string_copy(name, room, i ? ".." : ".");
        }
        uint32_t node = (uint32_t)(i - 2);
        if (node == NODE_ROOT || nodes[node].parent != at.node || !nodes[node].name) continue;
        entry->node = node;
        return string_copy(name, room, nodes[node].name);
    }
    if (at.node != NODE_ROOT) return false;
    uint32_t pid = next_pid(*position < FIRST_PID_POSITION ? 0 : (uint32_t)(*position - FIRST_PID_POSITION));
    if (!pid) return false;
    *position = FIRST_PID_POSITION + pid;
    *entry = (struct place_in_tree){NODE_PROCESS, pid};
    snprintf(name, room, "%u", pid);
    return true;
}

// --- paths

// What this name is in the directory. False: nothing.
static bool find_entry(struct place_in_tree at, const char *name, size_t bytes, struct place_in_tree *found)
{
    *found = at;
    for (uint32_t i = NODE_ROOT + 1; i < n_nodes; i++) {
        if (nodes[i].parent != at.node || !nodes[i].name || strlen(nodes[i].name) != bytes ||
            memcmp(nodes[i].name, name, bytes) != 0)
            continue;
        found->node = i;
        return true;
    }
    uint64_t pid = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (name[i] < '0' || name[i] > '9' || pid > PID_MAX) return false;
        pid = pid * 10 + (uint64_t)(name[i] - '0');
    }
    *found = (struct place_in_tree){NODE_PROCESS, (uint32_t)pid};
    return at.node == NODE_ROOT && name[0] != '0' && process_by_pid(pid);
}

// A walk: the place reached, and the text that is left.
struct tree_walk {
    struct place_in_tree at;
    char text[PATH_BYTES];
    size_t from, bytes;
    uint32_t links;
};
static struct tree_walk walk;  // one at a time; too large for the stack

// The rest of the walk goes on elsewhere.
static err_t leave(const struct request *request, const struct io_session *session, uint64_t why, struct answer *answer)
{
    size_t bytes = walk.bytes - walk.from;
    char *to = io_output(session, answer, request->words[1], bytes);
    if (!to) return ERR_LINUX(ENAMETOOLONG);
    memcpy(to, walk.text + walk.from, bytes);
    answer->words[0] = why;
    answer->words[1] = bytes;
    answer->words[3] = walk.links;
    io_answer(answer, 4);
    return FS_CONTINUE;
}

// Put a link's target in front of the rest. False: too long.
static bool follow(struct place_in_tree link, struct process *self)
{
    char target[32];
    size_t n = link.node && nodes[link.node].make == make_self
                   ? (size_t)snprintf(target, sizeof target, "%u", self->pid)
                   : place_text(link, target, sizeof target);
    size_t rest = walk.bytes - walk.from;
    if (n + 1 + rest >= sizeof walk.text) return false;
    memmove(walk.text + n + 1, walk.text + walk.from, rest);
    memcpy(walk.text, target, n);
    walk.text[n] = '/';
    walk.from = 0;
    walk.bytes = n + (rest ? 1 + rest : 0);
    return true;
}

static err_t begin(const struct request *request, const struct io_session *session)
{
    uint64_t handle = request->words[0];
    size_t bytes = (uint32_t)request->words[2];
    if (bytes >= sizeof walk.text) return ERR_LINUX(ENAMETOOLONG);
    const void *text = io_input(session, request, request->words[1], 0, bytes);
    if (!text) return ERR_LINUX(EINVAL);
    memcpy(walk.text, text, bytes);
    walk.from = 0;
    walk.bytes = bytes;
    walk.links = (uint32_t)(request->words[2] >> 32);
    walk.at = (struct place_in_tree){NODE_ROOT, 0};
    if (handle == FS_ROOT) return OK;
    const struct open_file *file = io_handle(session, handle);
    if (!file) return ERR_LINUX(EBADF);
    walk.at = file->at;
    return OK;
}

// Take the next component. False: there is none.
static bool take_component(const char **name, size_t *bytes)
{
    while (walk.from < walk.bytes && walk.text[walk.from] == '/') walk.from++;
    *name = walk.text + walk.from;
    while (walk.from < walk.bytes && walk.text[walk.from] != '/') walk.from++;
    *bytes = (size_t)(walk.text + walk.from - *name);
    return *bytes > 0;
}

static struct place_in_tree parent_of(struct place_in_tree at)
{
    uint32_t parent = nodes[at.node].parent;
    return (struct place_in_tree){parent, parent == NODE_PROCESS ? at.pid : 0};
}

err_t place_walk(const struct request *request, const struct io_session *session, bool follow_last,
                 struct place_in_tree *found, struct answer *answer)
{
    struct process *self = caller(request);
    err_t err = self ? begin(request, session) : ERR_LINUX(ESRCH);
    if (err != OK) return err;
    if (walk.bytes == 0 && !(request->words[1] & FS_EMPTY_PATH)) return ERR_LINUX(ENOENT);
    const char *name;
    size_t bytes;
    while (take_component(&name, &bytes)) {
        bool last = walk.from == walk.bytes;
        if (nodes[walk.at.node].kind != NODE_DIRECTORY) return ERR_LINUX(ENOTDIR);
        if (place_is_in_process(walk.at) && !place_process(walk.at)) return ERR_LINUX(ENOENT);
        if (bytes == 1 && name[0] == '.') continue;
        if (bytes == 2 && name[0] == '.' && name[1] == '.') {
            if (walk.at.node == NODE_ROOT) return leave(request, session, FS_AT_PARENT, answer);
            walk.at = parent_of(walk.at);
            continue;
        }
        struct place_in_tree entry;
        if (!find_entry(walk.at, name, bytes, &entry)) return ERR_LINUX(ENOENT);
        if (nodes[entry.node].kind != NODE_LINK || (last && !follow_last)) {
            walk.at = entry;
            continue;
        }
        if (++walk.links > TEXT_LINKS) return ERR_LINUX(ELOOP);
        if (!nodes[entry.node].make) return ERR_LINUX(ENOENT);
        if (!follow(entry, self)) return ERR_LINUX(ENAMETOOLONG);
        if (walk.text[0] == '/') return leave(request, session, FS_AT_SYMLINK, answer);
    }
    *found = walk.at;
    return OK;
}
