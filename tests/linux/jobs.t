# Job control in scripts (set -m), which this shell has only with a controlling terminal: onpty gives it one. Where ^C or ^Z is
# typed, the terminal does not echo: Linux signals first, and drops the echo when who hears the signal is gone before it.

### set-m-job-is-a-group-that-signals-reach
cat > s <<'EOF'
#!/bin/sh
set -m
sleep 100 | cat &
kill -STOP -$(jobs -p)
until jobs | grep -q Stopped; do usleep 1000; done; jobs | tr -s ' '
kill -KILL %1; wait; echo all gone
EOF
chmod +x s; onpty sh -c 'exec ./s 2>/dev/null'

### set-m-shell-hears-of-the-job-that-control-c-ended
cat > s <<'EOF'
stty -echo
trap 'echo the shell hears it' INT
set -m
sh -c 'echo started; exec sleep 100'
echo status $?
EOF
onpty sh ./s <<'EOF'
< started\r\n
> \003
EOF

### without-set-m-control-c-reaches-the-shell-too
cat > s <<'EOF'
stty -echo
trap 'echo the shell hears it' INT
sh -c 'echo started; exec sleep 100'
echo status $?
EOF
onpty sh ./s <<'EOF'
< started\r\n
> \003
EOF

### set-m-control-z-stops-and-fg-goes-on
cat > s <<'EOF'
stty -echo
set -m
sh -c 'echo started; read line; echo got $line'
echo status $?; jobs | tr -s ' '
echo again; fg; echo status $?; jobs
EOF
onpty sh ./s <<'EOF'
< started\r\n
> \032
< again\r\n
< line"\r\n
> one line\n
EOF

### set-m-control-z-stops-a-whole-pipeline
cat > s <<'EOF'
#!/bin/sh
stty -echo
set -m
cat | sh -c 'echo started; exec cat' | cat
echo status $?; jobs | tr -s ' '; kill -KILL %1; wait; echo all gone
EOF
chmod +x s; onpty sh -c 'exec ./s 2>/dev/null' <<'EOF'
< started\r\n
> \032
EOF

### set-m-background-job-that-reads-is-stopped-until-fg
cat > s <<'EOF'
set -m
sh -c 'exec head -n 1' &
until jobs | grep -q Stopped; do usleep 1000; done
echo it waits; fg; echo status $?
EOF
onpty sh ./s <<'EOF'
< it waits\r\n
< head -n 1"\r\n
> for this\n
EOF

### set-m-background-job-that-writes-is-stopped-with-tostop-only
cat > s <<'EOF'
set -m
sh -c 'echo first' & wait $!; echo status $?
stty tostop
sh -c 'echo second' &
until jobs | grep -q Stopped; do usleep 1000; done
echo it waits; fg; echo status $?
EOF
onpty sh ./s

### set-m-terminal-is-the-foreground-jobs-and-then-the-shells
cat > s <<'EOF'
set -m
sh -c '[ $(cut -d" " -f5 /proc/$$/stat) = $(cut -d" " -f8 /proc/$$/stat) ] && echo the job has it'
sh -c '[ $(cut -d" " -f5 /proc/$$/stat) = $(cut -d" " -f8 /proc/$$/stat) ] || echo this one not' & wait $!
[ $(cut -d" " -f5 /proc/$$/stat) = $(cut -d" " -f8 /proc/$$/stat) ] && echo the shell has it back
cut -d" " -f7 /proc/$$/stat; ps -o tty | sed 1d | sort -u
EOF
onpty sh ./s; cut -d' ' -f7-8 /proc/self/stat

### set-m-each-stop-signal-stops-a-job
cat > s <<'EOF'
#!/bin/sh
set -m
for s in STOP TSTP TTIN TTOU; do
    sh -c "kill -$s \$\$; echo $s: goes on" &
    until jobs | grep -q Stopped; do usleep 1000; done
    jobs | tr -s ' '; fg >/dev/null
done
EOF
chmod +x s; onpty sh -c 'exec ./s 2>/dev/null'

### session-leaders-end-hangs-the-foreground-job-up
cat > s <<'EOF'
set -m
sh -c 'trap "echo yes > hung-up; exit" HUP; kill -9 $PPID; while :; do :; done'
EOF
onpty sh ./s; echo status $?
until [ -s hung-up ]; do usleep 1000; done; cat hung-up
