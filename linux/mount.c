// SPDX-License-Identifier: MIT
// The mount table of the process: which directory is covered by which server's file system.
//
// What can be mounted is what servers offer: the root, and proc's /proc, which init covers at its start. Other kinds of
// file systems do not exist yet, and the call says so.
#include <asm/stat.h>
#include <linux/stat.h>
#include "linux/linux.h"

#define UMOUNT_FLAGS 15ull  // MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW

// Mark a directory of the root file system as covered and enter it in the table. Used by the first process.
long mount_server(const char *path, unsigned server)
{
    struct process *p = process();
    struct walk w;
    struct message m;
    const struct path_request request = {.operation = FS_COVER, .words = {1}};
    long result = walk_text(&w, (uint64_t)AT_FDCWD, path);
    if (result == 0) result = walk_ask(&w, &request, &m);
    if (result < 0) return result;
    if (p->n_mounts == HANDOVER_MOUNTS) return -ENOSPC;
    struct handover_mount *mount = &p->mounts[p->n_mounts++];
    *mount = (struct handover_mount){.server = w.server, .mounted = server, .inode = m.words[0]};
    string_copy(mount->path, sizeof mount->path, path);
    return 0;
}

// Whether the path is the root of a mounted file system of this server: 1, 0, or why the path leads nowhere.
static long is_mounted_at(uint64_t path, unsigned server)
{
    struct walk w;
    struct file *file;
    char name[PATH_MAX];
    long result = walk_begin(&w, (uint64_t)AT_FDCWD, path, false);
    if (result == 0) result = path_open(&w, 0, O_PATH, 0, &file);
    if (result < 0) return result;
    bool is = file->server == server && file_path(file, name, sizeof name) > 0 && strcmp(name, "/proc") == 0;
    file_drop(file);
    return is;
}

long call_mount(uint64_t source, uint64_t target, uint64_t type, uint64_t flags, uint64_t data)
{
    char name[32];
    (void)source, (void)flags, (void)data;
    long n = type ? copy_string(name, type, sizeof name) : 0;
    if (n == -EFAULT) return n;
    long mounted = is_mounted_at(target, SERVER_PROC);
    if (mounted < 0) return mounted;
    if (process_page()->euid != 0) return -EPERM;
    if (!type) return -EINVAL;
    return n > 0 && strcmp(name, "proc") == 0 && mounted ? -EBUSY : -ENODEV;
}

long call_umount2(uint64_t target, uint64_t flags)
{
    if (flags & ~UMOUNT_FLAGS) return -EINVAL;
    long mounted = is_mounted_at(target, SERVER_PROC);
    if (mounted < 0) return mounted;
    if (process_page()->euid != 0) return -EPERM;
    return mounted ? -EBUSY : -EINVAL;
}
