// SPDX-License-Identifier: MIT
// tmpfs: the file system in memory. Its start.
#include "fs/tmpfs/tmpfs.h"

#define VERSION 2

// `cover=PATH`: something is mounted there from the start.
static void cover_directories(void)
{
    char path[128];
    for (unsigned n = 0; rt_arg("cover", n, path, sizeof path); n++) {
        struct inode *inode = fs->root;
        const char *at = path;
        while (inode && *at) {
            const char *end = strchr(at, '/');
            size_t length = end ? (size_t)(end - at) : strlen(at);
            struct name name;
            name_make(&name, at, length);
            const struct entry *entry = length ? dir_find(inode, &name) : NULL;
            if (length) inode = entry ? entry->inode : NULL;
            at += length + (end != NULL);
        }
        if (inode && is_directory(inode))
            inode->covered = 1;
        else
            log_line("cover=%s: no such directory", path);
    }
}

static void init(void *state)
{
    const struct component_cap *archive = rt_cap("root.cpio");
    if (!rt_info()->pool_mapped || !rt_info()->pool_bytes) panic("the manifest gives no mapped pool");
    format_tree(state, (uint32_t)(rt_info()->pool_bytes / PAGE_SIZE));
    if (archive) cpio_load(archive);
    cover_directories();
    log_line("%u files, %u of %u pages free", fs->inodes.n_used, fs->pool.n_free, fs->pool.n_pages);
}

// Tables, and where names and open files lead to.
static _Bool check(void)
{
    const struct table *inodes = &fs->inodes, *entries = &fs->entries, *descriptions = &fs->io.descriptions;
    bool sound = io_check() && table_check(inodes) && table_check(entries) && table_check(&fs->texts) &&
                 table_check(&fs->extents) && table_check(&fs->pipes) && table_check(&fs->locks) && fs->root &&
                 table_holds(inodes, fs->root);
    for (uint32_t i = 0; sound && i < entries->n_fresh; i++) {
        const struct entry *e = table_at(entries, i);
        if (e)
            sound = e->inode && e->directory && table_holds(inodes, e->inode) && table_holds(inodes, e->directory) &&
                    table_holds(entries, e->hash_next) && table_holds(&fs->texts, e->more);
    }
    for (uint32_t i = 0; sound && i < descriptions->n_fresh; i++) {
        const struct description *d = table_at(descriptions, i);
        if (d) sound = table_holds(inodes, d->inode);
    }
    return sound;
}

int component_main(const struct component_info *info)
{
    (void)info;
    struct server server = {
        .tick = tick,
        .description_gone = io_description_gone,
        .session_gone = io_session_gone,
        .stale_session = io_stale_session,
        .usage = io_usage,
        .audit = audit,
        .wake = wake_all,
        .check = check,
        .effects = ring_effects,
        .n_effects = RING_EFFECTS,
        .recv_caps = 1,
    };
    memcpy(server.session, operations, sizeof server.session);
    const struct component_cap *words = rt_cap("words");
    if (!words || !words->address) panic("the manifest publishes no table words");
    words_attach((void *)words->address);
    fs = server_attach(sizeof *fs, VERSION, init, NULL);
    io_attach(&fs->io, &io_functions);
    server_run(&server);
}
