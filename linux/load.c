// SPDX-License-Identifier: MIT
// exec, the new program's half: map the segments, build the stack, set the first registers.
//
// There is nobody to return an error to: what goes wrong here ends the process, as on Linux behind its point of no
// return.
#include <asm/mman.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include "linux/elf_file.h"

#define DYN_BASE 0x555555554000ull  // of position-independent programs
#define PAGE_DOWN(x) ((x) & ~(uint64_t)(PAGE_SIZE - 1))
#define PAGE_UP(x) PAGE_DOWN((x) + PAGE_SIZE - 1)
#define PLATFORM "x86_64"
#define STACK_PART (128u << 10)  // what is mapped at first beyond the arguments; the region grows

static void need(bool ok, const char *what)
{
    if (!ok) die(SIGSEGV, what);
}

static uint32_t protection_of(const Elf64_Phdr *s)
{
    return (s->p_flags & PF_R ? PROT_READ : 0) | (s->p_flags & PF_W ? PROT_WRITE : 0) |
           (s->p_flags & PF_X ? PROT_EXEC : 0);
}

static bool is_loadable(const Elf64_Phdr *s)
{
    return s->p_filesz <= s->p_memsz && s->p_vaddr < PROGRAM_END && s->p_memsz < PROGRAM_END - s->p_vaddr &&
           s->p_offset % PAGE_SIZE == s->p_vaddr % PAGE_SIZE && s->p_offset < 1ull << 62;
}

// Addresses of the loadable segments as linked: [low, high).
struct extent {
    uint64_t low, high;
};

static struct extent extent_of(const struct elf *elf)
{
    struct extent extent = {.low = PROGRAM_END};
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        const Elf64_Phdr *s = &elf->segments[i];
        if (s->p_type != PT_LOAD || s->p_memsz == 0) continue;
        need(is_loadable(s), "exec: bad segment");
        if (PAGE_DOWN(s->p_vaddr) < extent.low) extent.low = PAGE_DOWN(s->p_vaddr);
        if (s->p_vaddr + s->p_memsz > extent.high) extent.high = s->p_vaddr + s->p_memsz;
    }
    need(extent.high > 0, "exec: nothing to load");
    return extent;
}

static void map_segment(struct file *file, const Elf64_Phdr *s, uint64_t base)
{
    uint64_t start = PAGE_DOWN(base + s->p_vaddr), file_end = base + s->p_vaddr + s->p_filesz;
    uint64_t end = base + s->p_vaddr + s->p_memsz, anonymous = start;
    uint32_t protection = protection_of(s);
    if (s->p_filesz > 0) {
        anonymous = PAGE_UP(file_end);
        need(map_file(file, start, anonymous - start, protection, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE,
                      PAGE_DOWN(s->p_offset)) >= 0,
             "exec: a segment could not be mapped");
        // Where the file ends before its segment there is nothing to zero; the program will meet a bus error there.
        if (end > file_end && protection & PROT_WRITE)
            (void)copy_zeros(file_end, anonymous - file_end);  // the dynamic linker uses the rest of the page, too
    }
    if (PAGE_UP(end) > anonymous)
        need(map_anonymous(anonymous, PAGE_UP(end) - anonymous, protection,
                           MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_POPULATE) >= 0,
             "exec: no memory for bss");
}

static void map_elf(struct file *file, const struct elf *elf, uint64_t base)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++)
        if (elf->segments[i].p_type == PT_LOAD && elf->segments[i].p_memsz > 0)
            map_segment(file, &elf->segments[i], base);
}

// Where the program headers stand in memory.
static uint64_t headers_at(const struct elf *elf, uint64_t base)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        const Elf64_Phdr *s = &elf->segments[i];
        if (s->p_type == PT_LOAD && elf->header.e_phoff >= s->p_offset &&
            elf->header.e_phoff < s->p_offset + s->p_filesz)
            return base + s->p_vaddr + (elf->header.e_phoff - s->p_offset);
    }
    return 0;
}

