// SPDX-License-Identifier: MIT
// The first code of a new image: take over what exec left, then load the program; or, in the first process, set the
// scene (console, /proc) and exec the program that proc names.
#include <asm/mman.h>
#include <linux/mman.h>
#include "linux/linux.h"

// The tables as the old image had them. Uses are counted anew.
static void take_files(struct process *p, const struct handover *h)
{
    const struct handover_file *files = (const struct handover_file *)((const char *)h + h->files);
    const struct handover_descriptor *descriptors =
        (const struct handover_descriptor *)((const char *)h + h->descriptors);
    for (uint32_t i = 0; i < h->n_files; i++) {
        const struct handover_file *f = &files[i];
        p->files[f->slot] = (struct file){.server = (uint16_t)f->server,
                                          .attached = f->attached != 0,
                                          .handle = f->handle,
                                          .status = f->status,
                                          .mode = f->mode,
                                          .device = f->device,
                                          .is_shared = f->is_shared != 0,
                                          .offset = f->offset,
                                          .inode = f->inode};
        if (p->n_files <= f->slot) p->n_files = f->slot + 1;
    }
    for (uint32_t i = 0; i < h->n_descriptors; i++) {
        const struct handover_descriptor *d = &descriptors[i];
        p->descriptors[d->fd] = (struct descriptor){(uint16_t)d->file, d->close_on_exec != 0};
        p->files[d->file].uses++;
        if (p->n_descriptors <= d->fd) p->n_descriptors = d->fd + 1;
    }
    const uint32_t others[] = {h->cwd, h->executable, h->interpreter};
    for (unsigned i = 0; i < 3; i++)
        if (others[i]) p->files[others[i]].uses++;
    // The old program's own file is used by nobody now.
    for (uint32_t i = 0; i < h->n_files; i++)
        if (p->files[files[i].slot].uses == 0) {
            p->files[files[i].slot].uses = 1;
            file_drop(&p->files[files[i].slot]);
        }
}

static void take_over(struct process *p, const struct handover *h)
{
    p->traced = (h->flags & HANDOVER_TRACE) != 0;
    self()->quick_calls = p->traced ? 0 : CALLS;
    p->cwd = h->cwd;
    p->executable = h->executable;
    p->sessions = h->sessions;
    p->n_mounts = h->n_mounts;
    p->dumpable = 1;
    memcpy(p->mounts, h->mounts, sizeof p->mounts);
    for (int signal = 1; signal <= SIGNALS; signal++)
        if (h->ignored & SIGNAL_BIT(signal)) p->actions[signal - 1].handler = (uint64_t)SIG_IGN;
    page_of(p)->ignored = h->ignored;
    page_of(p)->umask = h->umask;
    thread_page()->blocked = h->blocked;
    const char *execfn = (const char *)h + h->strings, *name = execfn;
    for (const char *c = execfn; *c; c++)
        if (*c == '/') name = c + 1;
    memcpy(p->name, name, strnlen(name, sizeof p->name - 1));
    take_files(p, h);
}

// --- the first process

static void open_console(void)
{
    struct walk w;
    struct file *file;
    long result = walk_text(&w, (uint64_t)AT_FDCWD, "/dev/console");
    if (result == 0) result = path_open(&w, 0, O_RDWR | O_NOCTTY, 0, &file);
    if (result < 0) {
        trace("init: /dev/console cannot be opened: error %ld", -result);
        return;
    }
    for (int fd = 0; fd < 3; fd++) {
        if (fd > 0) file_hold(file);
        (void)descriptor_new(file, 0, false);  // the table is empty
    }
}

// exec wants its arguments in the program's memory: put them there.
static _Noreturn void exec_init(const struct handover *h)
{
    uint64_t n_pointers = h->argc + h->envc + 2, bytes = h->strings_bytes + n_pointers * 8;
    long at = map_anonymous(0, (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS);
    if (at < 0) die(SIGKILL, "init: no memory");
    uint64_t *pointers = (uint64_t *)at;
    char *path = (char *)(pointers + n_pointers), *text = path;
    memcpy(path, (const char *)h + h->strings, h->strings_bytes);
    uint64_t *to = pointers;
    for (uint32_t i = 0; i < h->argc + h->envc; i++) {
        text += strlen(text) + 1;
        if (i == h->argc) *to++ = 0;
        *to++ = (uint64_t)text;
    }
    *to = 0;
    uint64_t envp = (uint64_t)(pointers + h->argc + 1);
    (void)unmap(LIBLINUX_HANDOVER, HANDOVER_MAX);
    long result = exec_program(path, (uint64_t)pointers, envp);
    trace("init: %s cannot be executed: error %ld", path, -result);
    die(SIGKILL, "no init");
}

// Called on the liblinux stack of the image's first thread; leaves the program's first registers in the frame.
void linux_start(void)
{
    const struct handover *h = (const struct handover *)LIBLINUX_HANDOVER;
    struct process *p = process_in_area(thread_page()->process_area);
    self()->process = p;
    if (h->magic != HANDOVER_MAGIC || h->version != HANDOVER_VERSION) die(SIGKILL, "bad hand-over");
    fpu_find(p);
    take_over(p, h);
    if (h->flags & HANDOVER_INIT) {
        long result = mount_server("/proc", SERVER_PROC);
        if (result < 0) trace("init: /proc is not mounted: error %ld", -result);
        open_console();
        exec_init(h);
    }
    load_program(h, frame_here());
    if (h->interpreter) file_drop(&p->files[h->interpreter]);
    descriptors_close_on_exec();
    struct message m = {.words = {thread_index()}};
    (void)ask_proc(PROC_STARTED, 0, &m);  // reads no more of the hand-over
}
