# Much at once: large files and trees. Slow.

### sort-of-big-data timeout=240
seq 1 200000 | awk '{print ($1 * 7919) % 200003}' > f; sort -n f | md5sum; sort f | md5sum; sort -rn f | head -n 3; wc -c f

### sort-of-sixty-four-megabytes timeout=300
seq 65536 | awk 'BEGIN {pad = sprintf("%1015s", "")} {printf "%06d %s\n", ($1 * 7919) % 65537, pad}' | sort -rn | md5sum

### ten-thousand-files-in-a-directory timeout=180
mkdir d; cd d; seq 10000 | xargs touch; ls | wc -l; ls | sort -n | md5sum; stat -c %h .; rm -f 5000; ls | grep -c '^500'; cd ..; rm -r d; ls | wc -l

### ten-thousand-files-in-a-tree timeout=120
i=0; while [ $i -lt 100 ]; do mkdir $i; (cd $i; seq 100 | xargs touch); i=$((i + 1)); done; find . -type f | wc -l; find . | sort | md5sum; tar c . | tar t | wc -l; rm -r [0-9]*; ls | wc -l

### eight-megabytes-there-and-back timeout=240
dd if=/dev/zero bs=1M count=8 2>/dev/null | tr '\0' z > f; wc -c f; cp f g; cmp f g && echo same; gzip -1 -c f | gzip -dc | cmp - f && echo same; md5sum g

### five-hundred-processes timeout=180
i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done; echo $i; i=0; while [ $i -lt 100 ]; do sleep 1 & i=$((i + 1)); done; wait; echo $i

### long-line timeout=180
head -c 100000 /dev/zero | tr '\0' a > f; echo >> f; wc f; sed 's/a/b/g' f | md5sum; cut -c 99990- f; awk '{print length($0)}' f; read x < f; echo ${#x}

### deep-recursion-of-a-function timeout=30
f() { [ $1 -eq 0 ] && return; f $(($1 - 1)); }; f 500; echo $?
