// SPDX-License-Identifier: MIT
// Reading of ELF headers, as strict as Linux: of the identification only the magic counts.
#include "linux/elf_file.h"

static bool is_ours(const Elf64_Ehdr *h)
{
    return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_machine == EM_X86_64 &&
           (h->e_type == ET_EXEC || h->e_type == ET_DYN) && h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phnum > 0 &&
           h->e_phnum <= ELF_SEGMENTS && (int64_t)h->e_phoff >= 0;
}

long head_read(struct file *file, struct head *head)
{
    long n = file_read_here(file, 0, head->text, sizeof head->text);
    if (n < 0) return n;
    head->bytes = (size_t)n;
    memset(head->text + n, 0, sizeof head->text - head->bytes);
    return 0;
}

long elf_read(struct file *file, const struct head *head, struct elf *elf)
{
    Elf64_Ehdr *h = &elf->header;
    memcpy(h, head->text, sizeof *h);
    if (head->bytes < sizeof *h || !is_ours(h)) return -ENOEXEC;
    size_t bytes = h->e_phnum * sizeof(Elf64_Phdr);
    if (h->e_phoff <= head->bytes && bytes <= head->bytes - h->e_phoff) {
        memcpy(elf->segments, head->text + h->e_phoff, bytes);
        return 0;
    }
    long n = file_read_here(file, h->e_phoff, elf->segments, bytes);
    return n < 0 ? n : n < (long)bytes ? -ENOEXEC : 0;
}

const Elf64_Phdr *elf_find(const struct elf *elf, uint32_t type)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++)
        if (elf->segments[i].p_type == type) return &elf->segments[i];
    return NULL;
}
