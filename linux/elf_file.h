// SPDX-License-Identifier: MIT
// What liblinux needs of an ELF file: read before exec's point of no return, for the errors that execve returns, and
// handed over to the fresh liblinux, which checks the segments (load.c).
#pragma once
#include <linux/elf.h>
#include "linux/linux.h"

#define ELF_SEGMENTS 73  // the headers fill a page at most

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr segments[ELF_SEGMENTS];  // header.e_phnum of them
};
static inline size_t elf_bytes(const struct elf *elf)
{
    return offsetof(struct elf, segments) + elf->header.e_phnum * sizeof(Elf64_Phdr);
}

// What a program file begins with: mostly all of its headers, or its #! line.
struct head {
    size_t bytes;
    char text[IO_INLINE];
};
long head_read(struct file *file, struct head *head);  // zeros behind the end of a short file

// Take the headers from the head, and read the rest: 64 bits, x86-64, fixed or position independent. -ENOEXEC, or what
// reading gave.
long elf_read(struct file *file, const struct head *head, struct elf *elf);
// The segment of this type; null: none.
const Elf64_Phdr *elf_find(const struct elf *elf, uint32_t type);
