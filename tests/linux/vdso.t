# The time without a system call (vdso.c).

### vdso-exports-what-c-libraries-look-for
vdso exports

### vdso-agrees-with-the-system-calls
vdso agrees

### vdso-bad-pointer-is-the-programs-fault
vdso bad_pointer; echo $?
vdso bad_pointer_kills; echo $?

### vdso-goes-on-behind-signals timeout=20
vdso signals_inside
