// SPDX-License-Identifier: MIT
// Mappings. proc keeps the list of regions and answers faults; for a mapped file, the file's server lends the frames
// that hold it, a run at a time, and proc maps them.
#include <asm/mman.h>
#include <linux/mman.h>
#include "linux/linux.h"

#define PAGES(bytes) (((bytes) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1))

long map_anonymous(uint64_t address, uint64_t bytes, uint32_t protection, uint32_t flags)
{
    struct message m = {.words = {address, bytes, protection | (uint64_t)flags << 32}};
    long result = ask_proc(PROC_MMAP, 0, &m);
    return result < 0 ? result : (long)m.words[0];
}

long unmap(uint64_t address, uint64_t bytes)
{
    struct message m = {.words = {address, bytes}};
    return ask_proc(PROC_MUNMAP, 0, &m);
}

long run_borrow(struct file *file, uint64_t offset, uint64_t bytes, uint64_t how, struct run *run)
{
    lock(&process()->passing_lock);
    receive_cap(0, 0, PASSING_PSLOT);
    struct message m = {.words = {file->handle, offset, bytes, how}};
    long result = ask(file->server, IO_MAP, 0, &m);
    *run = (struct run){m.words[0], m.words[1], offset, m.words[2], m.words[3], m.words[4]};
    if (result < 0) unlock(&process()->passing_lock);
    return result;
}

void run_return(const struct run *run)
{
    if (run->held > 0) (void)cspace_delete(PSLOT_CSPACE, PASSING_PSLOT, 1);
    unlock(&process()->passing_lock);
}

// Map one run of the file, as the server lends it.
static long map_run(struct file *file, uint64_t address, uint64_t bytes, uint32_t protection, uint32_t flags,
                    uint64_t offset, struct run *run)
{
    long result = run_borrow(file, offset, bytes, protection | (flags & MAP_SHARED ? IO_MAP_SHARED : 0), run);
    if (result < 0) return result;
    uint64_t pages = bytes / PAGE_SIZE;
    memcpy(long_words(), (uint64_t[]){run->inode, run->device}, 16);
    struct message m = {.words = {address, bytes, protection | (uint64_t)flags << 32, run->first,
                                  run->held < pages ? run->held : pages, offset}};
    if (run->held > 0) send_cap(0, PASSING_PSLOT);
    result = ask_proc(PROC_MMAP, 16, &m);
    run_return(run);
    return result < 0 ? result : (long)m.words[0];
}

static long map_file(struct file *file, uint64_t address, uint64_t bytes, uint32_t protection, uint32_t flags,
                     uint64_t offset)
{
    struct run run;
    long at = map_run(file, address, bytes, protection, flags, offset, &run);
    if (at < 0) return at;
    // The first run decided where; those behind it lie over what it left.
    flags = (flags & ~(uint32_t)MAP_FIXED_NOREPLACE) | MAP_FIXED;
    for (uint64_t done = run.held * PAGE_SIZE; run.held > 0 && done < bytes; done += run.held * PAGE_SIZE) {
        if (offset + done >= run.size) break;
        long result = map_run(file, (uint64_t)at + done, bytes - done, protection, flags, offset + done, &run);
        if (result < 0) {
            (void)unmap((uint64_t)at, bytes);
            return result;
        }
    }
    return at;
}

long call_mmap(uint64_t address, uint64_t bytes, uint64_t protection, uint64_t flags, uint64_t fd, uint64_t offset)
{
    uint32_t type = (uint32_t)flags & MAP_TYPE;
    bytes = PAGES(bytes);
    if (bytes == 0 || offset % PAGE_SIZE || (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE))
        return -EINVAL;
    if (address % PAGE_SIZE && flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) return -EINVAL;
    address &= ~(uint64_t)(PAGE_SIZE - 1);
    if (bytes > PROGRAM_END) return -ENOMEM;
    if (flags & MAP_ANONYMOUS) return map_anonymous(address, bytes, (uint32_t)protection, (uint32_t)flags);
    struct file *file = file_get(fd);
    if (!file || file->status & O_PATH) return -EBADF;
    if (file->server == IO_LOCAL)  // /dev/zero is the old way to anonymous memory
        return file->device == 0x105
                   ? map_anonymous(address, bytes, (uint32_t)protection, (uint32_t)flags | MAP_ANONYMOUS)
                   : -ENODEV;
    if ((file->status & O_ACCMODE) == O_WRONLY) return -EACCES;
    if (type != MAP_PRIVATE && protection & PROT_WRITE && (file->status & O_ACCMODE) != O_RDWR) return -EACCES;
    long result = file_attach(file);
    return result < 0 ? result : map_file(file, address, bytes, (uint32_t)protection, (uint32_t)flags, offset);
}

// A call that proc answers alone.
static long numbers(uint32_t operation, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, bool gives_number)
{
    struct message m = {.words = {a, b, c, d, e}};
    long result = ask_proc(operation, 0, &m);
    return result < 0 || !gives_number ? result : (long)m.words[0];
}

long call_munmap(uint64_t address, uint64_t bytes)
{
    if (address % PAGE_SIZE || bytes == 0) return -EINVAL;
    return numbers(PROC_MUNMAP, address, PAGES(bytes), 0, 0, 0, false);
}

long call_mprotect(uint64_t address, uint64_t bytes, uint64_t protection)
{
    if (address % PAGE_SIZE) return -EINVAL;
    if (bytes == 0) return 0;
    return numbers(PROC_MPROTECT, address, PAGES(bytes), (uint32_t)protection, 0, 0, false);
}

long call_mremap(uint64_t old, uint64_t old_bytes, uint64_t bytes, uint64_t flags, uint64_t address)
{
    if (old % PAGE_SIZE || bytes == 0) return -EINVAL;
    return numbers(PROC_MREMAP, old, PAGES(old_bytes), PAGES(bytes), flags, address, true);
}

long call_brk(uint64_t address) { return numbers(PROC_BRK, address, 0, 0, 0, 0, true); }

long call_madvise(uint64_t address, uint64_t bytes, uint64_t advice)
{
    if (address % PAGE_SIZE) return -EINVAL;
    return numbers(PROC_MADVISE, address, PAGES(bytes), (uint32_t)advice, 0, 0, false);
}

// Files are shared with their server's cache and there is nothing behind it.
long call_msync(uint64_t address, uint64_t bytes, uint64_t flags)
{
    if (address % PAGE_SIZE || flags & ~7ull || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC)) return -EINVAL;
    return in_program(address, bytes) ? 0 : -ENOMEM;
}

long call_mincore(uint64_t address, uint64_t bytes, uint64_t user)
{
    if (address % PAGE_SIZE) return -EINVAL;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t run = bytes - done < (uint64_t)IO_INLINE * PAGE_SIZE ? bytes - done : (uint64_t)IO_INLINE * PAGE_SIZE;
        struct message m = {.words = {address + done, PAGES(run)}};
        long result = ask_proc(PROC_MINCORE, 0, &m);
        if (result < 0) return result;
        if (!copy_out(user + done / PAGE_SIZE, long_words(), PAGES(run) / PAGE_SIZE)) return -EFAULT;
        done += run;
    }
    return 0;
}
