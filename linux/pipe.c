// SPDX-License-Identifier: MIT
// pipe(2): both ends are descriptions of the root file system's server.
#include <linux/stat.h>
#include "linux/linux.h"

static void end_opened(struct file *file, uint64_t handle, uint32_t status)
{
    file->server = SERVER_ROOT;
    file->handle = handle;
    file->attached = 1;
    file->is_shared = 1;
    file->status = status;
    file->mode = S_IFIFO | 0600;
}

// Two files for the ends, or an error.
static long make(struct file **reader, struct file **writer, uint32_t status)
{
    long result = session_use(SERVER_ROOT);
    if (result < 0) return result;
    *reader = file_new();
    *writer = file_new();
    if (*reader && *writer) {
        receive_cap(0, PSLOT_DESCRIPTIONS, file_number(*reader));
        receive_cap(1, PSLOT_DESCRIPTIONS, file_number(*writer));
        struct message m = {.words = {status}};
        result = ask(SERVER_ROOT, FS_PIPE, 0, &m);
        if (result == 0) {
            end_opened(*reader, m.words[0], O_RDONLY | status);
            end_opened(*writer, m.words[1], O_WRONLY | status);
            return 0;
        }
    } else {
        result = -ENFILE;
    }
    if (*reader) file_drop(*reader);
    if (*writer) file_drop(*writer);
    return result;
}

long call_pipe2(uint64_t user, uint64_t flags)
{
    struct file *reader, *writer;
    if ((uint32_t)flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) return -EINVAL;
    long result = make(&reader, &writer, (uint32_t)flags & (O_NONBLOCK | O_DIRECT));
    if (result < 0) return result;
    bool close_on_exec = (flags & O_CLOEXEC) != 0;
    long read_fd = descriptor_new(reader, 0, close_on_exec);
    if (read_fd < 0) {
        file_drop(writer);
        return read_fd;
    }
    long write_fd = descriptor_new(writer, 0, close_on_exec);
    const int32_t fds[2] = {(int32_t)read_fd, (int32_t)write_fd};
    result = write_fd < 0 ? write_fd : copy_out(user, fds, sizeof fds) ? 0 : -EFAULT;
    if (result < 0) (void)descriptor_close((unsigned)read_fd);
    if (result < 0 && write_fd >= 0) (void)descriptor_close((unsigned)write_fd);
    return result;
}

long call_pipe(uint64_t user) { return call_pipe2(user, 0); }
