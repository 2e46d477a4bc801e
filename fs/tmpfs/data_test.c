// SPDX-License-Identifier: MIT
// File data against a model: random writes, cuts, holes and mappings, with steps killed before their commit.
// Links attr.c buddy.c cpio.c data.c dir.c extent.c file.c inode.c lock.c map.c
// Links names.c open.c path.c pipe.c reclaim.c rename.c ring.c serve.c text.c words.c
#include "fs/tmpfs/test_kit.h"
#include <asm/mman.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#define FILES 6
#define FILE_MAX (600u << 10)
#define ROUNDS 6000

static struct model {
    uint8_t bytes[FILE_MAX];
    uint64_t size;
    long handle;
    char path[16];
} models[FILES];

static uint8_t scratch[IO_BUFFER_BYTES];

// All pages are free, in an extent, in a pipe or in a buffer.
static bool pages_add_up(void)
{
    uint64_t n = fs->pool.n_free;
    for (uint32_t i = 0; i < fs->extents.n_records; i++) {
        const struct extent *e = table_at(&fs->extents, i);
        n += e ? 1ull << e->order : 0;
    }
    for (unsigned i = 1; i < 4; i++) n += session_of(i) && session_of(i)->buffer ? IO_BUFFER_BYTES / PAGE_SIZE : 0;
    return n == fs->pool.n_pages && buddy_check(&fs->pool);
}

static bool compare(struct model *m)
{
    uint64_t done = 0;
    for (;;) {
        long n = do_read(m->handle, done, scratch, 1 + random_below(IO_BUFFER_BYTES));
        if (n <= 0) return n == 0 && done == m->size;
        if (done + (uint64_t)n > m->size || memcmp(scratch, m->bytes + done, (size_t)n) != 0) return false;
        done += (uint64_t)n;
    }
}

static bool write_some(struct model *m)
{
    size_t n = 1 + random_below(random_below(4) ? 5000 : IO_BUFFER_BYTES);
    uint64_t at = random_below(2) ? m->size : random_below(FILE_MAX);
    if (at + n > FILE_MAX) return true;
    for (size_t i = 0; i < n; i++) scratch[i] = (uint8_t)random_below(256);
    if (do_write(m->handle, at, scratch, n) != (long)n) return false;
    if (at > m->size) memset(m->bytes + m->size, 0, at - m->size);
    memcpy(m->bytes + at, scratch, n);
    m->size = at + n > m->size ? at + n : m->size;
    return true;
}

static bool cut(struct model *m)
{
    uint64_t size = random_below(FILE_MAX);
    if (random_below(3) == 0) size &= ~(uint64_t)4095;
    if (on_handle(IO_TRUNCATE, m->handle, size, 0, 0) < 0) return false;
    if (size > m->size) memset(m->bytes + m->size, 0, size - m->size);
    m->size = size;
    return true;
}

static bool punch(struct model *m)
{
    uint64_t at = random_below(FILE_MAX), n = 1 + random_below(100000);
    if (on_handle(IO_ALLOCATE, m->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n) < 0) return false;
    for (uint64_t i = at; i < at + n && i < m->size; i++) m->bytes[i] = 0;
    return true;
}

static bool allocate(struct model *m)
{
    uint64_t at = random_below(FILE_MAX - 60000), n = 1 + random_below(60000);
    bool keep = random_below(2);
    if (on_handle(IO_ALLOCATE, m->handle, keep ? FALLOC_FL_KEEP_SIZE : 0, at, n) < 0) return false;
    if (!keep && at + n > m->size) {
        memset(m->bytes + m->size, 0, at + n - m->size);
        m->size = at + n;
    }
    return true;
}

