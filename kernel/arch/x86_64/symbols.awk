# SPDX-License-Identifier: MIT
# From `nm --numeric-sort` to the table of function names that panic.c prints from (struct symbol), as assembler text.
BEGIN {
    print "    .section .symbols, \"a\"\n    .balign 8\n    .globl kernel_symbols, kernel_symbols_end\nkernel_symbols:"
}
tolower($2) == "t" && $1 ~ /^ffffffff/ {
    print "    .quad 0x" $1 ", name_" NR
    names = names "name_" NR ": .asciz \"" $3 "\"\n"
}
END {
    print "kernel_symbols_end:\n    .section .symbols.names, \"a\"\n" names
}
