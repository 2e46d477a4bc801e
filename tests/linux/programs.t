# Running programs: environment, limits, priorities, finding files, xargs; devices; names of files.

### environment
env -i A=1 B=2 env | sort; env -u HOME sh -c 'echo [$HOME]'; A=x env | grep ^A=; export E=1; unset E; env | grep -c ^E=; printenv PATH 2>/dev/null > /dev/null; echo end

### long-environment-and-arguments
x=$(head -c 60000 /dev/zero | tr '\0' x); export x; sh -c 'echo ${#x}'; sh -c 'echo ${#1}' sh $x; set -- $(seq 5000); sh -c 'echo $# ${5000}' sh "$@"

### argument-list-too-long
x=$(head -c 100000 /dev/zero | tr '\0' x); (sh -c 'echo $#' sh $x$x 2>/dev/null); echo $?

### interpreter-lines
printf '#!/bin/sh -e\nfalse\necho no\n' > a; printf '#!/bin/cat\ntext\n' > b; printf '#! /bin/echo  one two\n' > c; printf '#!/missing\n' > d; chmod +x a b c d
./a; echo $?; ./b; ./c x; ./d 2>/dev/null; echo $?; printf '#!%s/b\nouter\n' "$PWD" > e; chmod +x e; ./e | tail -n 1; printf 'echo no line\n' > g; chmod +x g; ./g

### script-name-and-arguments
printf '#!/bin/sh\necho "${0##*/}" "$@"\n' > prog; chmod +x prog; ./prog 'a b' c; sh prog x; PATH=.:$PATH; prog y; ln -s prog other; ./other z

### not-an-executable
head -c 100 /dev/zero > z; chmod +x z; ./z 2>/dev/null; echo $?; printf '\177ELF' > e; chmod +x e; ./e 2>/dev/null; echo $?; mkdir d; ./d 2>/dev/null; echo $?

### busybox-by-any-name
ln -s /bin/busybox cat; echo x | ./cat; /bin/busybox echo applet; cp /bin/busybox true; ./true; echo $?; ln -s /bin/busybox nosuch; ./nosuch 2>/dev/null; echo $?

### limits-of-file-size
ulimit -f 4; (dd if=/dev/zero of=f bs=1k count=10 2>/dev/null); echo $?; wc -c f

### limits-are-inherited
ulimit -n 50; sh -c 'ulimit -n'; (ulimit -n 30; sh -c 'ulimit -n'); ulimit -n; ulimit -S -n 20; ulimit -H -n; ulimit -S -n

### limits-cannot-grow-back user=user
ulimit -n 50; (ulimit -n 60) 2>/dev/null; echo $?; ulimit -n

### limit-of-processes user=user
sh -c 'ulimit -u 1; (true); echo not reached' 2>/dev/null; echo $?

### time-of-a-command
time true 2>&1 | wc -l; { time -p sleep 0 ; } 2>&1 | cut -d' ' -f1

### which-and-whoami
which sh; which nosuch; echo $?; whoami; id -un; logname 2>/dev/null; echo $?; uname -m

### uname-pieces
hostname other; hostname; uname -s; uname -n; uname -m; uname -o; hostname bulkhead

### find-by-kind-and-name
mkdir -p d/e/f; touch d/a.c d/e/b.c d/e/c.h; ln -s a.c d/l; mkfifo d/p
find d | sort; find d -type f | sort; find d -name '*.c' | sort; find d -type l -o -type p | sort; find d -maxdepth 1 | sort; find d -mindepth 2 | sort; find d -path '*e/*' -name c.h
find d ! -type d | sort; find d -type d -empty; find d -name e -prune -o -type f -print; find d -iname 'A.*'; find d -depth | tail -n 1; find . -xdev -name b.c

### find-by-attributes
touch -d '2001-01-01 00:00:00' old; touch new; printf 12345 > five; chmod 600 five; : > empty
find . -type f -newer old | sort; find . -size 5c; find . -empty -type f | sort; find . -perm 600; find . -mtime +1000; find . -links 1 -type f | wc -l; find . -user root | wc -l; find . -name five -size +2c

### find-acts
mkdir d; for i in 1 2 3; do echo $i > d/$i; done
find d -type f -exec cat {} \; | sort; find d -type f -exec echo {} + | tr ' ' '\n' | sort; find d -name 2 -exec rm {} \; ; ls d; find d -type f -print0 | sort -z | xargs -0 cat; find missing 2>/dev/null; echo $?

### checksums-over-a-tree
mkdir -p t; for a in 1 2 3 4 5; do mkdir t/$a; for b in 1 2 3 4 5 6; do seq $((a * b * 10)) > t/$a/$b; done; done
find t -xdev -type f | xargs sha256sum | sort | sha256sum; find t -type f | sort | xargs cat | md5sum; du -a t > /dev/null; echo $?

### sums-of-all-files-of-the-system
find / -xdev -type f ! -path '/t*' ! -path '/.bulkhead/*' ! -path '/usr/*' | xargs sha256sum | sort

### tree-of-two-thousand-files timeout=60
i=0; while [ $i -lt 20 ]; do mkdir d$i; (cd d$i; seq 100 | xargs touch); i=$((i + 1)); done; find . -type f | wc -l; ls d7 | sort -n | tail -n 1; rm -r d*; ls | wc -l

