// SPDX-License-Identifier: MIT
// Windows: pages of files mapped read-only, so that reading is a copy and no request.
//
// A window shows up to WINDOW_PAGES pages of one file, as the file system lends them (IO_MAP). Whether the file still
// ends where it did, its published word says, taken before and after the copy. Rules:
//  - What is known of a file's end was told by an answer to a read, so the access time has been seen to; when the word
//    moves, the next read is a request again.
//  - Pages that leave the file leave the window at once: the copy then faults, ends early, and is made by a request.
//  - A window's sequence is odd while it changes. Who copied from one that changed meanwhile asks the server.
//  - Windows are used in turn; a file's go with its last use in this process. None is inherited.
#include <asm/mman.h>
#include <linux/stat.h>
#include "linux/linux.h"

#define WINDOWS 16
#define READS_BEFORE 2  // of a file, by requests; but what is longer than the session's buffer does not wait
#define WINDOW_PAGES 256u

struct window {
    uint32_t sequence;
    uint32_t n_pages;     // 0: none
    uint64_t first_page;  // of the file
    uint32_t file, zero;
};

// Where a file ended when its word had this value.
struct known {
    uint64_t inode, word, size;
};

// Zero at first.
struct windows {
    uint32_t lock, turn;
    uint32_t refused, zero;  // there is no memory for windows
    struct window windows[WINDOWS];
    struct known known[FILES / 2];
};
_Static_assert(sizeof(struct windows) <= PROCESS_AREA_BYTES - PROCESS_AREA_INHERITED - REMEMBERED_FILES, "its place");
_Static_assert(FILE_PSLOT + WINDOWS <= PSLOT_RING, "slots of windows");
_Static_assert(WINDOWS <= 8 * sizeof(((struct file *)0)->windows), "a bit each");

static struct windows *windows_of(const struct process *p)
{
    return (struct windows *)((uint64_t)p - PAGE_SIZE + PROCESS_AREA_INHERITED + REMEMBERED_FILES);
}

static uint64_t address_of(const struct process *p, unsigned index)
{
    return window_area(p) + WINDOW_FILES + (uint64_t)index * WINDOW_PAGES * PAGE_SIZE;
}

static struct known *known_of(struct windows *all, const struct file *file)
{
    return &all->known[file_number(file) % (FILES / 2)];
}

static bool is_fresh(const struct process *p, const struct known *known, const struct file *file)
{
    const uint16_t index = (uint16_t)FS_WORD_OF(file->inode);
    return known->inode == file->inode && known->word == sum_words((const void *)words_address(p), &index, 1);
}

void window_known(const struct file *file, uint64_t mark, uint64_t size)
{
    struct process *p = process();
    if (p->words != WORDS_MAPPED || !mark || FS_TRAIL_WORD(mark) != FS_WORD_OF(file->inode)) return;
    *known_of(windows_of(p), file) = (struct known){file->inode, FS_TRAIL_VALUE(mark), size};
}

// --- making and ending

static void begin_change(struct window *w) { __atomic_store_n(&w->sequence, w->sequence + 1, __ATOMIC_SEQ_CST); }
static void end_change(struct window *w) { __atomic_store_n(&w->sequence, w->sequence + 1, __ATOMIC_RELEASE); }

static void empty(struct process *p, struct window *w, unsigned index)
{
    if (w->n_pages == 0) return;
    p->files[w->file].windows &= (uint16_t) ~(1u << index);
    w->n_pages = 0;
    (void)cspace_delete(PSLOT_CSPACE, FILE_PSLOT + index, 1);
}

void windows_forget(struct file *file)
{
    struct process *p = process();
    struct windows *all = windows_of(p);
    lock(&all->lock);
    for (unsigned left = file->windows; left; left &= left - 1) {
        unsigned index = (unsigned)__builtin_ctz(left);
        begin_change(&all->windows[index]);
        empty(p, &all->windows[index], index);
        end_change(&all->windows[index]);
    }
    unlock(&all->lock);
}

