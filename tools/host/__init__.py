# SPDX-License-Identifier: MIT
"""The host side of Bulkhead: what `./bulkhead` and the test runner are made of. Python 3 standard library only.

manifest  system files: read, check, compile     graph    system files as a picture
elf       ELF files: segments, symbols           image    flat images and the boot bundle
cpio      newc archives                          rootfs   the root archive, from Debian's busybox
debian    Debian packages as a source of files   guest    a system booted to run one script (exec, tests)
console   the interactive terminal (run)         qemu     QEMU's command line
log       what a run logged                      size     code lines and budgets
cases     the test cases of tests/linux          cli      the commands
bench     measuring; bench_rows, bench_report (tables), bench_html (charts), bench_cli (its options)
"""
