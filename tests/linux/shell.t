# The shell itself: status, output on both streams, pipes, signals.

### true-exits-0
true

### exit-status-is-passed-on
exit 7

### both-outputs-are-kept-apart
echo out
echo err >&2

### pipe-passes-lines-in-order
seq 1 2000 | while read n; do echo $n; done | tail -n 3

### killed-by-signal-gives-128-plus-number
sh -c 'kill -TERM $$'
echo $?

### fresh-directory-is-empty
ls -la | wc -l

### user-has-its-own-identity user=user
id
touch mine && ls -l mine | cut -d' ' -f1,5-6

### time-limit-kills-the-case timeout=1
sleep 5
