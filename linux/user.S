// SPDX-License-Identifier: MIT
// Routines that touch memory that may not be there, the program's and rings', and survive a fault.
//
// All are leaves that use no stack: stub_fault (entry.S) sends a fault between fixup_begin and fixup_end to `fixup`,
// which returns to the routine's caller with RAX not 0. A copy that faults goes on byte by byte, to stop at the very
// first that is not there.
    .text
    .globl copy_bytes, store_two
    .globl fpu_save, fpu_restore, fpu_save_legacy, fpu_restore_legacy, compare_swap_user, sum_words
    .globl ring_look, ring_publish, ring_other, ring_arm, ring_disarm
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
// RDI = u64[2], RSI and RDX = the values; 0, or not 0 after a fault.
store_two:
    mov %rsi, (%rdi)
    mov %rdx, 8(%rdi)
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

// The words of a pipe's ring (protocols/ring.h), which the server may take away: 0, or not 0 after a fault.
// RDI = the pages of words; RSI = where the end's own page lies in them: 0x1000 or 0x2000.

// RSI = where state and both positions go, the state being read first.
ring_look:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov 0x1000(%rdi), %rax
    mov %rax, 8(%rsi)
    mov 0x2000(%rdi), %rax
    mov %rax, 16(%rsi)
    xor %eax, %eax
    ret
// RDX = the end's new position. Not 0: it has not been stored.
ring_publish:
    mov %rdx, (%rdi, %rsi)
    xor %eax, %eax
    ret
// RDX = where the state and the other end's `armed` go, in this order, as they are after everything stored before.
ring_other:
    mfence
    xor $0x3000, %rsi
    mov (%rdi), %rax
    mov %rax, (%rdx)
    mov 8(%rdi, %rsi), %rax
    mov %rax, 8(%rdx)
    xor %eax, %eax
    ret
// ARMED_NEXT(armed, ARMED_THREAD), seen by the other end before anything that is looked at from now on.
ring_arm:
    mov 8(%rdi, %rsi), %rax
    or $3, %rax
    add $2, %rax
    mov %rax, 8(%rdi, %rsi)
    mfence
    xor %eax, %eax
    ret
// The number stays, that the next one may be another.
ring_disarm:
    andq $~3, 8(%rdi, %rsi)
    xor %eax, %eax
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
