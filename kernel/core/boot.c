// SPDX-License-Identifier: MIT
// Boot: the kernel's own tables, the first task as abi/boot.h describes it, and everything left over as untypeds.
//
// What is taken here comes from the boot memory once and for all: the kernel's tables, the first task's objects, stack
// and image. Errors are panics, since nobody is there to be told; each says what is wrong with what was booted.
#include "aspace.h"
#include "thread.h"

#define VERSION "0.1"
#define RANGES (2 * BOOT_INFO_UNTYPED)
#define STACK_PAGES 16
#define SPARE_TABLES 24  // of the first task's address space, beyond those for the bundle
#define SLICE_NS 10000000
#define FIRST_PRIORITY 255

static struct cpu_core boot_core;

static struct {
    unsigned n;
    struct memory_range ranges[RANGES];  // ascending
} memory;

static void add_range(uint64_t start, uint64_t end)
{
    if (start >= end || memory.n == RANGES) return;
    unsigned at = memory.n++;
    for (; at > 0 && memory.ranges[at - 1].start > start; at--) memory.ranges[at] = memory.ranges[at - 1];
    memory.ranges[at] = (struct memory_range){start, end};
}

// Take [start, end) out. One range holds it whole, or none.
static void reserve(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < memory.n; i++) {
        uint64_t range_end = memory.ranges[i].end;
        if (start < memory.ranges[i].start || start >= range_end) continue;
        memory.ranges[i].end = start;
        add_range(end, range_end);
        return;
    }
}

// What is usable and can be named, without the kernel and the bundle. The page at 0 is left alone.
static void find_memory(const struct boot_memory *boot)
{
    const uint64_t end = boot->end < REFS_END ? boot->end : REFS_END;
    memory.n = 0;
    for (unsigned i = 0; i < boot->n_ranges; i++) {
        struct memory_range r = boot->ranges[i];
        add_range(r.start < PAGE_SIZE ? PAGE_SIZE : r.start, r.end < end ? r.end : end);
    }
    reserve(boot->kernel_start, boot->kernel_end);
    reserve(boot->bundle_start, boot->bundle_start + boot->bundle_bytes);
    for (unsigned i = 0; i < memory.n; i++) kernel.memory_bytes += memory.ranges[i].end - memory.ranges[i].start;
}

// Cleared memory of 2^bits bytes, naturally aligned.
static ref_t take(unsigned bits)
{
    uint64_t size = 1ull << bits;
    for (unsigned i = 0; i < memory.n; i++) {
        uint64_t start = memory.ranges[i].start, at = (start + size - 1) & ~(size - 1);
        if (at >= memory.ranges[i].end || size > memory.ranges[i].end - at) continue;
        memory.ranges[i].start = at + size;
        add_range(start, at);
        ref_t ref = ref_to((paddr_t){at});
        words_clear(ref_direct(ref), size / sizeof(uint64_t));
        return ref;
    }
    panic("not enough memory to boot: no piece of %llu bytes", (unsigned long long)size);
}

static unsigned bits_for(uint64_t bytes)
{
    unsigned bits = PAGE_BITS;
    while ((1ull << bits) < bytes) bits++;
    return bits;
}

static uint64_t pages_of(uint64_t bytes) { return (bytes + PAGE_SIZE - 1) / PAGE_SIZE; }

// --- the bundle

static const struct bundle_entry *check_bundle(const struct boot_memory *boot, const struct bundle_header *header)
{
    if (boot->bundle_bytes < PAGE_SIZE) panic("no boot bundle was loaded");
    if (header->magic != BUNDLE_MAGIC) panic("the boot module is no bundle: bad magic");
    if (header->size_bytes > boot->bundle_bytes) panic("the boot bundle is cut off");
    uint64_t room = (header->size_bytes - sizeof(*header)) / sizeof(struct bundle_entry);
    if (header->size_bytes < PAGE_SIZE || header->n_entries == 0 || header->n_entries > room) {
        panic("the boot bundle's table of %u entries is malformed", header->n_entries);
    }
    const void *table = header + 1;
    const struct bundle_entry *entry = table;
    if (entry->offset % PAGE_SIZE || entry->size_bytes < PAGE_SIZE || entry->offset > header->size_bytes ||
        entry->size_bytes > header->size_bytes - entry->offset) {
        panic("entry 0 of the boot bundle lies outside of it");
    }
    return entry;
}

static void check_image(const struct image_header *image, uint64_t image_bytes)
{
    if (image->magic != IMAGE_MAGIC) panic("entry 0 of the boot bundle is no image: bad magic");
    if (image->n_segments == 0 || image->n_segments > IMAGE_SEGMENTS) panic("the first image has bad segments");
    for (unsigned i = 0; i < image->n_segments; i++) {
        const struct image_segment *s = &image->segments[i];
        bool ok = !aspace_check_range(0, s->address, pages_of(s->memory_bytes)) && s->file_bytes <= s->memory_bytes &&
                  s->file_offset % PAGE_SIZE == 0 && s->file_offset <= image_bytes &&
                  s->file_bytes <= image_bytes - s->file_offset && s->rights & RIGHT_READ &&
                  (s->rights & (RIGHT_WRITE | RIGHT_EXEC)) != (RIGHT_WRITE | RIGHT_EXEC);
        if (!ok) panic("segment %u of the first image is malformed", i);
    }
}

