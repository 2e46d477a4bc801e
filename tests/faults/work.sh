#!/bin/sh
# SPDX-License-Identifier: MIT
# What the programs do while components fail: trees copied, archived and hashed, sorting, pipes, a typed line, locks,
# processes that end in many ways. What it prints on its terminal must be the same each time; messages of failed
# programs go to standard error, and their number is the exit status.
failed=0
run() { "$@" || failed=$((failed + 1)); }

mkdir -p a/deep && cd a || exit 100
for n in 1 2 3 4 5 6; do run seq $((n * 50)) >file$n; done
run dd if=/bin/busybox of=pages bs=3000 skip=20 count=4 2>/dev/null
run ln file1 deep/hard
run ln -s ../file2 deep/soft
run mv file3 'deep/a longer name'
run cp deep/soft file4
echo appended >>file5
run chmod 640 file6
cd .. || exit 100
run cp -r a b
mkdir c && tar -c a | run tar -x -C c
find . -type f -print0 | sort -z | run xargs -0 md5sum
ls -l a/deep | awk 'NR > 1 { print $1, $5 }'
run sort -rn c/a/file6 | head -n 2
seq 100 | run awk '{ s += $1 * NR } END { print s }'
gzip <b/file5 | gunzip | run cmp - a/file5
run dd if=a/file6 of=part bs=7 count=9 2>/dev/null
run truncate -s 20 part
wc -c part

: >part
run campaign --locks part
for n in 1 2 3 4 5 6; do (exit $n) & done
for n in 1 2 3 4 5 6; do wait $!; done
sh -c 'kill -9 $$' 2>/dev/null
echo "killed $?"
(trap 'echo caught; exit 7' USR1; kill -USR1 $(exec sh -c 'echo $PPID'); sleep 0.7; exit 8)
echo "trap $?"
read -r line
echo "typed: $line"
echo 'a line for the console' >/dev/console
stty -a | grep -c rows
printf 'a\tb\033[0m\n'
rm -r a b c part
ls -a | wc -l
exit $failed
