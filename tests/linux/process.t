# Processes, memory, signals and threads as programs see them: process.c, memory.c, signals.c and threads.c print what each
# check found, which must be what it finds on Linux.

### wait-reports-exits-stops-and-continues
process wait

### vfork-system-and-popen
process vfork

### groups-and-sessions
process groups

### an-orphaned-group-is-hung-up-and-cannot-be-stopped-by-the-terminal
process orphan

### limits-and-priorities
process limits

### user-and-group-ids
process ids

### many-processes
process many

### cpu-time-is-counted
process usage

### fork-copies-memory-when-written
memory fork-cow

### shared-memory-stays-shared
memory shared

### mremap-grows-moves-and-shrinks
memory mremap

### a-handler-can-repair-the-access
memory segv

### a-handler-may-repair-the-access-late
memory segv-late

### protections-hold-in-system-calls
memory protect

### the-stack-grows-to-its-limit
memory stack

### first-use-of-files-with-scattered-memory
memory scattered && echo done
### madvise-and-brk
memory madvise

### files-are-mapped-private-and-shared
memory filemap

### children-signal-their-parent
signals sigchld

### signals-are-blocked-queued-and-waited-for
signals signals

### handlers-interrupt-and-restart-calls
signals eintr

### a-stopped-process-stands-still
signals stopped

### a-process-signals-itself
signals self

### temporary-masks-go-back
signals mask

### threads-start-join-and-meet
threads threads

### exec-and-exit-end-all-threads
threads exec-thread
threads exit-thread

### robust-and-shared-futexes
threads robust

### signals-find-a-thread
threads sigthread

### fork-of-a-process-of-forty-mebibytes
bigfork 40