// What a client sees through the frames that it is given: the file's bytes, and zeros to the end of the page.
static bool map(struct model *m)
{
    uint64_t page = random_below(FILE_MAX / PAGE_SIZE);
    bool shared = random_below(2), window = !shared && random_below(2);
    words((uint64_t)m->handle, page * PAGE_SIZE, 1 + random_below(200000),
          PROT_READ | (shared   ? PROT_WRITE | IO_MAP_SHARED
                       : window ? IO_MAP_WINDOW
                                : 0),
          0, 0);
    if (request(IO_MAP) != OK || answer.words[2] != m->size) return false;
    if (page * PAGE_SIZE >= m->size) return answer.words[1] == 0 && answer.n_caps == 0;
    if (window && answer.words[1] == 0) {  // a hole, which stays one
        uint64_t at = page * PAGE_SIZE, end = at + PAGE_SIZE < m->size ? at + PAGE_SIZE : m->size;
        while (at < end && m->bytes[at] == 0) at++;
        return at == end && answer.n_caps == 0;
    }
    const struct slot *slot = &slots[answer.caps[0]];
    uint64_t first = answer.words[0], n = answer.words[1];
    if (n == 0 || first + n > slot->n_pages || !(slot->rights & RIGHT_READ) ||
        ((slot->rights & RIGHT_WRITE) && !shared))
        return false;
    uint8_t *seen = pool_address(slot->first + (uint32_t)first);
    if (shared && random_below(2)) {  // the client writes through its mapping, behind the end of the file too
        seen[random_below(PAGE_SIZE)] = 0;
        for (uint64_t i = 0; i < n * PAGE_SIZE && page * PAGE_SIZE + i < m->size; i += 777)
            seen[i] = m->bytes[page * PAGE_SIZE + i] = (uint8_t)i;
        uint64_t at = page * PAGE_SIZE;
        for (uint64_t i = 0; i < PAGE_SIZE && at + i < m->size; i++) m->bytes[at + i] = seen[i];
    }
    for (uint64_t i = 0; i < n * PAGE_SIZE; i++) {
        uint64_t at = page * PAGE_SIZE + i;
        if (seen[i] != (at < m->size ? m->bytes[at] : 0)) return false;
    }
    return true;
}

// SEEK_DATA and SEEK_HOLE must not call data a hole.
static bool seek(struct model *m)
{
    uint64_t at = random_below(FILE_MAX);
    long data = on_handle(IO_SEEK, m->handle, SEEK_DATA, at, 0);
    long hole = on_handle(IO_SEEK, m->handle, SEEK_HOLE, at, 0);
    if (at >= m->size) return data == -ENXIO && hole == -ENXIO;
    uint64_t next = data == -ENXIO ? m->size : (uint64_t)data;
    for (uint64_t i = at; i < next; i++)
        if (m->bytes[i]) return false;
    return hole >= (long)at && (uint64_t)hole <= m->size && (data == (long)at) == (hole != (long)at);
}

static bool reopen(struct model *m)
{
    if (do_close(m->handle) != 0) return false;
    if (random_below(3) == 0) {
        if (on_path(FS_UNLINK, m->path, 0, 0, 0) < 0) return false;
        m->size = 0;
    }
    m->handle = do_open(m->path, O_RDWR | O_CREAT, 0644);
    return m->handle >= 0;
}

static bool (*const operations_tried[])(struct model *) = {write_some, write_some, write_some, compare, cut,
                                                           punch,      allocate,   map,        seek,    reopen};

static void test_model(unsigned rate, const char *name)
{
    bool right = true, adds_up = true;
    start(TEST_PAGES_MAX);
    for (unsigned i = 0; i < FILES; i++) {
        struct model *m = &models[i];
        m->size = 0;
        snprintf(m->path, sizeof m->path, "/f%u", i);
        m->handle = do_open(m->path, O_RDWR | O_CREAT, 0644);
    }
    kill_rate = rate;
    for (unsigned round = 0; round < ROUNDS && right; round++) {
        unsigned i = random_below(FILES), o = random_below(sizeof operations_tried / sizeof operations_tried[0]);
        right = operations_tried[o](&models[i]);
        if (!right) printf("# round %u: operation %u on file %u\n", round, o, i);
        if (round % 500 == 0) adds_up &= pages_add_up();
    }
    for (unsigned i = 0; i < FILES && right; i++) right = compare(&models[i]);
    kill_rate = 0;
    ok(right, name);
    end_process(1);
    for (unsigned i = 0; i < FILES; i++) on_path(FS_UNLINK, models[i].path, 0, 0, 0);
    end_process(1);
    ok(adds_up && pages_add_up() && fs->pool.n_free == fs->pool.n_pages, "no page is lost or used twice");
}

