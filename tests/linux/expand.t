# What the shell makes of words: parameters, arithmetic, patterns, quotes.

### default-values
unset x; y=
echo "${x-unset} ${x:-null} [${y-unset}] ${y:-null}"
echo "${x=set}" "$x"; echo "${y:=given}" "$y"
echo "${x+alt} ${z+alt}[]"

### missing-parameter-ends-the-shell
(: ${x?is missing}) 2>&1 | sed 's/^.*x: //'
(: ${x:?}) 2>/dev/null; echo $?

### lengths-and-pieces
x=abcdefgh
echo ${#x} ${x#a*c} ${x##*e} ${x%f*} ${x%%c*}
echo ${x:2} ${x:2:3} ${x: -3} ${x: -3:2}

### replace
x='a-b-c-d'
echo "${x/-/+} ${x//-/+} ${x//-} ${x/#a/A} ${x/%d/D}"

### path-pieces
p=/usr/local/lib/file.tar.gz
echo ${p##*/} ${p%/*} ${p%%.*} ${p#*.} $(basename $p .gz) $(dirname $p)

### positional-parameters
set -- a 'b c' d
echo $# "$1" "$2"
for i in "$@"; do echo "<$i>"; done
for i in $*; do echo "($i)"; done
shift 2; echo $# $1
set -- 1 2 3 4 5 6 7 8 9 10 11; echo ${10}${11} $10

### star-joins-by-ifs
set -- a b c
IFS=,; echo "$*"; echo "$@"; IFS=; echo "$*"

### word-splitting
x=' a  b '
set -- $x; echo $#
set -- "$x"; echo $#
IFS=:; y=a::b:; set -- $y; echo $#

### special-parameters
sh -c 'echo $0 $# $1' name arg
false; echo $?
(exit 42); echo $?
echo $- | grep -c e
set -e; echo $- | grep -c e

### quotes
echo "a'b" 'a"b' a\ b "a\"b" "\$x" '\n' "a\
b"
echo "`echo "nested 'quotes'"`"

### dollar-quotes
echo $'a\tb\x41\102\n.'

### globs
mkdir d; touch a.c b.c c.h d/x.c .hidden 'sp ace.c'
echo *.c; echo ?.?; echo [ab].c; echo [!ab].*; echo */*.c; echo .h*; echo none*
echo 'quoted*' "*.c"

### glob-of-nothing-stays
echo *.nothing
set -f; touch a b; echo *

### tilde
HOME=/home/me; echo ~ ~/x '~' "~" a~
echo ~root ~user

### case-patterns
for w in apple banana cherry 42 a.b ''; do
    case $w in
    a*) echo "$w: begins with a" ;;
    *an*) echo "$w: has an" ;;
    [0-9]*) echo "$w: number" ;;
    "") echo "empty" ;;
    cherry|plum) echo "$w: fruit" ;;
    esac
done

### arithmetic-operators
echo $((7 / 2)) $((-7 / 2)) $((7 % 3)) $((-7 % 3)) $((2 ** 10)) $((1 << 40)) $((-1 >> 1))
echo $((5 & 3)) $((5 | 3)) $((5 ^ 3)) $((~5)) $((!5)) $((!0))
echo $((3 > 2)) $((3 <= 2)) $((3 == 3)) $((3 != 3)) $((1 && 0)) $((1 || 0))
echo $((1 ? 2 : 3)) $((0 ? 2 : 3)) $((2 + 3 * 4)) $(((2 + 3) * 4))

### arithmetic-assignments
x=5
echo $((x += 2)) $((x *= 3)) $((x -= 1)) $((x /= 4)) $((x <<= 2)) $((x %= 7)) $x
echo $((x++)) $((++x)) $((x--)) $((--x)) $x
echo $((a = 1, b = 2, a + b))

### arithmetic-bases
echo $((0x1f)) $((017)) $((0xffffffffffffffff)) $((9223372036854775807 + 1))

### arithmetic-errors
(echo $((1 / 0))) 2>/dev/null; echo $?
(echo $((1 +))) 2>/dev/null; echo $?

### let-and-test
let x=3+4; echo $x $?
let 'x = 0'; echo $?
[ $((x + 1)) -eq 1 ] && echo yes

### test-strings
t() { if [ "$@" ]; then echo "true: $*"; else echo "false: $*"; fi; }
t a = a; t a = b; t a != b; t -n ''; t -z ''; t x; t ''; t '(' x ')'; t ! x
t a '<' b; t b '>' a; t x -a ''; t x -o ''

### test-numbers
for op in -eq -ne -lt -le -gt -ge; do [ 3 $op 5 ] && echo "3 $op 5"; [ 5 $op 5 ] && echo "5 $op 5"; done
[ a -eq 1 ] 2>/dev/null; echo $?

### test-files
touch f; mkdir d; ln -s f l; ln -s none broken; mkfifo p; chmod 000 f; echo x > full
for op in -e -f -d -L -h -p -s -r -w -x -b -c -S; do
    for n in f d l broken p full; do [ $op $n ] && echo "$op $n"; done
done
[ -c /dev/null ] && echo char

### test-newer-older-same
touch -d '2020-01-01 00:00:00' old; touch -d '2021-01-01 00:00:00' new; ln new link
[ new -nt old ] && echo newer; [ old -ot new ] && echo older; [ new -ef link ] && echo same; [ new -ef old ] || echo different

### double-bracket
x='a b'
[[ $x = 'a b' ]] && echo equal
[[ abc = a* ]] && echo pattern
[[ abc =~ ^a.c$ ]] && echo regex
[[ abc != b* && 1 -lt 2 ]] && echo both

### braces-are-literal
echo {a,b} {1..3}

### aliases-and-functions
alias hi='echo hello'
hi there
f() { echo "f: $# $1"; return 7; }
f a b; echo $?
unset -f f; f 2>/dev/null; echo $?

### local-variables
x=outer
f() { local x=inner; echo $x; g; }
g() { echo $x; x=changed; }
f; echo $x

### recursion
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 10
fib() { [ $1 -lt 2 ] && { R=$1; return; }; local a; fib $(($1 - 1)); a=$R; fib $(($1 - 2)); R=$((R + a)); }
fib 12; echo $R

### eval
x='echo "$y"'; y='a  b'
eval $x; eval "$x"
for i in 1 2; do eval "v$i=$((i * 10))"; done; echo $v1 $v2

### exported-and-prefixed-variables
x=1; export y=2
sh -c 'echo "[$x] [$y]"'
x=3 sh -c 'echo "[$x]"'; echo $x
env -i a=b /bin/sh -c 'echo $a $y'

### readonly
readonly r=1
(r=2) 2>/dev/null; echo $? $r

### unset-with-nounset
set -u
(echo $nothing) 2>/dev/null; echo $?
echo ${nothing-fine}

### loops
for i in 1 2 3 4 5; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
i=0; while [ $i -lt 3 ]; do echo w$i; i=$((i + 1)); done
until [ $i -eq 0 ]; do i=$((i - 1)); done; echo $i
for a in 1 2; do for b in 1 2 3; do [ $b = 2 ] && continue 2; echo $a$b; done; done

### select-lists-by-if
if false; then echo 1; elif true; then echo 2; else echo 3; fi
true && echo and || echo or
false && echo and || echo or

### set-e-ends-at-failures
sh -ec 'true; false; echo not reached'; echo $?
sh -ec 'if false; then :; fi; false || true; ! true; echo reached'; echo $?

### set-x-traces
sh -xc 'x=1; echo $x "a b"' 2>&1

### set-n-checks-only
echo 'echo not run; if true; then :; fi' > s
sh -n s; echo $?
echo 'if true; then' > s; sh -n s 2>/dev/null; echo $?

### printf-formats
printf '%d %5d %-5d| %05d %x %X %o %c %s\n' 42 42 42 42 255 255 8 abc str
printf '%s %s\n' a b c
printf '%5s|%-5s|%.2s|%5.1s\n' abc abc abc abc
printf '%b|%s\n' 'a\tb' 'a\tb'
printf '%%|\101|\x41|\e[m|\a' | xxd -p
printf '%f %.2f %e %g\n' 3.14159 3.14159 31415.9 0.0001

### printf-bad-numbers
printf '%d\n' abc 2>/dev/null; echo $?
printf '%d\n' "'A"

### echo-options
echo -n a; echo b; echo -e 'a\tb\c'; echo; echo -E 'a\tb'; echo --

### seq-forms
seq 3; seq 2 4; seq 1 2 6; seq 3 -1 1; seq -w 8 11; seq -s , 4; seq 0.5 0.5 2

### expr-forms
expr 1 + 2 \* 3; expr 7 % 4; expr abc : 'a\(.\)c'; expr length hello; expr substr hello 2 3; expr index hello l
expr 3 \< 4; expr a = b; echo $?; expr 1 / 0 2>/dev/null; echo $?

### getopts
f() {
    OPTIND=1
    while getopts ab:c o; do echo "$o [$OPTARG]"; done 2>/dev/null
    shift $((OPTIND - 1)); echo "rest: $*"
}
f -a -b val -c x y; f -abval; f -z; f -b

### getopt-program
getopt -o ab: -l long,arg: -- -a file --arg=x -b 'y z' --long

### type-and-command
type cd | head -n 1; command -v echo; type nothing-here; echo $?
command true; echo $?

### here-string-of-dot
echo 'x=sourced; echo in $x' > inc.sh
. ./inc.sh; echo $x
sh ./inc.sh

### cd-and-pwd
mkdir -p a/b; ln -s a/b l
cd a/b; cd ..; basename "$PWD"; cd - > /dev/null; basename "$PWD"
cd ../../l; basename "$PWD"; basename "$(pwd -P)"
cd /nonexistent 2>/dev/null; echo $?

### umask-forms
umask; umask 077; umask; umask -S; umask u=rwx,g=rx,o=; umask

### ulimit-open-files
ulimit -n 20; ulimit -n
sh -c 'exec 3</dev/null; ulimit -n; exec 25</dev/null' 2>/dev/null; echo $?

### hash-and-path
mkdir bin; printf '#!/bin/sh\necho mine "$@"\n' > bin/prog; chmod +x bin/prog
PATH=$PWD/bin:$PATH
prog 1 2
chmod -x bin/prog; prog 2>/dev/null; echo $?
