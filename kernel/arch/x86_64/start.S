// SPDX-License-Identifier: MIT
// x86-64: from the boot loader to C.
//
// One ELF file serves two loaders: a PVH note for `qemu -kernel` (ebx = hvm_start_info), a multiboot2 header for GRUB
// (eax = magic, ebx = its information). Both enter here in 32-bit protected mode without paging, below 4 GiB.
// This maps the first GiB at 0, the first 4 GiB at DIRECT_BASE, and the kernel's 2 MiB at KERNEL_BASE, enters 64-bit mode
// and calls boot_main(from_multiboot, information) on the kernel stack. paging.c then makes the final map.
#include "offsets.h"

#define PHYSICAL(symbol) (symbol - KERNEL_BASE)
#define TABLE_FLAGS 3        // present, writable
#define PAGE_FLAGS 0x83      // the same, a 2 MiB page
#define MULTIBOOT_MAGIC 0xe85250d6

    .section .note.pvh, "a", @note
    .long 4, 8, 18  // lengths of name and value; XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_start

    .section .boot, "ax"
    .balign 8
multiboot_header:
    .long MULTIBOOT_MAGIC, 0, multiboot_end - multiboot_header
    .long 0x100000000 - MULTIBOOT_MAGIC - (multiboot_end - multiboot_header)
    .short 6, 0  // modules begin at page boundaries
    .long 8
    .short 0, 0
    .long 8
multiboot_end:

    .code32
    .globl boot_start
boot_start:  // the ELF entry, which GRUB uses
    mov $1, %esi
    jmp 1f
pvh_start:
    xor %esi, %esi
1:  cld
    // @path boot 1/6: 32-bit code makes first page tables and enters 64-bit mode
    mov $PHYSICAL(direct_directories), %edi
    mov $PAGE_FLAGS, %eax
2:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    jnc 2b  // 2,048 entries up to 4 GiB

    .irp number, 0, 1, 2, 3
    movl $PHYSICAL(direct_directories) + 0x1000 * \number + TABLE_FLAGS, PHYSICAL(kernel_pointers) + (384 + \number) * 8
    .endr
    movl $PHYSICAL(direct_directories) + TABLE_FLAGS, PHYSICAL(kernel_pointers)
    movl $PHYSICAL(direct_directories) + TABLE_FLAGS, PHYSICAL(kernel_pointers) + 510 * 8
    movl $PHYSICAL(kernel_pointers) + TABLE_FLAGS, PHYSICAL(kernel_root)
    movl $PHYSICAL(kernel_pointers) + TABLE_FLAGS, PHYSICAL(kernel_root) + 511 * 8

    mov $0x20, %eax  // PAE
    mov %eax, %cr4
    mov $PHYSICAL(kernel_root), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx  // EFER: long mode
    mov $0x100, %eax
    xor %edx, %edx
    wrmsr
    mov $0x80010013, %eax  // paging, write protection, ET, MP, protected mode
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $boot_64

    .code64
boot_64:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    mov $kernel_stack_top, %rsp
    mov %esi, %edi
    mov %ebx, %esi
    xor %ebp, %ebp
    mov $boot_main, %rax
    call *%rax

    .balign 8
boot_gdt:
    .quad 0, 0x00209a0000000000
boot_gdt_pointer:
    .short 15
    .long boot_gdt
