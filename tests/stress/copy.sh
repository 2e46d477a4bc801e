# SPDX-License-Identifier: MIT
# In the guest, as root: copy.sh COPIES. 64 MiB are copied and their sum is taken, so often; prints the sums, and on standard
# error how long it took and how often tmpfs was started.
cd /tmp

# now, starts: of the component
status() { sed -n "s/^tmpfs .* $1 \([0-9]*\) .*/\1/p" /proc/bulkhead/status; }

seq 1 1000000 >part
while [ "$(stat -c %s part)" -lt 67108864 ]; do cat part part >whole && mv whole part; done
truncate -s 64M part
md5sum <part
began=$(status now)
for i in $(seq "$1"); do
    cp part copy && md5sum <copy && rm copy
done
echo "took $((($(status now) - began) / 1000)) us; starts $(status starts)" >&2