// Lend the pages around this one and map them. False: a hole, or no room for it.
static bool fill(struct process *p, struct file *file, struct window *w, unsigned index, uint64_t page)
{
    empty(p, w, index);
    receive_cap(0, 0, FILE_PSLOT + index);
    struct message m = {.words = {file->handle, page * PAGE_SIZE, WINDOW_PAGES * PAGE_SIZE, PROT_READ | IO_MAP_WINDOW}};
    if (ask(file->server, IO_MAP, 0, &m) < 0 || m.words[1] == 0) return false;
    uint64_t first = m.words[0] & ~(uint64_t)(WINDOW_PAGES - 1), before = m.words[0] - first, n = before + m.words[1];
    if (n > WINDOW_PAGES) n = WINDOW_PAGES;
    if (map_own(FILE_PSLOT + index, address_of(p, index), first, n, RIGHT_READ) < 0) {
        (void)cspace_delete(PSLOT_CSPACE, FILE_PSLOT + index, 1);
        windows_of(p)->refused = 1;
        return false;
    }
    w->file = file_number(file);
    w->first_page = page - before;
    w->n_pages = (uint32_t)n;
    file->windows |= (uint16_t)(1u << index);
    return true;
}

static struct window *window_make(struct process *p, struct file *file, uint64_t page)
{
    struct windows *all = windows_of(p);
    lock(&all->lock);
    unsigned index = all->turn++ % WINDOWS;
    struct window *w = &all->windows[index];
    begin_change(w);
    bool made = !all->refused && fill(p, file, w, index, page);
    end_change(w);
    unlock(&all->lock);
    return made ? w : NULL;
}

// The window that shows this page of the file.
static struct window *window_find(struct windows *all, const struct file *file, uint64_t page)
{
    for (unsigned left = file->windows; left; left &= left - 1) {
        struct window *w = &all->windows[__builtin_ctz(left)];
        if (page - w->first_page < w->n_pages) return w;
    }
    return NULL;
}

// --- reading

// Copy out of one window, at most to its end; 0: it changed, or something faulted.
static size_t copy_from(struct process *p, struct windows *all, struct window *w, uint64_t offset,
                        const struct place *to, uint64_t bytes)
{
    uint32_t sequence = __atomic_load_n(&w->sequence, __ATOMIC_ACQUIRE);
    uint64_t at = offset - w->first_page * PAGE_SIZE, end = (uint64_t)w->n_pages * PAGE_SIZE;
    if (sequence & 1 || at >= end) return 0;
    size_t n = bytes < end - at ? bytes : end - at;
    unsigned index = (unsigned)(w - all->windows);
    void *target = to->own ? to->own : (void *)to->user;
    if (copy_bytes(target, (const void *)(address_of(p, index) + at), n) != 0) return 0;
    return __atomic_load_n(&w->sequence, __ATOMIC_ACQUIRE) == sequence ? n : 0;
}

// @path linux-read 5/9: what a window shows is copied, without a request
long window_read(struct file *file, uint64_t offset, const struct place *to, uint64_t bytes)
{
    struct process *p = process();
    bool long_read = bytes > IO_BUFFER_BYTES;
    if ((file->reads == 0 && !long_read) || !words_use(long_read)) return -EAGAIN;
    struct windows *all = windows_of(p);
    const struct known *known = known_of(all, file);
    if (!is_fresh(p, known, file)) return -EAGAIN;
    uint64_t size = known->size;
    if (offset >= size) return 0;
    if (bytes > size - offset) bytes = size - offset;
    struct window *w = window_find(all, file, offset / PAGE_SIZE);
    if (!w && (file->reads >= READS_BEFORE || long_read)) w = window_make(p, file, offset / PAGE_SIZE);
    size_t n = w ? copy_from(p, all, w, offset, to, bytes) : 0;
    if (w && n == 0) windows_forget(file);  // what is revoked shows nothing any more
    return n > 0 && is_fresh(p, known, file) ? (long)n : -EAGAIN;
}
