# Programs that go wrong, by mistake or on purpose: wrong.c, efault.c and badelf.c say what each one does. The signal,
# the errno and what a handler is told must be Linux's, and nobody else may notice.

### jumps-to-bad-addresses-end-by-sigsegv
for c in null_call jump_kernel jump_direct_map jump_noncanonical; do wrong $c; echo $c $?; wrong $c caught; done

### bad-data-accesses-end-by-sigsegv
for c in read_null write_null read_kernel write_kernel read_noncanonical write_text protected_page; do
    wrong $c; echo $c $?; wrong $c caught
done

### data-and-stack-are-not-executable
for c in execute_data execute_stack; do wrong $c; echo $c $?; wrong $c caught; done

### stack-overflow-ends-by-sigsegv-or-runs-its-handler-on-the-alternate-stack
wrong stack_overflow; echo $?; wrong stack_overflow caught

### illegal-instruction-breakpoint-division-and-single-step
for c in illegal breakpoint divide trap_flag; do wrong $c; echo $c $?; wrong $c caught; done

### privileged-instructions-end-by-sigsegv
for c in halt disable_interrupts port_in write_cr3 write_msr load_idt far_interrupt; do
    wrong $c; echo $c $?; wrong $c caught
done

### wild-stack-pointers
for c in bad_stack_then_call noncanonical_stack; do wrong $c; echo $c $?; wrong $c caught; done

### a-signal-frame-that-is-not-there
wrong bad_sigreturn; echo $?; wrong bad_sigreturn caught

### mapping-beyond-the-end-of-file-is-a-bus-error
wrong mapped_beyond_file; echo $?; wrong mapped_beyond_file caught

### munmap-of-the-code-that-calls-it
wrong unmapped_text_return; echo $?; wrong unmapped_text_return caught

### abort-raises-sigabrt
wrong abort_it; echo $?; wrong abort_it caught

### every-call-refuses-bad-pointers timeout=30
efault

### truncated-and-crafted-elf-files timeout=60
badelf

### single-stepping-through-calls
stepped

### names-of-interpreters-in-scripts
try() { printf "$1" > script; chmod 755 script; ./script a b; echo "$?"; }
try '#!/bin/echo'
try '#! \t/bin/echo  one two  \t\n'
try '#!/bin/echo\tone\n'
try '#!/bin/echo \n'
printf '#!/bin/echo inner\n' > inner; chmod 755 inner
try '#!./inner outer\n'

### vectors-are-checked-before-anything-is-written
vector
