// SPDX-License-Identifier: MIT
// exec: a fresh address space with a fresh liblinux and the hand-over's pages; and the first process, which starts
// alike.
//
// On paper: the new space and a second thread kit are made and filled beside the old ones. The commit decides. Then the
// outbox stops the old threads, empties the slots that do not survive, starts the new thread, and revokes the old
// space. Killed before: the old program is still in its call, and the record runs again. Killed after: the next
// instance finishes; each of these operations may be repeated.
//
// proc does not look into the program file, nor into the hand-over. liblinux finds its way from there.
#include "servers/proc/proc.h"
#include "lib/server/mapping.h"
#include "protocols/handover.h"
#include <linux/signal.h>

#define MAIN_AREA 0  // process and thread area of a fresh space
#define PSLOTS_LOST_AT_EXEC (PSLOT_FREE - PSLOT_WINDOW)

struct image image;

// Argument `trace=1`: each Linux call is logged.
static bool calls_are_traced(void)
{
    char value[8];
    return rt_arg_last("trace", value, sizeof value) && value[0] != '0';
}

void image_attach(void)
{
    const struct component_cap *cap = rt_cap("liblinux");
    if (!cap) panic("the manifest gives no bundle entry liblinux");
    image.header = cap->address ? (const struct image_header *)cap->address : mapping_add(cap->slot, 1, RIGHT_READ);
    if (!image.header || image.header->magic != IMAGE_MAGIC) panic("liblinux is no image");
    image.frames = cap->slot;
    image.clock = SLOT_CLOCK;
    image.traced = calls_are_traced();
    uint64_t stub = image.header->symbols[0];
    for (unsigned i = 0; i < image.header->n_segments; i++) {
        const struct image_segment *segment = &image.header->segments[i];
        if (stub >= segment->address && stub < segment->address + segment->file_bytes)
            image.stub_page = PAGE_NUMBER(segment->file_offset + (stub - segment->address));
    }
    if (!image.stub_page || stub % PAGE_SIZE) panic("liblinux has no page of stubs");
    image.start = image.header->symbols[1];
    image.stub_syscall = image.header->symbols[2] - stub;
    image.stub_event = image.header->symbols[3] - stub;
    image.stub_fault = image.header->symbols[4] - stub;
}

// A fresh space for the process, with both its areas. The process is not in it yet.
static struct space *make_space(void)
{
    struct space *space = space_make();
    if (!space) return NULL;
    space->process_areas = 1ull << MAIN_AREA;
    space->thread_areas[MAIN_AREA / 64] = 1ull << MAIN_AREA % 64;
    // Now, since pages that the step frees must not be taken in it.
    bool done = space_give(space, PROCESS_AREA(MAIN_AREA), PROCESS_PAGES_GIVEN) && thread_area_give(space, MAIN_AREA);
    return done ? space : NULL;
}

// The thread that begins in liblinux; it runs after the commit.
static bool begin(struct process *process)
{
    struct thread *thread = thread_new(process, process->space, MAIN_AREA, process->pid);
    uint64_t area = THREAD_AREA(MAIN_AREA);
    return thread && thread_give_page(thread, process->space) && batch_run() == OK &&
           thread_start(thread, image.start, area + THREAD_AREA_STACK_HIGH - 8, area);
}

// The hand-over's pages leave the old space; those that the old program did not write read as zeros in the new one.
static bool move_handover(struct space *to, struct space *from, uint64_t bytes)
{
    for (uint64_t address = LIBLINUX_HANDOVER; address < LIBLINUX_HANDOVER + bytes; address += PAGE_SIZE) {
        uint32_t page = page_set_take(&from->pages, PAGE_NUMBER(address));
        if (!page) continue;
        if (!page_set_put(&to->pages, PAGE_NUMBER(address), page)) return false;
        space_map(to, to->pool, address, page, 1, RIGHT_READ | RIGHT_WRITE);
    }
    if (from->n_processes > 1) space_unmap(from, LIBLINUX_HANDOVER, LIBLINUX_HANDOVER + PAGE_ROUND(bytes));
    return true;
}

static void name_program(struct process *process, const struct request *request)
{
    const char *text = (const char *)&request->words[MSG_REGISTERS];
    uint64_t room = (request->n_words - 8) * 8, bytes = request->words[2] < room ? request->words[2] : room;
    memcpy(process->comm, text, COMM_BYTES - 1);
    process->comm[COMM_BYTES - 1] = 0;
    memcpy(process->command_line, text + COMM_BYTES, bytes);
    process->command_line_bytes = (uint32_t)bytes;
}

