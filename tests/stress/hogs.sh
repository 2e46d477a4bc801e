#!/bin/sh
# SPDX-License-Identifier: MIT
# In the guest, as root: an ordinary user's hog of each kind runs while root works; then one kill ends its group, and the
# ledgers must be as before. Prints a line a kind, and the differences.
cd /tmp

ledger() {
    grep -v '^forks ' /proc/bulkhead/ledger
    df / >/tmp/df  # not into a pipe: what its reader holds would count or not
    tail -n 1 /tmp/df
    df -i / >/tmp/df
    tail -n 1 /tmp/df
}

hogs() { ps -o user,comm | grep -c '^user *hog'; }

for kind in ${*:-forks memory pipes files space}; do
    ledger >/tmp/after
    ledger >/tmp/before
    ledger >/tmp/before
    su user -s /bin/sh -c "cd /home/user; exec setsid hog $kind" 2>/dev/null &
    sleep 3
    n=$(hogs)
    # Root's work: processes, files, pipes.
    [ "$(for i in 1 2 3 4 5; do echo $i; done | tail -n 1)" = 5 ] && ls -l / >/tmp/listing &&
        mkdir /tmp/made && rm -r /tmp/made && works=yes || works=no
    group=$(ps -o pgid,user,comm | awk '$2 == "user" && $3 == "hog" { print $1; exit }')
    [ -n "$group" ] && kill -9 "-$group"  # the last hog for memory may have ended already
    wait 2>/dev/null
    for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(hogs)" = 0 ] && break; sleep 0.2; done
    rm -f /home/user/hog.space /tmp/listing
    sleep 0.5
    ledger >/tmp/after
    if cmp -s /tmp/before /tmp/after; then same=yes; else same=no; fi
    echo "$kind: root works: $works; ended by one kill: $([ "$(hogs)" = 0 ] && echo yes || echo no); ledger as before: $same"
    [ $same = yes ] || diff /tmp/before /tmp/after | grep '^[-+][a-z]'
done
exit 0
