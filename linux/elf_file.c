// SPDX-License-Identifier: MIT
// Reading and checking of ELF headers: 64 bits, little-endian, x86-64, fixed or position independent.
#include "linux/elf_file.h"

static bool is_ours(const Elf64_Ehdr *h)
{
    return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
           h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_machine == EM_X86_64 && (h->e_type == ET_EXEC || h->e_type == ET_DYN) &&
           h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phnum > 0 && h->e_phnum <= ELF_SEGMENTS;
}

static bool is_loadable(const Elf64_Phdr *s)
{
    return s->p_filesz <= s->p_memsz && s->p_vaddr < PROGRAM_END && s->p_memsz < PROGRAM_END - s->p_vaddr &&
           s->p_offset % PAGE_SIZE == s->p_vaddr % PAGE_SIZE && s->p_offset < 1ull << 62;
}

long elf_read(struct file *file, struct elf *elf)
{
    Elf64_Ehdr *h = &elf->header;
    long n = file_read_here(file, 0, h, sizeof *h);
    if (n < 0) return n;
    if (n < (long)sizeof *h || !is_ours(h)) return -ENOEXEC;
    size_t bytes = h->e_phnum * sizeof(Elf64_Phdr);
    n = file_read_here(file, h->e_phoff, elf->segments, bytes);
    if (n < (long)bytes) return n < 0 ? n : -ENOEXEC;
    elf->low = ~0ull;
    elf->high = 0;
    elf->interpreter = ELF_SEGMENTS;
    for (unsigned i = 0; i < h->e_phnum; i++) {
        const Elf64_Phdr *s = &elf->segments[i];
        if (s->p_type == PT_INTERP && elf->interpreter == ELF_SEGMENTS) elf->interpreter = i;
        if (s->p_type != PT_LOAD || s->p_memsz == 0) continue;
        if (!is_loadable(s) || s->p_vaddr < elf->high) return -ENOEXEC;  // ascending, as the ABI demands
        if (elf->low == ~0ull) elf->low = s->p_vaddr & ~(uint64_t)(PAGE_SIZE - 1);
        elf->high = s->p_vaddr + s->p_memsz;
    }
    if (elf->high == 0 || (h->e_type == ET_EXEC && elf->low < USER_START)) return -ENOEXEC;
    return 0;
}