// --- the first task

static void map_page(struct aspace *as, uint64_t address, ref_t page, unsigned rights)
{
    if (tables_missing(as, address >> PAGE_BITS, 1) > tables_free(as)) panic("the first task has too few page tables");
    tables_map(as, address >> PAGE_BITS, ref_page(page), 1, rights);
}

// Copy what the image holds into fresh pages and map them.
static void load_segment(struct aspace *as, const char *image, const struct image_segment *s)
{
    for (uint64_t at = 0; at < s->memory_bytes; at += PAGE_SIZE) {
        ref_t page = take(PAGE_BITS);
        uint64_t n = at < s->file_bytes ? s->file_bytes - at : 0;
        if (n) __builtin_memcpy(ref_direct(page), image + s->file_offset + at, n < PAGE_SIZE ? n : PAGE_SIZE);
        map_page(as, s->address + at, page, s->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC));
    }
}

static struct slot *put_cap(ref_t cspace, unsigned index, struct slot cap)
{
    struct slot *slot = slot_at(cspace + index);
    *slot = cap;
    view_note((struct cspace_view){cspace, BOOT_SLOTS - 1}, index);
    return slot;
}

static struct slot *put_object(ref_t cspace, unsigned index, unsigned type, ref_t object, unsigned size_bits)
{
    object_init(type, object, size_bits);
    return put_cap(
        cspace, index,
        (struct slot){.type = (uint8_t)type, .rights = RIGHTS_ALL, .size_bits = (uint8_t)size_bits, .object = object});
}

static void put_devices(ref_t cspace)
{
    put_cap(cspace, BOOT_SLOT_LOG, (struct slot){.type = CAP_LOG, .rights = RIGHTS_ALL});
    put_cap(cspace, BOOT_SLOT_SYSTEM, (struct slot){.type = CAP_SYSTEM, .rights = RIGHTS_ALL});
    put_cap(cspace, BOOT_SLOT_IRQ_CONTROL, (struct slot){.type = CAP_IRQ_CONTROL, .rights = RIGHTS_ALL});
    put_cap(cspace, BOOT_SLOT_IOPORT,
            (struct slot){.type = CAP_IOPORT, .rights = RIGHTS_ALL, .badge = 0x10000ull << 16});
    ref_t clock = take(PAGE_BITS);
    arch_clock_page(ref_direct(clock));
    put_cap(cspace, BOOT_SLOT_CLOCK,
            (struct slot){.type = CAP_FRAMES, .rights = RIGHT_READ, .size_bits = PAGE_BITS, .object = clock});
}

static void put_bundle(ref_t cspace, struct aspace *as, const struct boot_memory *boot)
{
    uint64_t pages = pages_of(boot->bundle_bytes), vpn = BOOT_BUNDLE_ADDRESS >> PAGE_BITS;
    unsigned bits = bits_for(boot->bundle_bytes);
    struct slot *slot = put_cap(cspace, BOOT_SLOT_BUNDLE,
                                (struct slot){.type = CAP_FRAMES,
                                              .rights = RIGHT_READ | RIGHT_EXEC,
                                              .size_bits = (uint8_t)bits,
                                              .object = ref_to((paddr_t){boot->bundle_start}),
                                              .badge = pages == 1ull << (bits - PAGE_BITS) ? 0 : pages});
    for (uint64_t done = 0; done < pages;) {
        done += frames_map_step(slot, as, vpn + done, done, pages - done, RIGHT_READ);
    }
}

// Cut what is left into naturally aligned pieces, of which the biggest become untypeds.
static void put_untypeds(ref_t cspace, struct boot_info *info)
{
    for (unsigned i = 0; i < memory.n; i++) {
        uint64_t at = memory.ranges[i].start, end = memory.ranges[i].end;
        while (at < end) {
            unsigned bits = (unsigned)__builtin_ctzll(at);
            while ((1ull << bits) > end - at) bits--;
            unsigned place = 0;  // where it stands if the table is full: in place of the smallest
            for (unsigned j = 1; j < info->n_untyped; j++) {
                if (info->untyped[j].size_bits < info->untyped[place].size_bits) place = j;
            }
            if (info->n_untyped < BOOT_INFO_UNTYPED) place = (unsigned)info->n_untyped++;
            if (info->untyped[place].size_bits < bits) {
                info->untyped[place].address = at;
                info->untyped[place].size_bits = bits;
            }
            at += 1ull << bits;
        }
    }
    for (unsigned i = 0; i < info->n_untyped; i++) {
        put_cap(cspace, BOOT_SLOT_UNTYPED + i,
                (struct slot){.type = CAP_UNTYPED,
                              .rights = RIGHTS_ALL,
                              .size_bits = (uint8_t)info->untyped[i].size_bits,
                              .object = ref_to((paddr_t){info->untyped[i].address})});
    }
}