### deep-tree
i=0; p=.; while [ $i -lt 60 ]; do mkdir d; cd d; i=$((i + 1)); done; echo bottom > f; pwd | grep -o /d | wc -l; cd ../../..; find . -name f | xargs cat

### path-too-long
n=$(head -c 250 /dev/zero | tr '\0' n); p=.; i=0; while [ $i -lt 17 ]; do p=$p/$n; i=$((i + 1)); done; cat $p 2>&1 | sed 's/.*: //'

### name-of-255-bytes
n=$(head -c 255 /dev/zero | tr '\0' n); echo x > $n; cat $n; ls | wc -c; touch ${n}x 2>&1 | sed 's/.*: //'; mkdir ${n}x 2>&1 | sed 's/.*: //'; ln -s $n l; cat l

### names-of-any-bytes
touch -- "$(printf 'a\nb')" "$(printf '\377\376')" "$(printf 'tab\there')" ' leading' 'é' '*' '?' "quote'" '"' '\' '-dash' 'a b'
ls | cat -v; for f in *; do [ -f "$f" ] && echo ok; done | wc -l; rm ./*; ls | wc -l

### names-of-utf8
mkdir Ünïcödé; echo x > Ünïcödé/文件; find . | sort; cat */文*; mv Ünïcödé/文件 file; ls

### xargs-over-many-files
seq 3000 | xargs echo | wc -l; seq 3000 | xargs -n 500 echo | wc -l; seq 5 | xargs -t echo 2>&1; echo | xargs -r echo never; printf 'a\n"b c"\n' | xargs -n 1 echo; seq 3 | xargs -n 1 -I X sh -c 'echo X; exit 1' ; echo $?

### dev-null-zero-full
cat /dev/null | wc -c; head -c 5 /dev/zero | xxd -p; echo x > /dev/null; echo $?; (echo x > /dev/full) 2>/dev/null; echo $?; head -c 3 /dev/full | xxd -p; dd if=/dev/null 2>/dev/null | wc -c; wc -c < /dev/null

### dev-random
head -c 16 /dev/urandom | wc -c; a=$(head -c 16 /dev/urandom | xxd -p); b=$(head -c 16 /dev/urandom | xxd -p); [ $a != $b ] && echo different; echo x > /dev/urandom; echo $?; head -c 4 /dev/random | wc -c

### dev-tty-without-one
(echo x > /dev/tty) 2>/dev/null; echo $?; tty < /dev/null; tty -s < /dev/null; echo $?; [ -t 0 ] || echo no terminal; stty < /dev/null 2>/dev/null; echo $?

### dev-files-are-there
for f in null zero full random urandom tty console ptmx; do stat -c '%n %F %t %T' /dev/$f; done

### dev-fd-names
echo x > f; cat < f /dev/fd/0; exec 3<f; cat /dev/fd/3; cat /proc/self/fd/3 | wc -c; (echo out > /dev/stdout) | cat; (echo err > /dev/stderr) 2>&1 | cat

### fifo-meets-both-ends
mkfifo p; (echo through > p) & cat p; wait; (cat p > out) & echo back > p; wait; cat out; stat -c %F p

### fifo-open-for-both-needs-no-partner
mkfifo p; exec 3<>p; echo x >&3; read y <&3; echo $y; exec 3>&-; echo end

### fifo-with-several-writers
mkfifo p; (sort p > out) & exec 3>p; for i in 3 1 2; do (echo $i > p) & q="$q $!"; done; wait $q; exec 3>&-; wait; cat out

### fifo-full-blocks-the-writer
mkfifo p; (seq 1 20000 > p; echo written > done) & sleep 1; [ -e done ] || echo blocked; md5sum < p; wait; cat done

### mktemp-date-and-process-of-their-own
[ $$ -gt 1 ] && echo pid; [ $(date +%Y) -ge 2024 ] && echo date; a=$(date +%s); sleep 1; b=$(date +%s); [ $b -gt $a ] && echo passes

### passwd-and-groups
grep -c . /etc/passwd > /dev/null && echo read; id root; id -G root; cat /etc/hostname; mkpasswd -m sha256 -S abcdefgh secret 2>/dev/null | cut -c1-12; cryptpw 2>/dev/null; echo end

### mount-forbidden-to-users user=user
mkdir m; mount -t tmpfs none m 2>/dev/null; echo $?; umount / 2>/dev/null; echo $?; hostname changed 2>/dev/null; echo $?; date -s 2000-01-01 > /dev/null 2>&1; echo $?

### mount-and-umount-of-what-is-not-there
mount -t nosuch none /nowhere; mkdir m; : > f; mount -t nosuch none m; umount /nowhere; umount m; umount f; umount -l f/x

### umount-by-users user=user
umount /nowhere; umount /tmp; mount -t tmpfs none /nowhere

### stat-of-what-is-not-there
stat missing 2>&1 | sed 's/.*: //'; ls missing/x 2>&1 | sed 's/.*: //'; cat '' 2>&1 | sed 's/.*: //'; cd '' ; echo $?; rm '' 2>&1 | sed 's/.*: //'; mkdir '' 2>&1 | sed 's/.*: //'
