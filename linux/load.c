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
#define N_AUXILIARY 24           // room for so many
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

// The mappings of a program, collected until they can be one request: those of one run of the file.
struct loader {
    struct file *file;
    bool has_run;
    struct run run;
    unsigned n;
    struct proc_load load;
};

// Ask for what has been collected.
static void flush(struct loader *l)
{
    struct run none = {0}, *run = l->has_run ? &l->run : &none;
    struct message m = {.words = {l->n, run->first, run->held, run->offset}};
    l->load.inode = run->inode;
    l->load.device = run->device;
    size_t bytes = PROC_LOAD_WORDS(l->n) * 8;
    memcpy(long_words(), &l->load, bytes);
    if (run->held > 0) send_cap(0, PASSING_PSLOT);
    need(ask_proc(PROC_LOAD, bytes, &m) == 0, "exec: the program could not be mapped");
    if (l->has_run) run_return(run);
    l->has_run = false;
    l->n = 0;
    l->load.heap = 0;
}

static void add(struct loader *l, uint64_t address, uint64_t bytes, uint32_t protection, uint32_t flags,
                uint64_t offset)
{
    l->load.mappings[l->n++] = (struct proc_mapping){
        address, bytes, protection | (uint64_t)(flags | MAP_PRIVATE | MAP_FIXED | MAP_POPULATE) << 32, offset};
}

static void add_anonymous(struct loader *l, uint64_t address, uint64_t end, uint32_t protection, uint32_t flags)
{
    if (l->n == PROC_LOAD_MAPPINGS) flush(l);
    add(l, address, end - address, protection, MAP_ANONYMOUS | flags, 0);
}

// A stretch of the file may lie in several runs; what lies behind its end belongs to the last of them.
static void add_file(struct loader *l, uint64_t address, uint64_t end, uint32_t protection, uint64_t offset)
{
    while (address < end) {
        const struct run *run = &l->run;
        bool inside = l->has_run && offset >= run->offset && offset < run->offset + run->held * PAGE_SIZE;
        if (l->n == PROC_LOAD_MAPPINGS || (!inside && (l->n > 0 || l->has_run))) flush(l);
        if (!l->has_run) {
            need(run_borrow(l->file, offset, end - address, 0, &l->run) == 0, "exec: no pages of the program");
            l->has_run = true;
        }
        uint64_t held = run->offset + run->held * PAGE_SIZE - offset, part = end - address;
        if (run->held > 0 && held < part && offset + held < run->size) part = held;
        add(l, address, part, protection, 0, offset);
        address += part;
        offset += part;
    }
}

static void add_segment(struct loader *l, const Elf64_Phdr *s, uint64_t base)
{
    uint64_t start = PAGE_DOWN(base + s->p_vaddr), file_end = base + s->p_vaddr + s->p_filesz;
    uint64_t end = PAGE_UP(base + s->p_vaddr + s->p_memsz), anonymous = s->p_filesz > 0 ? PAGE_UP(file_end) : start;
    uint32_t protection = protection_of(s);
    if (s->p_filesz > 0) add_file(l, start, anonymous, protection, PAGE_DOWN(s->p_offset));
    if (end > anonymous) add_anonymous(l, anonymous, end, protection, 0);
}

static bool is_mapped(const Elf64_Phdr *s) { return s->p_type == PT_LOAD && s->p_memsz > 0; }

static void add_elf(struct loader *l, const struct elf *elf, uint64_t base)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++)
        if (is_mapped(&elf->segments[i])) add_segment(l, &elf->segments[i], base);
}

// Behind what a writable segment has of the file its page is clear to the end: the dynamic linker uses the rest, too.
// Where the file ends before its segment there is nothing to clear; the program will meet a bus error there.
static void clear_tails(const struct elf *elf, uint64_t base)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        const Elf64_Phdr *s = &elf->segments[i];
        uint64_t end = base + s->p_vaddr + s->p_filesz;
        if (is_mapped(s) && s->p_flags & PF_W && s->p_filesz > 0 && s->p_memsz > s->p_filesz)
            (void)copy_zeros(end, PAGE_UP(end) - end);
    }
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

// The dynamic linker goes where there is room. Returns its base.
static uint64_t map_interpreter(struct file *file, const struct elf *elf)
{
    struct loader l = {.file = file};
    struct extent extent = extent_of(elf);
    uint64_t base = 0;
    if (elf->header.e_type == ET_DYN) {
        long place = map_anonymous(0, PAGE_UP(extent.high - extent.low), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
        need(place > 0, "exec: no room for the interpreter");
        base = (uint64_t)place - extent.low;
    }
    add_elf(&l, elf, base);
    flush(&l);
    clear_tails(elf, base);
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
        {AT_SYSINFO_EHDR, LIBLINUX_VDSO},
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
    _Static_assert(sizeof values <= N_AUXILIARY * sizeof *values, "room");
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

// What the first stack holds: strings at its top, then random bytes, the platform's name, and words down to `sp`.
struct stack {
    uint64_t strings, random, platform, sp;
};

static struct stack stack_for(const struct handover *h)
{
    struct stack stack = {.strings = (PROGRAM_END - 8 - h->strings_bytes) & ~7ull};
    stack.random = stack.strings - 16;
    stack.platform = stack.random - 16;
    uint64_t words = 1 + h->argc + 1 + h->envc + 1 + 2 * N_AUXILIARY;
    stack.sp = (stack.platform - words * 8) & ~15ull;
    return stack;
}

static void fill_stack(const struct stack *stack, const struct handover *h, const struct start *start)
{
    const char *text = (const char *)stack->strings;
    memcpy((void *)stack->strings, (const char *)h + h->strings, h->strings_bytes);
    random_bytes((void *)stack->random, 16);
    memcpy((void *)stack->platform, PLATFORM, sizeof PLATFORM);
    text += strlen(text) + 1;
    uint64_t *to = (uint64_t *)stack->sp;
    *to++ = h->argc;
    to = put_pointers(to, h->argc, &text);
    to = put_pointers(to, h->envc, &text);
    put_auxiliary(to, start, stack->random, stack->platform, stack->strings);
}

// Load the program of the hand-over and let the frame start it. Ends the process when it cannot.
void load_program(const struct handover *h, struct frame *frame)
{
    struct process *p = process();
    need(h->executable, "exec: no program");
    struct loader l = {.file = &p->files[h->executable]};
    const struct elf *elf = (const struct elf *)((const char *)h + h->headers);
    struct extent extent = extent_of(elf);
    uint64_t base = elf->header.e_type == ET_DYN ? DYN_BASE - extent.low : 0;
    struct start start = {.headers = headers_at(elf, base), .n_headers = elf->header.e_phnum};
    const struct stack stack = stack_for(h);
    add_elf(&l, elf, base);
    add_anonymous(&l, PAGE_DOWN(stack.sp) - STACK_PART, PROGRAM_END, PROT_READ | PROT_WRITE, MAP_GROWSDOWN | MAP_STACK);
    l.load.heap = PAGE_UP(base + extent.high);
    flush(&l);
    clear_tails(elf, base);
    start.entry = start.program_entry = base + elf->header.e_entry;
    if (h->interpreter) {
        const struct elf *interpreter = (const struct elf *)((const char *)h + h->interpreter_headers);
        start.interpreter_base = map_interpreter(&p->files[h->interpreter], interpreter);
        start.entry = start.interpreter_base + interpreter->header.e_entry;
    }
    fill_stack(&stack, h, &start);
    *frame = (struct frame){.call = (uint64_t)NO_CALL, .rip = start.entry, .rflags = 0x202, .rsp = stack.sp};
}
