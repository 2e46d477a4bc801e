// SPDX-License-Identifier: MIT
// x86-64: what the boot loader tells, and the order in which the machine is set up.
//
// Two loaders, one result (struct boot_memory): PVH's hvm_start_info and multiboot2's tags give a memory map, a command
// line, the bundle (the first module) and the ACPI root pointer. Everything needed is copied, so that afterwards all
// usable memory but the kernel image and the bundle can be given away.
// Rules: memory below 1 MiB stays unused (firmware; start code of other CPUs); ranges are whole pages; what does not
// fit the table is not used.
#include "x86.h"

#define PVH_MAGIC 0x336ec578u
#define LOW_MEMORY_END 0x100000u
enum { MEMORY_USABLE = 1 };

struct memory_entry {  // the same for both loaders
    uint64_t address, size;
    uint32_t type, zero;
};

struct pvh_module {
    uint64_t address, size, command_line, zero;
};
struct pvh_info {  // Xen's hvm_start_info, version 1
    uint32_t magic, version, flags, n_modules;
    uint64_t modules, command_line, rsdp, memory;
    uint32_t n_memory, zero;
};

enum { TAG_END = 0, TAG_COMMAND_LINE = 1, TAG_MODULE = 3, TAG_MEMORY = 6, TAG_ACPI_OLD = 14, TAG_ACPI_NEW = 15 };
struct multiboot_tag {  // 8-byte aligned, each followed by its data
    uint32_t type, size;
};

extern char image_start[], image_end[], text_start[], text_end[];

static struct boot_memory memory;
static char command_line[sizeof(((struct boot_info *)0)->command_line)];
static uint64_t rsdp;

void boot_main(unsigned from_multiboot, uint32_t info);

static void copy_command_line(const char *from)
{
    for (size_t i = 0; i < sizeof(command_line) - 1 && from[i]; i++) command_line[i] = from[i];
}

static void add_memory(const struct memory_entry *entry)
{
    uint64_t start = (entry->address + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull);
    uint64_t end = (entry->address + entry->size) & ~(PAGE_SIZE - 1ull);
    if (start < LOW_MEMORY_END) start = LOW_MEMORY_END;
    if (entry->type != MEMORY_USABLE || start >= end || memory.n_ranges == BOOT_INFO_UNTYPED) return;
    memory.ranges[memory.n_ranges++] = (struct memory_range){start, end};
    if (memory.end < end) memory.end = end;
}

static void set_bundle(uint64_t start, uint64_t n_bytes)
{
    if (memory.bundle_bytes || start % PAGE_SIZE) return;
    memory.bundle_start = start;
    memory.bundle_bytes = (n_bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull);
}

static void *early(uint64_t pa) { return arch_direct((paddr_t){pa}); }

static void read_pvh(const struct pvh_info *info)
{
    if (info->magic != PVH_MAGIC) panic_text("started neither by PVH nor by multiboot2");
    const struct memory_entry *entries = early(info->memory);
    for (unsigned i = 0; i < info->n_memory; i++) add_memory(&entries[i]);
    if (info->command_line) copy_command_line(early(info->command_line));
    const struct pvh_module *module = early(info->modules);
    if (info->n_modules) set_bundle(module->address, module->size);
    rsdp = info->rsdp;
}

static void read_multiboot(uint32_t info)
{
    uint64_t at = info + 8ull;
    for (const struct multiboot_tag *tag = early(at); tag->type != TAG_END; tag = early(at)) {
        const uint32_t *data = (const uint32_t *)(tag + 1);
        switch (tag->type) {
        case TAG_COMMAND_LINE: copy_command_line((const char *)data); break;
        case TAG_MODULE: set_bundle(data[0], data[1] - data[0]); break;
        case TAG_MEMORY:  // data: entry size, version, entries
            for (uint64_t i = 8; i + data[0] <= tag->size - sizeof(*tag); i += data[0]) {
                add_memory((const struct memory_entry *)((const char *)data + i));
            }
            break;
        case TAG_ACPI_OLD:
        case TAG_ACPI_NEW:
            if (!rsdp || tag->type == TAG_ACPI_NEW) rsdp = at + sizeof(*tag);
            break;
        default: break;
        }
        at += (tag->size + 7u) & ~7u;
    }
}

// The first C function, on the kernel stack, with the first 4 GiB mapped.
void boot_main(unsigned from_multiboot, uint32_t info)
{
    // @path boot 2/6: the CPU, then what the loader left in memory
    debug_init();
    cpu_init();
    if (from_multiboot) {
        read_multiboot(info);
    } else {
        read_pvh(early(info));
    }
    debug_options(command_line);
    memory.command_line = command_line;
    memory.kernel_start = (uint64_t)image_start - KERNEL_BASE;
    memory.kernel_end = (uint64_t)image_end - KERNEL_BASE;
    memory.kernel_text_bytes = (uint64_t)(text_end - text_start);

    // @path boot 3/6: the final kernel map, interrupts and clocks
    memory.end = paging_init(memory.end);
    acpi_init(rsdp);
    irq_init();
    time_init();
    kernel_main(&memory);
}
