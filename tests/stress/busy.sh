#!/bin/sh
# SPDX-License-Identifier: MIT
# In the guest, as root: busy.sh FORKS MESSAGES FILES, or busy.sh ROUNDS of processes that are killed in every state. The
# ledger before and after, which must be the same; prints both when they are not, and exits with 1.
cd /tmp
. /quiet.sh

ledger() {
    grep -v '^forks ' /proc/bulkhead/ledger
    awk '{ $6 -= $8; $8 = 0; print }' /proc/bulkhead/components
    usage
    df /
    df -i /
}

work() {
    if [ $# = 1 ]; then ends "$1"; else busy forks "$1" && busy messages "$2" && busy files "$3"; fi
    status=$?
    rm -f fifo locked mapped file other deleted  # of ends
    return $status
}

work 3 ${2:+3 3} >/dev/null  # what is made at first use and kept
ledger >/tmp/after
ledger >/tmp/before
ledger >/tmp/before
work "$@" || exit 1
sleep 0.5
ledger >/tmp/after
cat /tmp/after
if cmp -s /tmp/before /tmp/after; then
    echo "the ledger is as before"
else
    echo "the ledger differs:"
    diff /tmp/before /tmp/after
    exit 1
fi
