// SPDX-License-Identifier: MIT
// Routines that touch the program's memory and survive a fault there.
//
// All are leaves that use no stack: stub_fault (entry.S) sends a fault between fixup_begin and fixup_end to `fixup`,
// which returns to the routine's caller with RAX not 0. A copy that faults goes on byte by byte, to stop at the very
// first that is not there.
    .text
    .globl copy_bytes, fpu_save, fpu_restore, fpu_save_legacy, fpu_restore_legacy, compare_swap_user, sum_words
    .globl fixup_begin, fixup_end, fixup
fixup_begin:
// RDI = to, RSI = from, RDX = bytes; returns the bytes not copied.
copy_bytes:
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
copy_words_at:
    rep movsq
    mov %edx, %ecx
copy_bytes_at:
    rep movsb
    xor %eax, %eax
    ret
// RDI = 64-byte aligned area, RSI = state components; 0, or not 0 after a fault.
fpu_save:
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
    xsave64 (%rdi)
    xor %eax, %eax
    ret
fpu_restore:
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
    xrstor64 (%rdi)
    xor %eax, %eax
    ret
// The same without XSAVE: RDI = 16-byte aligned area of 512 bytes.
fpu_save_legacy:
    fxsave64 (%rdi)
    xor %eax, %eax
    ret
fpu_restore_legacy:
    fxrstor64 (%rdi)
    xor %eax, %eax
    ret
// RDI = u32 in user memory, RSI = old, RDX = new, RCX = where the value found goes; 0, or not 0 after a fault.
compare_swap_user:
    mov %esi, %eax
    lock cmpxchg %edx, (%rdi)
    mov %eax, (%rcx)
    xor %eax, %eax
    ret
// RDI = 64-bit words, RSI = 16-bit indices, RDX = how many of them, not 0; returns the sum, 1 after a fault.
sum_words:
    xor %eax, %eax
1:  movzwl (%rsi), %ecx
    add (%rdi, %rcx, 8), %rax
    add $2, %rsi
    dec %edx
    jnz 1b
    ret
fixup_end:

// In: RAX = faulting address, the other registers but R11 as they were.
fixup:
    lea copy_words_at(%rip), %r11
    cmp %r11, %rax
    je 1f
    lea copy_bytes_at(%rip), %r11
    cmp %r11, %rax
    mov $1, %eax
    cmove %rcx, %rax
    ret
1:  lea (%rdx, %rcx, 8), %rcx
    jmp copy_bytes_at
