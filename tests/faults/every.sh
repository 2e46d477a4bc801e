#!/bin/sh
# SPDX-License-Identifier: MIT
# What the programs do while components are killed at every instruction: the work of all campaigns, and then each kind of
# request that a server has a handler for. Prints the same each time, like work.sh.
sh /campaign/work.sh || exit

failed=0
run() { "$@" || failed=$((failed + 1)); }
mkdir every && cd every || exit 100

# tmpfs: attributes, names, kinds of files, holes, space
: >file
run chmod 4751 file
run chown 12:34 file
run touch -d '2020-02-02 02:02:02' file
stat -c '%a %u %g %Y %F %s' file
run mkfifo fifo
run mknod node c 1 3
run mkdir -m 700 private
run ln -s file link
run chown -h 5:6 link
readlink -f link
stat -c '%F %u %a' fifo node private link
run dd if=/dev/urandom of=holes bs=4096 count=3 seek=40 2>/dev/null
run fallocate -l 65536 allocated
run truncate -s 100000 holes
stat -c '%s' holes allocated
run sync
run sh -c 'echo through the fifo >fifo & cat fifo; wait'
run mv private renamed
run mv file link2
mv renamed/missing nowhere 2>/dev/null || echo 'no such file'
rmdir . 2>/dev/null || echo 'no way to remove .'
run cp -a . ../copied && run rm -r ../copied
df . | awk 'END { print NF }'
su -s /bin/sh nobody -c 'cat holes >/dev/null && : >holes' 2>/dev/null || echo 'not as nobody'

# proc: what /proc tells, names, priorities, groups, limits, credentials
for name in stat statm status cmdline comm maps limits mounts mountinfo oom_score; do
    [ -r /proc/self/$name ] && { run cat /proc/self/$name >/dev/null; }
done
for name in uptime loadavg meminfo swaps version filesystems devices cmdline cpuinfo stat mounts; do
    run cat /proc/$name >/dev/null
done
for name in /proc/sys/kernel/* /proc/sys/fs/* /proc/sys/vm/*; do run cat "$name" >/dev/null; done
for name in ledger components usage status evidence fault; do run cat /proc/bulkhead/$name >/dev/null; done
ps -o pid,ppid,pgid,comm | awk 'NR == 1'
run hostname every && hostname && run hostname bulkhead
run renice -n 3 $$ && run renice -n 0 $$
ulimit -n 200 && ulimit -n
id; groups
run setsid sh -c 'echo a session of its own'
run chroot / true
run usleep 100
[ -c /dev/tty ] && tty >/dev/null

# tty: settings, sizes, flow, groups
saved=$(stty -g)
run stty rows 30 cols 90 && stty size && run stty rows 24 cols 80
run stty -echo raw && run stty "$saved"
run stty min 0 time 1 -icanon && run stty "$saved"

# open files, terminals, memory, threads, signals, processes, pipes: by programs made for it
run every
run memory fork-cow
run memory shared
run memory mremap
run memory protect
run memory madvise
run memory filemap
run threads threads
run threads robust
threads exec-child; echo $?
run process vfork
run process groups
run process limits
run process ids
run signals self
run signals mask
run pipes one-each
run pipes second-reader
run pipes writer-killed
run pipes forked-in-the-middle
run regular seek
run regular fork

cd ..
run rm -r every
ls -a | wc -l
exit $failed
