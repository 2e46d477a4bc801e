// SPDX-License-Identifier: MIT
// Directories: listing, the working directory, the root.
#include <linux/stat.h>
#include <asm/stat.h>
#include "linux/linux.h"

#define DIRENT64_NAME 19  // offset of the name in struct linux_dirent64: ino, off, reclen (16 bits), type (8 bits)
#define DIRENT_NAME 18    // in the old struct linux_dirent, whose type stands in the record's last byte

// Records of the directory into the session's buffer and out to the program, as they are or in the old shape.
static long list(uint64_t fd, uint64_t user, uint64_t bytes, bool old)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    if ((file->mode & S_IFMT) != S_IFDIR) return -ENOTDIR;
    struct data data;
    size_t n = (uint32_t)bytes < IO_BUFFER_BYTES ? (uint32_t)bytes : IO_BUFFER_BYTES;
    long result = file_attach(file);
    if (result == 0) result = data_begin(&data, file->server, n);
    if (result < 0) return result;
    struct message m = {.words = {file->handle, data.flags, n}};
    result = ask(file->server, IO_READDIR, 0, &m);
    if (result == 0) result = m.words[0] <= n ? (long)m.words[0] : -EIO;
    for (long at = 0; old && at < result;) {  // both shapes fit the same record: move the type behind the name
        uint8_t *record = data.at + at;
        uint16_t length;
        memcpy(&length, record + 16, sizeof length);
        if (length <= DIRENT64_NAME || at + length > result) {
            result = -EIO;
            break;
        }
        uint8_t type = record[DIRENT_NAME];
        memmove(record + DIRENT_NAME, record + DIRENT64_NAME, length - DIRENT64_NAME);
        record[length - 1] = type;
        at += length;
    }
    if (result > 0 && !copy_out(user, data.at, (size_t)result)) result = -EFAULT;
    data_end(&data);
    return result;
}

long call_getdents64(uint64_t fd, uint64_t user, uint64_t bytes) { return list(fd, user, bytes, false); }
long call_getdents(uint64_t fd, uint64_t user, uint64_t bytes) { return list(fd, user, bytes, true); }

// --- the working directory

long call_getcwd(uint64_t user, uint64_t bytes)
{
    struct process *p = process();
    char path[PATH_MAX] = "/";
    long n = 1;
    if (p->cwd) n = file_path(&p->files[p->cwd], path, sizeof path);
    if (n < 0) return n;
    if (path[0] != '/' || (n >= 10 && strcmp(path + n - 10, " (deleted)") == 0)) return -ENOENT;
    if ((uint64_t)n + 1 > bytes) return -ERANGE;
    return copy_out(user, path, (size_t)n + 1) ? n + 1 : -EFAULT;
}

// The file becomes the working directory; takes over one use.
static void enter(struct file *file)
{
    struct process *p = process();
    uint32_t old = p->cwd;
    p->cwd = file_number(file);
    if (old) file_drop(&p->files[old]);
}

// Search permission on an open directory.
static long may_enter(struct file *file)
{
    struct walk w = {.server = file->server, .handle = file->handle, .bytes = 1, .text = "."};
    const struct path_request request = {.operation = FS_ACCESS, .words = {1}};
    struct message m;
    return walk_ask(&w, &request, &m);
}

long call_chdir(uint64_t path)
{
    struct walk w;
    struct file *file;
    long result = walk_begin(&w, (uint64_t)AT_FDCWD, path, false);
    if (result == 0) result = path_open(&w, 0, O_PATH | O_DIRECTORY, 0, &file);
    if (result < 0) return result;
    walk_end(&w);
    result = (file->mode & S_IFMT) == S_IFDIR ? may_enter(file) : -ENOTDIR;
    if (result < 0)
        file_drop(file);
    else
        enter(file);
    return result;
}

long call_fchdir(uint64_t fd)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    if ((file->mode & S_IFMT) != S_IFDIR) return -ENOTDIR;
    long result = file_attach(file);
    if (result == 0) result = may_enter(file);
    if (result < 0) return result;
    file_hold(file);
    enter(file);
    return 0;
}

long call_chroot(uint64_t path)
{
    struct walk w;
    struct message m;
    struct stat s;
    const struct path_request request = {.operation = FS_STAT, .answer = &s, .answer_bytes = sizeof s};
    long result = walk_begin(&w, (uint64_t)AT_FDCWD, path, false);
    if (result == 0) result = walk_ask(&w, &request, &m);
    if (result == FS_CONTINUE) result = -ENOTDIR;
    walk_end(&w);
    if (result < 0) return result;
    if ((s.st_mode & S_IFMT) != S_IFDIR) return -ENOTDIR;
    if (w.server != SERVER_ROOT) return -EINVAL;
    m = (struct message){.words = {s.st_ino}};
    result = ask_proc(PROC_CHROOT, 0, &m);
    cache_forget();
    return result;
}

long call_umask(uint64_t mask)
{
    uint32_t old = process_page()->umask;
    process_page()->umask = (uint32_t)mask & 0777;
    return old;
}
