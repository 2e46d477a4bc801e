# Pipelines, redirections and here-documents.

### five-programs-in-a-row
seq 1 500 | grep -v 7 | awk '{s += $1; print $1, s}' | tail -n 20 | sort -r -n | head -n 5

### writer-dies-of-sigpipe
yes | head -n 2
(yes; echo "yes ended with $?" >&2) | head -n 1

### exit-status-is-the-last-one
false | true; echo $?
true | false; echo $?
! true | false; echo $?

### pipefail-reports-the-failing-one
set -o pipefail
true | false | true; echo $?
exit 3 | true; echo $?

### reader-sees-end-of-file-when-all-writers-close
{ echo one; echo two; } | { read a; read b; read c; echo "$a $b [$c] $?"; }

### megabyte-through-a-pipe-arrives-whole
dd if=/dev/zero bs=1k count=1024 2>/dev/null | tr '\0' x | md5sum

### big-writes-and-small-reads
seq 1 3000 | dd bs=7 2>/dev/null | md5sum
seq 1 3000 | dd ibs=4096 obs=3 2>/dev/null | md5sum

### tee-copies-to-files-and-output
seq 3 | tee a b | wc -l
cat a b

### pipe-to-a-loop-runs-in-a-subshell
n=0
seq 5 | while read x; do n=$((n + x)); done
echo $n

### pipe-into-a-group-keeps-the-variables-there
seq 5 | { n=0; while read x; do n=$((n + x)); done; echo $n; }

### stderr-through-a-pipe
sh -c 'echo out; echo err >&2' 2>&1 >/dev/null | sed 's/^/got /'

### swap-outputs
(echo out; echo err >&2) 3>&1 1>&2 2>&3 3>&- | tr a-z A-Z

### here-document-expands
x=5
cat <<END
x is $x, sum $((x + 1)), command $(echo hi), quoted \$x
END

### here-document-quoted-does-not-expand
x=5
cat <<'END'
x is $x, $(echo hi) \
END

### here-document-strips-tabs
cat <<-END
	one
		two
	END
echo after

### here-document-of-two-in-one-line
cat <<A - <<B
a
A
b
B
cat <<A; cat <<B
first
A
second
B

### here-document-beyond-a-pipe-buffer
{ echo 'cat <<END | md5sum'; seq 1 30000; echo END; } > script
sh script

### append-and-truncate
echo a > f; echo b >> f; cat f
: > f; wc -c f
echo c >> new; cat new

### noclobber-refuses-to-overwrite
set -C
echo one > f
(echo two > f) 2>/dev/null; echo $?
echo three >| f; cat f

### read-write-descriptor-shares-its-offset
echo 0123456789 > f
exec 3<>f
dd bs=3 count=1 <&3 2>/dev/null; echo
echo -n XX >&3
cat <&3
cat f

### offset-is-shared-with-the-child
exec 4>f
echo one >&4
sh -c 'echo two >&4'
(echo three >&4)
cat f

### closed-descriptors-fail
(echo x >&9) 2>/dev/null; echo $?
echo x > g; exec 6<g; exec 6<&-; (cat <&6) 2>/dev/null; echo $?

### descriptors-survive-exec
echo data > f
exec 7<f
exec sh -c 'read x <&7; echo got $x'

### redirect-from-a-missing-file
(cat < missing) 2>/dev/null; echo $?

### redirect-into-a-directory
mkdir d
(echo x > d) 2>/dev/null; echo $?

### loop-with-redirected-input
printf 'a b\nc d\n' > f
while read x y; do echo "$y $x"; done < f

### output-of-a-function-redirected
f() { echo out; echo err >&2; }
f > a 2> b
cat b a

### read-splits-fields
echo ' a  b:c  d ' | { read x y; echo "[$x][$y]"; }
echo 'a:b::c' | { IFS=: read x y z w; echo "[$x][$y][$z][$w]"; }
printf 'a\\\nb\n' | { read x; echo "[$x]"; }
printf 'a\\tb\n' | { read -r x; echo "[$x]"; }
printf 'no newline' | { read x; echo "[$x] $?"; }