static void test_full_pool(void)
{
    start(64);
    long handle = do_open("/big", O_RDWR | O_CREAT, 0644);
    uint64_t written = 0;
    long n;
    keep_copy = true;
    while ((n = do_write(handle, written, scratch, 10000)) > 0) written += (uint64_t)n;
    ok(n == -ENOSPC && written == (64 - 16) * PAGE_SIZE, "a full pool gives a short write, then ENOSPC");
    ok(on_handle(IO_ALLOCATE, handle, 0, 0, 1 << 20) == -ENOSPC, "fallocate beyond the pool is ENOSPC");
    ok(on_handle(IO_TRUNCATE, handle, 0, 0, 0) >= 0 && do_write(handle, 0, scratch, 10000) == 10000,
       "truncated pages can be used again");
    keep_copy = false;
}

static void test_limits(void)
{
    start(1024);
    long handle = do_open("/f", O_RDWR | O_CREAT, 0644);
    ok(do_write(handle, 1ull << 40, "x", 1) == 1, "a sparse file of a terabyte");
    struct stat stat;
    ok(do_stat("/f", 0, &stat) == 0 && stat.st_size == (1l << 40) + 1 && stat.st_blocks == 8, "takes one page");
    ok(do_write(handle, FILE_BYTES_MAX, "x", 1) == -EFBIG, "beyond the largest size is EFBIG");
    test_processes.entries[1].fsize_limit = 5000;
    ok(do_write(handle, 4000, scratch, 4000) == 1000 && do_write(handle, 5000, scratch, 1) == -EFBIG,
       "RLIMIT_FSIZE cuts a write short, then EFBIG");
    test_processes.entries[1].fsize_limit = ~0ull;
    uint64_t big = 40 << 20;
    start(TEST_PAGES_MAX);
    handle = do_open("/large", O_RDWR | O_CREAT, 0644);
    for (uint64_t at = 0; at < big; at += IO_BUFFER_BYTES) do_write(handle, at, scratch, IO_BUFFER_BYTES);
    ok(fs->extents.n_used < 60, "a large file grows in few extents");
    on_path(FS_UNLINK, "/large", 0, 0, 0);
    end_process(1);
    ok(fs->pool.n_free == fs->pool.n_pages, "and gives its pages back when it is deleted and closed");
}

// A mapping outlives the file's name and descriptions; truncation takes it away.
static void test_lending(void)
{
    start(1024);
    long handle = do_open("/f", O_RDWR | O_CREAT, 0644);
    do_write(handle, 0, scratch, 20000);
    words((uint64_t)handle, 0, PAGE_SIZE, PROT_READ, 0, 0);
    request(IO_MAP);
    uint32_t lent = answer.caps[0];
    slots[lent].children = 1;  // proc keeps one for the mapping
    on_path(FS_UNLINK, "/f", 0, 0, 0);
    do_close(handle);
    ok(slots[lent].used && fs->lingering, "a deleted file's pages stay while they are mapped");
    slots[lent].children = 0;
    end_process(1);
    ok(!slots[lent].used && fs->pool.n_free == fs->pool.n_pages, "and come back when a process has gone");
    handle = do_open("/g", O_RDWR | O_CREAT, 0644);
    do_write(handle, 0, scratch, 20000);
    words((uint64_t)handle, 0, PAGE_SIZE, PROT_READ, 0, 0);
    request(IO_MAP);
    lent = answer.caps[0];
    slots[lent].children = 1;
    on_handle(IO_TRUNCATE, handle, 0, 0, 0);
    ok(!slots[lent].used && fs->extents.n_used == 0, "truncation revokes what is mapped");
    do_write(handle, 0, scratch, 100);
    do_close(handle);
    handle = keep_cap(on_path(FS_OPEN, "/g", FS_EXEC, O_RDONLY, 0), 0);
    ok(handle == -EACCES, "a file without x is not opened for execution");
    on_path(FS_CHMOD, "/g", 0, 0755, 0);
    handle = keep_cap(on_path(FS_OPEN, "/g", FS_EXEC, O_RDONLY, 0), 0);
    words((uint64_t)handle, 0, PAGE_SIZE, PROT_READ | PROT_EXEC, 0, 0);
    request(IO_MAP);
    slots[answer.caps[0]].children = 1;
    do_close(handle);
    ok(do_open("/g", O_WRONLY, 0) == -ETXTBSY, "what is executed cannot be opened for writing");
}

int main(void)
{
    suite = "data";
    test_model(0, "random operations give what a plain array gives");
    test_model(3, "the same with steps killed and run again");
    test_full_pool();
    test_limits();
    test_lending();
    return finish_tests();
}
