// SPDX-License-Identifier: MIT
// What liblinux needs of an ELF file: read and checked once before exec's point of no return, and again by the fresh
// liblinux, which trusts it no more than the old one.
#pragma once
#include <linux/elf.h>
#include "linux/linux.h"

#define ELF_SEGMENTS 32

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr segments[ELF_SEGMENTS];
    uint64_t low, high;    // addresses of the loadable segments as linked: [low, high)
    unsigned interpreter;  // index of PT_INTERP, ELF_SEGMENTS: none
};

// Read the headers and check everything that loading relies on. -ENOEXEC, or what reading gave.
long elf_read(struct file *file, struct elf *elf);
