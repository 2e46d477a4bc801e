# SPDX-License-Identifier: MIT
# kills.sh [COMPONENT...]: work with files, pipes and processes while these components are killed in turn, the next one
# as soon as the one before is back. Prints what the work gave, which must not depend on the kills, and on
# standard error how often each component has started, but for renewals.
work() {
    mkdir -p /tmp/w/a/b && cd /tmp/w || exit
    for i in $(seq 1 40); do
        seq 1 $((i * 25)) > a/$i
        ln a/$i a/b/$i
        mv a/$i "a/b/moved $i"
    done
    find . -type f -print0 | sort -z | xargs -0 md5sum
    seq 1 3000 | sort -rn | awk '{s += $1 * NR} END {print s}'
    tar -c a | gzip | gunzip | tar -t | sort | md5sum
    pipes one-each second-reader second-writer writer-killed exec-in-the-middle fifo-opened-again
    for i in 1 2 3 4 5 6 7 8; do (exit $i) & done
    for p in $(jobs -p); do wait $p; echo $?; done
    (trap 'echo caught; exit 3' TERM; echo ready > ready; while :; do :; done) &
    while [ ! -s ready ]; do usleep 1000; done
    kill $!; wait $!; echo "status $?"
    rm -r a && ls -a
}

killer() {
    while :; do
        for name in "$@"; do
            echo "$name" > /proc/bulkhead/kill
            usleep 3000
        done
    done
}

[ $# -eq 0 ] || { killer "$@" & killer=$!; }
(work)
[ $# -eq 0 ] || kill $killer
awk '{ $6 -= $8; $8 = 0; print }' /proc/bulkhead/components >&2
