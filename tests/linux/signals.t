# Signals, traps, waiting for children, job control in scripts.

### trap-runs-on-exit
trap 'echo bye $?' EXIT; echo work; exit 3

### trap-runs-on-a-signal-to-itself
trap 'echo got TERM' TERM; kill -TERM $$; echo after; trap 'echo usr1' USR1; kill -USR1 $$; kill -s USR1 $$; kill -10 $$; echo end

### trap-during-a-child-runs-when-it-ends
trap 'echo trapped' USR1; sh -c "kill -USR1 $$; echo child"; echo after

### trap-ends-wait
trap 'echo trapped' USR1; sleep 5 & p=$!; (sleep 1; kill -USR1 $$) & wait $p; echo $?; kill $p

### trap-is-reset-in-subshells
trap 'echo parent trap' TERM; sh -c 'kill -TERM $$'; echo $?; (trap; kill -TERM $(sh -c 'echo $PPID')) 2>/dev/null; echo $?

### trap-ignored-is-inherited
trap '' TERM; sh -c 'kill -TERM $$; echo survived'; trap - TERM; sh -c 'kill -TERM $$; echo not reached'; echo $?

### trap-forms
trap 'echo a' USR1 USR2; trap | sort; trap - USR1; trap; trap '' USR2; trap; trap 2 && trap; trap 'echo zero' 0; (exit 2)

### trap-in-a-function-sees-its-status
f() { trap 'echo in trap $?' USR1; kill -USR1 $$; return 4; }; f; echo $?

### default-actions-of-signals
for s in HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR SYS; do
    sh -c "ulimit -c 0; kill -$s \$\$; echo survived" 2>/dev/null; echo "$s $?"
done
for s in CHLD CONT URG WINCH; do sh -c "kill -$s \$\$; echo survived $s"; done

### stop-signals-of-the-terminal-do-not-stop-an-orphaned-group
for s in TSTP TTIN TTOU; do setsid sh -c "kill -$s \$\$; echo went on after $s"; done

### real-time-signals-end-a-process
for s in 34 40 64; do sh -c "kill -$s \$\$" 2>/dev/null; echo $?; done

### kill-list
kill -l | tr ' ' '\n' | head -n 31 | tr '\n' ' '; echo; kill -l 9; kill -l 143; kill -l TERM

### kill-of-nothing
kill -0 $$ && echo self; kill -0 999999 2>/dev/null; echo $?; kill -99 $$ 2>/dev/null; echo $?; kill 2>/dev/null; echo $?

### kill-of-a-stopped-process
sleep 10 & p=$!; kill -STOP $p; kill -TERM $p; kill -CONT $p; wait $p 2>/dev/null; echo $?

### kill-9-of-a-stopped-process
sleep 10 & p=$!; kill -STOP $p; kill -KILL $p; wait $p 2>/dev/null; echo $?

### stop-and-continue-keeps-working
(i=0; while [ $i -lt 5 ]; do echo $i; i=$((i + 1)); done > out; sleep 1; echo done >> out) & p=$!
kill -STOP $p; kill -CONT $p; wait $p; cat out

### signals-between-processes-in-turn
mkfifo a b
(trap 'echo pong > b' USR1; echo ready > a; while :; do sleep 0.1; done) & p=$!
exec 4<>b; read x < a; for i in 1 2 3; do kill -USR1 $p; read x <&4; echo $x; done; kill -KILL $p; wait 2>/dev/null

### group-is-killed-as-one
setsid sh -c 'echo $$ > pid; sleep 30 & sleep 30 & : > up; wait' & p=$!
while [ ! -e up ]; do sleep 0.1; done; kill -TERM -$(cat pid); wait $p 2>/dev/null; echo $?; sleep 0.5; kill -0 -$(cat pid) 2>/dev/null; echo $?

### group-of-hundreds-is-stopped-continued-and-ended timeout=60
crowd 200

### wait-for-each
(exit 3) & a=$!; (exit 4) & b=$!; wait $b; echo $?; wait $a; echo $?; wait $a 2>/dev/null; echo $?; wait 1 2>/dev/null; echo $?; wait; echo $?

### wait-n
(exit 6) & wait -n; echo $?; wait; echo $?; wait -n; echo $?

### exit-codes
for c in 0 1 42 126 127 128 255; do sh -c "exit $c"; echo $?; done; sh -c 'exit 256'; echo $?; sh -c 'exit -1' 2>/dev/null; echo $?
missing-command 2>/dev/null; echo $?; /tmp 2>/dev/null; echo $?; : > f; ./f 2>/dev/null; echo $?; chmod +x f; ./f; echo $?

### orphans-go-to-init
sh -c '(sleep 1; sh -c "echo \$PPID" > ppid) & exit'; sleep 2; [ -s ppid ] && echo written

### exec-keeps-the-process
sh -c 'echo $$ > a; exec sh -c "echo \$\$ > b"'; cmp a b && echo same

### background-input-is-null
cat & wait; (cat) & wait; echo x | { cat & wait; }; echo end

### sigpipe-ignored-gives-an-error
(trap '' PIPE; yes 2>/dev/null; echo $? >&2) 2>&1 >/dev/full | head -n 1; (trap '' PIPE; (sleep 0.5; echo x; echo "status $?" >&2) 2>err | true; cat err | sed 's/.*: //')

### children-of-children
i=0; sh -c 'sh -c "sh -c \"sh -c \\\"exit 9\\\"\""'; echo $?

### many-children-at-once
i=0; while [ $i -lt 60 ]; do (exit $((i % 7))) & i=$((i + 1)); done; wait; echo $i

### fork-in-sequence timeout=60
i=0; while [ $i -lt 50 ]; do (exit 0); /bin/true; i=$((i + 1)); done; echo $i

### subshell-has-its-own-state
x=1; cd /tmp; (x=2; cd /; umask 0; exec > /dev/null; set -f); echo $x; pwd; umask; echo /et?

### timeout-ends-a-command
timeout 1 sleep 10; echo $?; timeout 5 true; echo $?; timeout -s INT 1 sleep 10; echo $?; timeout -k 1 1 sh -c 'trap "" TERM; sleep 10' 2>/dev/null; echo $?

### sleep-takes-fractions
sleep 0.1; sleep 0; sleep .2 0.1; echo $?; sleep x 2>/dev/null; echo $?

### alarm-by-read-timeout
mkfifo p; (read -t 1 x < p; echo "in child $?") & exec 3>p; wait; echo x | { read -t 5 y; echo $y; }

### nested-waits
(sleep 1 & sleep 0.5 & wait; echo inner) & wait; echo outer

### nohup-ignores-hangups
nohup sh -c 'kill -HUP $$; echo lives' 2>/dev/null | cat; echo $?

### setsid-makes-a-session
setsid sh -c 'echo in session'; echo $?; setsid -c true 2>/dev/null < /dev/null; echo $?

### start-stop-daemon-cycle
start-stop-daemon -S -b -m -p pid -x /bin/sleep -- 30; while [ ! -s pid ]; do sleep 0.1; done; kill -0 $(cat pid) && echo up; start-stop-daemon -K -q -p pid -x /bin/sleep; echo $?; rm -f pid