static void copy_command_line(struct boot_info *info, const char *text)
{
    while (text && text[info->command_line_bytes] && info->command_line_bytes < sizeof(info->command_line) - 1) {
        info->command_line[info->command_line_bytes] = text[info->command_line_bytes];
        info->command_line_bytes++;
    }
}

// @path boot 5/6: the first task, the guardian: its image from the bundle, and every capability that there is
void boot_first_task(const struct boot_memory *boot)
{
    const char *bundle = arch_direct((paddr_t){boot->bundle_start});
    const void *header = bundle;
    const struct bundle_entry *entry = check_bundle(boot, header);
    const void *image_at = bundle + entry->offset;
    const struct image_header *image = image_at;
    check_image(image, entry->size_bytes);

    unsigned cspace_bits = bits_for(BOOT_SLOTS * SLOT_BYTES);
    unsigned aspace_bits = bits_for((SPARE_TABLES + pages_of(boot->bundle_bytes) / 512) * PAGE_SIZE);
    ref_t cspace = take(cspace_bits), aspace = take(aspace_bits), thread = take(13);
    struct slot *cspace_cap = put_object(cspace, BOOT_SLOT_CSPACE, CAP_CSPACE, cspace, cspace_bits);
    put_object(cspace, BOOT_SLOT_THREAD, CAP_THREAD, thread, 0);
    struct slot *aspace_cap = put_object(cspace, BOOT_SLOT_ASPACE, CAP_ASPACE, aspace, aspace_bits);
    struct slot *context_cap = put_object(cspace, BOOT_SLOT_CONTEXT, CAP_CONTEXT, take(PAGE_BITS), 0);
    put_devices(cspace);

    struct aspace *as = aspace_at(aspace);
    for (unsigned i = 0; i < image->n_segments; i++) load_segment(as, bundle + entry->offset, &image->segments[i]);
    for (uint64_t i = 1; i <= STACK_PAGES; i++) {
        map_page(as, BOOT_INFO_ADDRESS - i * PAGE_SIZE, take(PAGE_BITS), RIGHT_READ | RIGHT_WRITE);
    }
    ref_t info_page = take(PAGE_BITS);
    map_page(as, BOOT_INFO_ADDRESS, info_page, RIGHT_READ);
    put_cap(cspace, BOOT_SLOT_INFO,
            (struct slot){.type = CAP_FRAMES, .rights = RIGHT_READ, .size_bits = PAGE_BITS, .object = info_page});
    put_bundle(cspace, as, boot);

    struct context *context = context_at(context_cap->object);
    context->budget_ns = context->period_ns = context->left_ns = SLICE_NS;
    struct thread *t = thread_at(thread);
    invariant(thread_set_slot(t, THREAD_SLOT_ASPACE, aspace_cap) == OK);
    invariant(thread_set_slot(t, THREAD_SLOT_CSPACE, cspace_cap) == OK);
    invariant(thread_set_slot(t, THREAD_SLOT_CONTEXT, context_cap) == OK);
    t->priority = FIRST_PRIORITY;
    t->utcb_address = BOOT_UTCB_ADDRESS;
    invariant(thread_map_utcb(t) == OK);
    arch_context_start(&t->context, image->entry, BOOT_INFO_ADDRESS, BOOT_INFO_ADDRESS);

    struct boot_info *info = ref_direct(info_page);
    info->bundle_bytes = boot->bundle_bytes;
    copy_command_line(info, boot->command_line);
    put_untypeds(cspace, info);
    sched_ready(t);
}

// @path boot 4/6: the core takes what it needs of the memory; the rest becomes untyped capabilities
void kernel_main(const struct boot_memory *boot)
{
    boot_core = (struct cpu_core){.timer_ns = NS_FOREVER, .wake_ns = NS_FOREVER, .slice_end_ns = NS_FOREVER, .top = -1};
    arch_cpu()->core = &boot_core;
    ids_init();
    find_memory(boot);
    kernel.text_bytes = boot->kernel_text_bytes;
    kernel.data_bytes = boot->kernel_end - boot->kernel_start - boot->kernel_text_bytes;
    kernel.watchdog_ns = NS_FOREVER;
    kernel.irqs = take(bits_for(IRQS_BYTES));
    ref_t root = take(PAGE_BITS);
    arch_aspace_init(table_at(root));
    kernel.empty_root = arch_physical(table_at(root));
    root_activate(&boot_core, kernel.empty_root);
    log_line("Bulkhead " VERSION ", %llu MiB of memory", (unsigned long long)kernel.memory_bytes >> 20);
    boot_first_task(boot);
    kernel_exit();
}
