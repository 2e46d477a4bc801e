// SPDX-License-Identifier: MIT
// Audits: a sound file system stays as it is; what is broken is cut, counted anew and told.
// Links attr.c audit.c buddy.c cpio.c data.c dir.c extent.c file.c inode.c lock.c map.c
// Links names.c open.c path.c pipe.c reclaim.c rename.c ring.c serve.c text.c words.c
#include "lib/rt/rt.h"
static struct component_info the_info;
#define rt_info() (&the_info)
#include "fs/tmpfs/pipe_kit.h"
#include "lib/server/io_audit.c"

static unsigned n_free_named;  // slots that are free, and that the last audit has named

void audit_slots(uint32_t first, uint32_t n)
{
    for (uint32_t slot = first; first != 0 && slot < first + n; slot++) n_free_named += !slots[slot].used;
}

static void run_audit(void)
{
    the_info.starts++;
    n_free_named = 0;
    audit();
}

static struct inode *directory_at(const char *path)
{
    struct stat stat;
    if (do_stat(path, 0, &stat) != 0) return NULL;
    for (uint32_t i = 0; i < fs->inodes.n_fresh; i++) {
        struct inode *inode = table_at(&fs->inodes, i);
        if (inode && inode->number == stat.st_ino) return inode;
    }
    return NULL;
}

static bool is_there(const char *path)
{
    struct stat stat;
    return do_stat(path, 0, &stat) == 0;
}

static void make_tree(void)
{
    start(1024);
    on_path(FS_MKDIR, "/d", 0, 0755, 0);
    on_path(FS_MKDIR, "/d/sub", 0, 0755, 0);
    for (const char *const *name = (const char *const[]){"/d/a", "/d/b", "/d/c", "/d/sub/e", NULL}; *name; name++) {
        long file = do_open(*name, O_CREAT | O_RDWR, 0644);
        do_write(file, 0, scratch, 5000);
        do_close(file);
    }
}

static void test_sound(void)
{
    make_tree();
    long file = do_open("/d/a", O_RDWR, 0), gone = do_open("/d/b", O_RDWR, 0), r, w;
    on_path(FS_UNLINK, "/d/b", 0, 0, 0);
    make_pipe(&r, &w);
    pipe_in(w, 10);
    uint32_t inodes = fs->inodes.n_used, entries = fs->entries.n_used, pages = fs->pool.n_free;
    run_audit();
    ok(fs->inodes.n_used == inodes && fs->entries.n_used == entries && fs->pool.n_free == pages, "nothing is lost");
    ok(do_read(file, 0, back, 5000) == 5000 && do_read(gone, 0, back, 5000) == 5000 && pipe_out(r, 10) == 10,
       "open files and pipes go on");
    do_close(gone);
    ok(fs->inodes.n_used == inodes - 1, "an unlinked file ends with its last user, as before");
    ok(on_path(FS_UNLINK, "/d/a", 0, 0, 0) == 0 && !is_there("/d/a"), "and names can go");
}

static void test_lists(void)
{
    make_tree();
    directory_at("/d")->first->next = NULL;
    run_audit();
    ok(is_there("/d/a") && is_there("/d/b") && is_there("/d/c") && is_there("/d/sub/e"),
       "entries that the list has lost are found by the hash table");
    ok(directory_at("/d")->size == 4, "and counted");
    for (struct entry *e = directory_at("/d")->first; e; e = e->next) e->previous = (struct entry *)17;
    run_audit();
    on_path(FS_UNLINK, "/d/sub/e", 0, 0, 0);
    on_path(FS_UNLINK, "/d/b", 0, 0, 0);
    on_path(FS_UNLINK, "/d/c", 0, 0, 0);
    on_path(FS_UNLINK, "/d/a", 0, 0, 0);
    ok(on_path(FS_UNLINK, "/d/sub", FS_REMOVE_DIRECTORY, 0, 0) == 0 &&
           on_path(FS_UNLINK, "/d", FS_REMOVE_DIRECTORY, 0, 0) == 0,
       "and all of it can be removed");
}

static void test_lost_directory(void)
{
    make_tree();
    uint32_t pages = fs->pool.n_free + fs->file_pages;
    struct entry *entry = directory_at("/d")->self;
    entry->inode = NULL;
    run_audit();
    ok(!is_there("/d") && fs->inodes.n_used == 1 && fs->entries.n_used == 0,
       "a directory without a name goes with all that is in it");
    ok(fs->pool.n_free == pages, "and its pages");
}

