// SPDX-License-Identifier: MIT
// Reading of ELF headers, as strict as Linux: of the identification only the magic counts.
#include "linux/elf_file.h"

static bool is_ours(const Elf64_Ehdr *h)
{
    return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_machine == EM_X86_64 &&
           (h->e_type == ET_EXEC || h->e_type == ET_DYN) && h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phnum > 0 &&
           h->e_phnum <= ELF_SEGMENTS && (int64_t)h->e_phoff >= 0;
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
    elf->interpreter = 0;
    while (elf->interpreter < h->e_phnum && elf->segments[elf->interpreter].p_type != PT_INTERP) elf->interpreter++;
    return 0;
}