// The dynamic linker goes where there is room. Returns its base; *entry: where it starts.
static uint64_t map_interpreter(struct file *file, uint64_t *entry)
{
    struct elf elf;
    need(elf_read(file, &elf) == 0, "exec: bad interpreter");
    struct extent extent = extent_of(&elf);
    uint64_t base = 0;
    if (elf.header.e_type == ET_DYN) {
        long place = map_anonymous(0, PAGE_UP(extent.high - extent.low), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
        need(place > 0, "exec: no room for the interpreter");
        base = (uint64_t)place - extent.low;
    }
    map_elf(file, &elf, base);
    *entry = base + elf.header.e_entry;
    return base;
}

struct start {
    uint64_t entry, program_entry, headers, n_headers, interpreter_base;
};

// What the first stack holds besides the strings.
static uint64_t *put_auxiliary(uint64_t *to, const struct start *start, uint64_t random, uint64_t platform,
                               uint64_t execfn)
{
    const struct process_page *page = process_page();
    uint32_t a = 1, b, c = 0, d, a7 = 7, b7, c7 = 0, d7;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    __asm__ volatile("cpuid" : "+a"(a7), "=b"(b7), "+c"(c7), "=d"(d7));
    const uint64_t values[][2] = {
        {AT_HWCAP, d},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, start->headers},
        {AT_PHENT, sizeof(Elf64_Phdr)},
        {AT_PHNUM, start->n_headers},
        {AT_BASE, start->interpreter_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, start->program_entry},
        {AT_UID, page->uid},
        {AT_EUID, page->euid},
        {AT_GID, page->gid},
        {AT_EGID, page->egid},
        {AT_SECURE, 0},
        {AT_RANDOM, random},
        {AT_HWCAP2, b7 & 1 ? 2 : 0},  // FSGSBASE
        {AT_EXECFN, execfn},
        {AT_PLATFORM, platform},
        {51, process()->fpu_bytes + 1024},
        {AT_NULL, 0},  // 51: AT_MINSIGSTKSZ
    };
    memcpy(to, values, sizeof values);
    return to + sizeof values / sizeof *to;
}

static uint64_t *put_pointers(uint64_t *to, uint32_t n, const char **text)
{
    for (uint32_t i = 0; i < n; i++) {
        *to++ = (uint64_t)*text;
        *text += strlen(*text) + 1;
    }
    *to++ = 0;
    return to;
}

// Build the stack; returns its pointer.
static uint64_t make_stack(const struct handover *h, const struct start *start)
{
    char *strings = (char *)((PROGRAM_END - 8 - h->strings_bytes) & ~7ull);
    uint64_t random = (uint64_t)strings - 16, platform = random - 16;
    uint64_t words = 1 + h->argc + 1 + h->envc + 1 + 2 * 24, sp = (platform - words * 8) & ~15ull;
    uint64_t low = PAGE_DOWN(sp) - STACK_PART;
    need(map_anonymous(low, PROGRAM_END - low, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_STACK | MAP_POPULATE) >= 0,
         "exec: no memory for the stack");
    memcpy(strings, (const char *)h + h->strings, h->strings_bytes);
    random_bytes((void *)random, 16);
    memcpy((void *)platform, PLATFORM, sizeof PLATFORM);
    const char *text = strings + strlen(strings) + 1;
    uint64_t *to = (uint64_t *)sp;
    *to++ = h->argc;
    to = put_pointers(to, h->argc, &text);
    to = put_pointers(to, h->envc, &text);
    put_auxiliary(to, start, random, platform, (uint64_t)strings);
    return sp;
}

// Load the program of the hand-over and let the frame start it. Ends the process when it cannot.
void load_program(const struct handover *h, struct frame *frame)
{
    struct process *p = process();
    struct elf elf;
    struct file *file = &p->files[h->executable];
    need(h->executable && elf_read(file, &elf) == 0, "exec: bad program");
    struct extent extent = extent_of(&elf);
    uint64_t base = elf.header.e_type == ET_DYN ? DYN_BASE - extent.low : 0;
    struct start start = {.headers = headers_at(&elf, base), .n_headers = elf.header.e_phnum};
    map_elf(file, &elf, base);
    struct message m = {.words = {PAGE_UP(base + extent.high)}};
    need(ask_proc(PROC_BRK_SET, 0, &m) == 0, "exec: no heap");
    start.entry = start.program_entry = base + elf.header.e_entry;
    if (h->interpreter) start.interpreter_base = map_interpreter(&p->files[h->interpreter], &start.entry);
    *frame =
        (struct frame){.call = (uint64_t)NO_CALL, .rip = start.entry, .rflags = 0x202, .rsp = make_stack(h, &start)};
}
