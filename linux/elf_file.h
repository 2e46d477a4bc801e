// SPDX-License-Identifier: MIT
// What liblinux needs of an ELF file: read once before exec's point of no return, for the errors that execve returns,
// and again by the fresh liblinux, which checks the segments (load.c).
#pragma once
#include <linux/elf.h>
#include "linux/linux.h"

#define ELF_SEGMENTS 73  // the headers fill a page at most

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr segments[ELF_SEGMENTS];
    unsigned interpreter;  // index of PT_INTERP, or header.e_phnum
};

// Read the headers: 64 bits, x86-64, fixed or position independent. -ENOEXEC, or what reading gave.
long elf_read(struct file *file, struct elf *elf);
