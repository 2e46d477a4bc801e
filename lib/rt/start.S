// SPDX-License-Identifier: MIT
// Entry of every native component: RDI holds the address of the information page, RSP the top of the stack.
    .section .text._start, "ax"
    .globl _start
_start:
    xor %ebp, %ebp
    and $-16, %rsp
    call rt_start
    ud2
