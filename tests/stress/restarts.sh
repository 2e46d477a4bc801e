# SPDX-License-Identifier: MIT
# In the guest, as root: restarts.sh N. The ledger before and after at least N restarts of all components in turn, the
# supervisor and the guardian included, which must be the same; prints the difference when they are not, and exits with 1.
cd /tmp
. /quiet.sh

ledger() {
    grep -v '^forks ' /proc/bulkhead/ledger
    sed 's/ starts .* memory/ memory/' /proc/bulkhead/components
    usage
    df /
    df -i /
}

starts() { awk '{ n += $6 - $8 } END { print n }' /proc/bulkhead/components; }

names=$(cut -d ' ' -f 2 /proc/bulkhead/components)
read -r line </proc/uptime  # this shell has sessions with proc and, from this line on, tty
echo "restarting:" $names

restart() {  # at least $1 times; the shell's own memory may not grow with their number
    began=$(starts)
    round=0
    while [ $round -lt "$1" ]; do
        for name in $names; do
            echo "$name" >/proc/bulkhead/kill
            round=$((round + 1))
        done
    done
}

restart 1  # what this shell makes at first use and keeps
ledger >after
ledger >before
ledger >before
restart "$1"
while [ $(($(starts) - began)) -lt "$1" ]; do echo uart3 >/proc/bulkhead/kill; done
echo "restarts $(($(starts) - began))"
for look in 1 2 3 4 5; do  # a heartbeat may have come between two commands, or while one read in /proc
    usleep ${look}7000
    ledger >after
    cmp -s before after && echo "the ledger is as before" && exit
done
diff before after
exit 1