### read-with-a-delimiter-and-count
printf 'abc;def' | { read -d ';' x; echo "[$x]"; read -n 2 y; echo "[$y]"; }

### read-times-out
mkfifo p
exec 3<>p
read -t 1 x <&3; echo "status $? [$x]"

### command-substitution-drops-newlines
x=$(printf 'a\n\nb\n\n\n'); echo "[$x]"
echo "[$(exit 3)] $?"
x=$(exit 3); echo $?

### nested-substitutions
echo $(echo $(echo $(echo deep)))
echo `echo \`echo back\``

### pipe-of-sixteen-cats
seq 1 1000 | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | md5sum

### background-writers-to-one-pipe
{ for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5; do echo "line $i $j"; done) & done; wait; } | sort

### co-operating-processes-over-two-fifos
mkfifo to from
(while read x; do echo $((x * x)); done < to > from) &
exec 3>to 4<from
for i in 2 5 12; do echo $i >&3; read y <&4; echo $y; done
exec 3>&-; wait; echo done

### xargs-splits-by-count
seq 10 | xargs -n 3 echo

### xargs-passes-status
seq 3 | xargs -n 1 sh -c 'exit 1' ; echo $?
echo 1 | xargs sh -c 'exit 255'; echo $?
echo x | xargs missing-command 2>/dev/null; echo $?

### xargs-replaces
printf 'a b\nc\n' | xargs -I {} echo '<{}>'

### xargs-with-nul
printf 'a b\0c\nd\0' | xargs -0 -n 1 printf '[%s]\n'

### xargs-in-parallel
seq 8 | xargs -P 4 -n 1 sh -c 'echo $0 > out.$0'
cat out.* | sort -n | tr '\n' ' '

### process-group-output-order
(echo a; echo b) | cat; (echo c | cat; echo d) | cat

# What can happen to the ends while bytes stream through: pipes.c prints what it found.

### stream-between-exclusive-ends-arrives timeout=20
pipes one-each

### second-reader-in-mid-stream-loses-nothing timeout=20
pipes second-reader

### readers-that-come-and-go-lose-nothing timeout=20
pipes readers-come-and-go

### second-writer-in-mid-stream-loses-nothing timeout=20
pipes second-writer

### four-writers-lose-nothing timeout=20
pipes four-writers

### writer-killed-in-mid-stream-leaves-what-it-wrote timeout=20
pipes writer-killed

### reader-killed-in-mid-stream-breaks-the-pipe timeout=20
pipes reader-killed

### reader-killed-while-the-writer-sleeps-wakes-it timeout=20
pipes reader-killed-while-full

### messages-of-pipe-buf-are-not-mixed timeout=20
pipes atomic-writes

### big-pieces-of-any-size-arrive timeout=20
pipes big-pieces

### full-and-empty-pipes-do-not-block timeout=20
pipes full-and-empty

### poll-and-select-on-both-ends timeout=20
pipes polled

### threads-share-an-end timeout=20
pipes threads

### both-ends-in-one-process timeout=20
pipes within-one-process

### fork-in-mid-stream-loses-nothing timeout=20
pipes forked-in-the-middle

### exec-in-mid-stream-loses-nothing timeout=20
pipes exec-in-the-middle

### waiting-reader-is-interrupted timeout=20
pipes interrupted

### bad-addresses-consume-nothing timeout=20
pipes bad-addresses

### fifo-opened-again timeout=20
pipes fifo-opened-again

### fifo-outlives-its-writers timeout=20
pipes fifo-of-many-writers

### writer-that-scribbles-harms-itself timeout=20
pipes spoilt-by-writer

### reader-that-scribbles-harms-itself timeout=20
pipes spoilt-by-reader