static void test_pipe(void)
{
    long r, w;
    start(1024);
    want_buffer();
    make_pipe(&r, &w);
    pipe_in(w, 10);
    struct description *d = (struct description *)io_handle(session_of(1), (uint64_t)r);
    do_close(w);
    d->inode->pipe->ends[PIPE_WRITER].open = 1;  // a close that was lost
    run_audit();
    ok(pipe_out(r, 10) == 10 && pipe_out(r, 10) == 0, "the end of a pipe is seen though its last close was lost");
}

static void test_lent_pipe(void)
{
    long r, w;
    start(1024);
    want_buffer();
    register_thread(0);
    make_pipe(&r, &w);
    use_until_offered(r, w);
    ok(ask_ring(r) == 0 && ask_ring(w) == 0, "both ends of a pipe are lent");
    run_audit();
    ok(pipe_of_handle(r)->ends[PIPE_READER].state == END_LENT && n_free_named == 0, "and stay so");
    pipe_out(r, 1);
    ok(pipe_of_handle(r)->ends[PIPE_READER].state == END_RECALLED, "one is called back");
    run_audit();
    ok(n_free_named == 0, "its slots are free and stay so");
}

static bool is_mapped(long file)
{
    words((uint64_t)file, 0, PAGE_SIZE, PROT_READ, 0, 0);
    return request(IO_MAP) == OK && answer.n_caps == 1 && slots[answer.caps[0]].used;
}

// An audit between two steps of a session's end, and one of a tree of numbers that has a link to another's chunk.
static void test_numbers(void)
{
    long files[40];
    start(1024);
    for (unsigned i = 0; i < 40; i++) files[i] = do_open("/a", O_CREAT | O_RDWR, 0644);
    struct io_session *session = &((struct session *)session_of(1))->io;
    uint32_t n_used = fs->io.chunks.n_used;
    run_audit();
    ok(fs->io.chunks.n_used == n_used && io_handle(session, (uint64_t)files[39]), "numbers stay");
    for (unsigned i = 39; i >= 10; i--) do_close(files[i]);
    session->n_handles = 10;
    run_audit();
    ok(fs->io.chunks.n_used == n_used, "chunks of numbers that are not in use any more stay with their tree");
    session->handles.root->entries[2] = session->handles.root->entries[0];
    session->handles.root->entries[1] = 12;
    run_audit();
    ok(fs->io.chunks.n_used == n_used - 2 && !session->handles.root->entries[2] && !session->handles.root->entries[1],
       "links that lead to none, or to one that has its place, are cut");
    for (unsigned i = 0; i < 10; i++) do_close(files[i]);
    (void)io_session_gone(BADGE(1));
    ok(fs->io.chunks.n_used == 0 && table_check(&fs->io.chunks), "and all go with their session");
}

static void test_lost_capability(void)
{
    start(1024);
    want_buffer();
    long file = do_open("/a", O_CREAT | O_RDWR, 0644);
    do_write(file, 0, scratch, 5000);
    ok(is_mapped(file), "a file is mapped");
    slots[answer.caps[0]].used = false;
    run_audit();
    ok(is_mapped(file), "and can be again behind an audit, though the capability was lost");
}

static void test_stale_sessions(void)
{
    make_tree();
    as = 2;
    long file = do_open("/d/a", O_RDONLY, 0);
    ok(file >= 0 && io_stale_session() == 0, "the sessions of processes that live are not stale");
    test_processes.entries[2].alive = 0;
    ok(io_stale_session() == BADGE(2), "that of one that has ended is");
    test_processes.entries[2].alive = 1;
    test_processes.entries[2].generation++;
    ok(io_stale_session() == BADGE(2), "or whose place another has taken");
    test_processes.entries[2].generation = 0;
    ok(io_stale_session() == 0, "but not one that is only being made");
}

int main(void)
{
    suite = "audit";
    test_sound();
    test_lists();
    test_lost_directory();
    test_pipe();
    test_lent_pipe();
    test_numbers();
    test_lost_capability();
    test_stale_sessions();
    return finish_tests();
}
