# SPDX-License-Identifier: MIT
# gdb -x tools/gdb/bulkhead.gdb: connect to `qemu-system-x86_64 ... -s -S` and load the kernel's symbols.
#
# Commands: `current` shows the running thread's user registers, `user FILE` adds the symbols of a component or liblinux,
# `panics` stops where the kernel gives up.

set pagination off
set architecture i386:x86-64
file build/kernel.elf
target remote localhost:1234

define current
    # GS base is the CPU's block in the kernel, and in KERNEL_GS_BASE while user code runs.
    set $block = $gs_base > 0xffffffff80000000 ? $gs_base : $k_gs_base
    print/x *((struct x86_cpu *)$block)->live
end
document current
Show the saved user registers of the thread that ran last on this CPU.
end

define user
    add-symbol-file $arg0
end
document user
user FILE: add the symbols of a user image that is linked at a fixed address (build/servers/proc.elf, build/liblinux.elf).
end

define panics
    hbreak panic_trap
    hbreak panic_text
    hbreak arch_halt
end
document panics
Stop before a panic prints.
end
