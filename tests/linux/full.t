# A full file system: the error, what of a write went in, and that all is well once something is removed.

### writing-until-full-gives-enospc-and-removing-helps timeout=120
n=0
while fallocate -l 16777216 big.$n 2>/dev/null; do n=$((n + 1)); done
[ $n -gt 2 ] && some=yes
message=$(fallocate -l 1073741824 more 2>&1)
rm -f more
dd if=/dev/zero of=rest bs=65536 2>/dev/null; dd=$?
[ -s rest ] && part=yes
echo one more >small 2>/dev/null; echo=$?
: >empty; create=$?
rm big.0
echo text >small; again=$?
echo "$some $message; dd $dd $part; echo $echo; create $create; again $again: $(cat small)"
dd if=/dev/zero of=after bs=65536 count=16 2>/dev/null; ls -s after
cmp -n 16777216 big.1 /dev/zero && echo zeros
rm big.* rest