// What the old image leaves: its threads, its place in the space, buffers, windows and notifications.
static void leave_old_image(struct process *process, struct thread *old_threads, struct space *old)
{
    for (struct thread *thread = old_threads, *next; thread; thread = next) {
        next = thread->next;
        thread_destroy(thread, old->n_processes > 1);
    }
    space_release_area(old, process->area);
}

static void renew_slots(struct process *process)
{
    uint64_t range = WINDOW_BASE >> PAGE_BITS | (WINDOW_END - WINDOW_BASE) >> PAGE_BITS << 36;
    server_invoke(process->cspace, CSPACE_DELETE, 2, (uint64_t[]){PSLOT_WINDOW, PSLOTS_LOST_AT_EXEC});
    server_invoke(process->cspace, CSPACE_DELETE, 2, (uint64_t[]){PSLOT_ASPACE, 1});
    server_invoke(process->cspace, CSPACE_DERIVE, 5,
                  (uint64_t[]){PSLOT_ASPACE, 0, process->space->aspace, RIGHT_WRITE, range});
}

err_t proc_exec(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    uint64_t bytes = request->words[1];
    if (!process || !thread_of(process, request->words[0]) || bytes > HANDOVER_MAX || request->n_words < 8)
        return ERR_INVALID;
    struct space *old = process->space, *fresh = make_space();
    if (!fresh || !move_handover(fresh, old, bytes)) return server_abort(ERR_LINUX(ENOMEM));
    struct kit *kit = kit_take(process);
    if (!kit) return server_abort(ERR_LINUX(ENOMEM));
    uint64_t caught = process->page->caught, ignored = process->page->ignored & ~caught;
    leave_old_image(process, process->threads, old);
    kit_give_back(process, kit);
    process->space = fresh;
    process->area = MAIN_AREA;
    renew_slots(process);
    if (!process_give_page(process) || !begin(process)) return server_abort(ERR_LINUX(ENOMEM));
    process->page->ignored = ignored;
    process->has_execed = 1;
    name_program(process, request);
    space_leave(old);
    process_changed(process);
    return OK;
}

// The hand-over's pages go. What was pending for a handler of the old program has its default action now. Who waits for a
// vfork finds that descriptors are closed that exec closes.
err_t proc_started(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    forget_pages(process->space, LIBLINUX_HANDOVER, LIBLINUX_HANDOVER + HANDOVER_MAX);
    wait_vfork_done(process);
    signal_review(thread);
    return OK;
}

// --- the first process

// The hand-over that an execve of the program named by the argument `init=` would leave.
static bool write_handover(struct space *space, uint32_t *page)
{
    static const char environment[] = "HOME=/\0TERM=linux\0PATH=/sbin:/usr/sbin:/bin:/usr/bin";
    char program[128];
    if (!rt_arg_last("init", program, sizeof program)) string_copy(program, sizeof program, "/sbin/init");
    *page = page_alloc();
    if (!*page || !page_set_put(&space->pages, PAGE_NUMBER(LIBLINUX_HANDOVER), *page)) return false;
    page_zero(*page, 1);
    struct handover *handover = page_address(*page);
    char *text = (char *)(handover + 1);
    size_t length = strlen(program) + 1;
    memcpy(text, program, length);           // the file
    memcpy(text + length, program, length);  // argv[0]
    memcpy(text + 2 * length, environment, sizeof environment);
    *handover = (struct handover){.magic = HANDOVER_MAGIC,
                                  .version = HANDOVER_VERSION,
                                  .flags = HANDOVER_INIT | (image.traced ? HANDOVER_TRACE : 0),
                                  .argc = 1,
                                  .envc = 3,
                                  .strings = sizeof *handover,
                                  .strings_bytes = (uint32_t)(2 * length + sizeof environment),
                                  .bytes = sizeof *handover + 2 * length + sizeof environment,
                                  .umask = 022};
    return true;
}

void init_start(void)
{
    uint32_t page;
    struct process *process = process_new(NULL);
    struct space *space = process ? make_space() : NULL;
    if (!space || !write_handover(space, &page)) panic("no memory for the first process");
    state->init = process;
    process->space = space;
    process->pgid = process->sid = process->pid;
    process->group_orphaned = 1;
    string_copy(process->comm, sizeof process->comm, "init");
    limits_init(process);
    space_map(space, space->pool, LIBLINUX_HANDOVER, page, 1, RIGHT_READ | RIGHT_WRITE);
    process_give_aspace(process);
    if (!process_give_page(process) || !begin(process)) panic("no memory for the first process");
    process_changed(process);
}
