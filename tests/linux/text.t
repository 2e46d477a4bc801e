# Programs that work on text: sort, uniq, cut, tr, diff, sed, awk, bc and friends.

### sort-forms
printf '10\n9\n2\n1\n' > n; sort n | tr '\n' ' '; sort -n n | tr '\n' ' '; sort -rn n | tr '\n' ' '; echo
printf 'b 2\na 2\nc 1\na 1\n' > k; sort -k2,2n -k1,1 k; sort -k1,1 -s k; sort -u -k1,1 k
printf 'x:3\ny:1\n' | sort -t: -k2; printf 'B\na\nC\n' | sort -f; printf 'a\nb\n' | sort -c; echo $?
printf 'b\na\n' | sort -c 2>/dev/null; echo $?; printf 'v1.10\nv1.9\n' | sort -V; printf 'Feb\nJan\n' | sort -M
printf 'b\0a\0' | sort -z | tr '\0' ' '; sort -o n -n n; cat n

### uniq-forms
printf 'a\na\nb\nc\nc\nc\na\n' > f; uniq f; uniq -c f; uniq -d f; uniq -u f; sort f | uniq -c | sort -rn
printf 'x 1\ny 1\nz 2\n' | uniq -f 1; printf 'abX\ncdX\n' | uniq -s 2; printf 'a\nA\n' | uniq -i

### cut-forms
echo 'a:b:c:d' > f; cut -d: -f2 f; cut -d: -f2- f; cut -d: -f-2,4 f; cut -c2-3 f; cut -b1,3 f; cut -d, -f1 f; cut -s -d, -f1 f
printf 'one\ttwo\n' | cut -f2; echo abcdef | cut -c 5-,1

### tr-forms
echo Hello | tr a-z A-Z; echo hello | tr -d l; echo aabbcc | tr -s ab; echo abc | tr -c b x; echo
echo 'a1b2' | tr -cd 0-9; echo; echo '[x]' | tr '[]' '()'; echo abc | tr abc x; echo 'a b' | tr '[:space:]' _; echo
echo hello | tr '[:lower:]' '[:upper:]'; printf 'a\\b' | tr '\\' /; echo; echo abc | tr '\141' z

### paste-join-fold
seq 3 > a; printf 'x\ny\n' > b; paste a b; paste -d, a b; paste -s a; paste -s -d+ a
echo abcdefghij | fold -w 4; echo 'the quick brown fox' | fold -s -w 10; printf 'a\tb\n' | expand -t 4; printf '        x\n' | unexpand -a | xxd -p

### comm-forms
printf 'a\nb\nd\n' > x; printf 'b\nc\nd\n' > y
awk 'NR == FNR {a[$0]; next} !($0 in a)' x y; grep -vxFf x y; grep -xFf x y

### wc-forms
printf 'one two\nthree\n' > f; wc f; wc -l f; wc -w f; wc -c f; wc -L f; wc f f; wc < f; printf 'no newline' | wc

### grep-forms
printf 'apple\nBanana\ncherry\napricot\n' > f
grep ap f; grep -c a f; grep -i b f; grep -v a f; grep -n rr f; grep -l a f; grep -L x f; grep -o 'r[a-z]' f
grep -E '^(a|c)' f; grep -w apple f; grep -x apple f; grep -F . f; echo $?; grep -q a f; echo $?; grep -m 1 a f
grep -A 1 Ban f; grep -B 1 Ban f; grep -e app -e che f; grep -r app . | sort; grep -h a f f | wc -l
grep 'a*' f | wc -l; grep '[[:upper:]]' f; grep 'p\{2\}' f; grep '\(p\)\1' f; grep x missing 2>/dev/null; echo $?

### sed-substitute
echo 'hello world' | sed 's/o/0/; s/o/1/2; s/l/L/g; s/w\(.\)/[\1]/'
echo abcabc | sed 's/b/X/2'; echo abc | sed 's/b/[&]/'; echo 'a/b' | sed 's,/,|,'; echo abc | sed 's/B/x/I'
echo abc | sed -E 's/(a)(b)/\2\1/'; echo 'one two' | sed 's/\w*/X/g'; echo a.b | sed 's/\./\n/'; echo x | sed 's/x/a\tb/'

### sed-addresses
seq 10 > f; sed -n 3p f; sed -n '2,4p' f; sed -n '$p' f; sed '2,9d' f; sed -n '/5/,/7/p' f; sed '/[3-9]/d' f
sed -n '4,+2p' f; sed '3!d' f; sed -n '0,/1/p' f; sed 5q f | tail -n 1; sed -n '/1/{p;=}' f

### sed-commands
printf 'a\nb\nc\n' > f; sed '2i\
before' f; sed '2a after' f; sed '2c changed' f; sed 'y/abc/xyz/' f; sed 'N;s/\n/-/' f; sed '$!d' f; sed -n 'H;${x;s/\n/,/g;p}' f
sed '1!G;h;$!d' f; sed = f | sed 'N;s/\n/ /'; sed -e :a -e '$!{N;ba' -e '}' -e 's/\n/+/g' f; sed '2r f' f | wc -l; sed 'w out' f > /dev/null; cat out
sed -i 's/b/B/' f; cat f; sed -i.bak 1d f; ls; echo 'a  b' | sed 's/ \+/ /;t;s/^/no/'; sed --version > /dev/null; echo $?

### sed-script-file
cat > s <<'END'
# comment
/^$/d
s/^[ \t]*//
s/foo/bar/gp
END
printf 'a\n\n  foo foo\n' | sed -n -f s; printf '\n x\n' | sed -f s

### awk-fields
printf 'a b c\nd e f\n' > f; awk '{print $2}' f; awk '{print NR, NF, $NF}' f; awk -F: '{print $1}' /etc/passwd | head -n 2
awk 'END {print NR}' f; awk '/d/ {print "found"}' f; awk '{$2 = "X"; print}' f; awk 'BEGIN {OFS = "-"} {$1 = $1; print}' f
awk 'NR == 1, NR == 2 {print "r" $1}' f; echo 'a,b;c' | awk -F'[,;]' '{print $3 $1}'; echo ' a  b ' | awk '{print "[" $1 "]"; print NF}'

### awk-arithmetic-and-strings
awk 'BEGIN {print 1 + 2 * 3, 7 / 2, 7 % 3, -3, 1e3, 0x10, int(3.9), 10 / 3}'
awk 'BEGIN {print length("abc"), substr("hello", 2, 3), index("hello", "l"), toupper("a"), tolower("B") "c" 1}'
awk 'BEGIN {s = "a b c"; n = split(s, a); print n, a[1], a[3]; gsub(/ /, "-", s); print s; sub(/-/, "+", s); print s; print match("foobar", /o+/), RSTART, RLENGTH}'
awk 'BEGIN {printf "%d %s %5.2f %x %c %-5s| %05d %e\n", 42.9, "s", 3.14159, 255, 65, "ab", 42, 12345}'
awk 'BEGIN {print (1 < 2), ("a" < "b"), ("10" < "9"), (10 < 9), !0, 1 && 0, 1 ? "y" : "n", "x" ~ /x/}'

### awk-arrays
printf 'a 1\nb 2\na 3\nc 4\nb 5\n' | awk '{s[$1] += $2} END {for (k in s) print k, s[k]}' | sort
awk 'BEGIN {a["x"]; if ("x" in a) print "in"; delete a["x"]; if (!("x" in a)) print "out"; a[1, 2] = 3; for (k in a) {split(k, p, SUBSEP); print p[1], p[2]}}'

### awk-control-and-functions
awk 'function f(n) {return n < 2 ? n : f(n - 1) + f(n - 2)} BEGIN {for (i = 0; i < 15; i++) printf "%d ", f(i); print ""}'
awk 'BEGIN {i = 0; while (1) {if (++i == 2) continue; if (i > 4) break; print i}; do print "do"; while (0); exit 3}'; echo $?
seq 5 | awk 'NR == 2 {next} {print} NR == 4 {exit}'

### awk-input-and-output
printf 'a\nb\n' > f; awk '{print > ("out." $1)}' f; cat out.a out.b; awk 'BEGIN {while ((getline l < "f") > 0) print "got", l; close("f"); "echo cmd" | getline x; print x}'
awk 'BEGIN {print "b\na" | "sort"; close("sort"); print "after"; system("echo sys"); printf "x" > "/dev/stderr"}' 2>&1
awk -v v=val 'BEGIN {print v, ARGC, ARGV[1]; print ENVIRON["TZ"]}' arg; printf 'x y\n\nz\n' | awk 'BEGIN {RS = ""} {print NR ":" $1 "," $NF}'

### bc-forms
echo '2^100; 10/3; scale=5; 10/3; 7%4; (1+2)*3' | bc
printf 'define f(n) {\nif (n < 2) return (1);\nreturn (n * f(n - 1));\n}\nf(20)\nfor (i = 0; i < 3; i++) i\nscale=20\nsqrt(2)\nibase=16\nFF\nibase=A\nobase=2\n10\n' | bc
echo 'scale=10; s(1); e(1); l(2)' | bc -l; echo 'x=5; x+=2; x; a[1]=3; a[1]; "text"' | bc; echo

### dc-forms
echo '2 3 + p 4 * p 10 6 - p 2 8 ^ p 7 3 / p 5k 7 3 / p [sub]P 10 r - p' | dc
dc -e '1 2 3 f c 16 o 255 p' 2>/dev/null; echo '[la 1 + d sa 5 >b]sb 0 sa lb x la p' | dc

### diff-forms
printf 'a\nb\nc\nd\n' > x; printf 'a\nB\nc\ne\nd\n' > y
diff -u x y | tail -n +3; echo $?; diff x x; echo $?; diff -q x y; diff x missing 2>/dev/null; echo $?
diff -b x y > /dev/null; echo $?; diff -U 0 x y | tail -n +3

### diff-trees-and-patch
mkdir a b; seq 20 > a/f; sed 's/5/five/; 12d; $a new' a/f > b/f; echo same > a/g; cp a/g b/g; echo only > b/h
diff -ruN a b | grep -v '^[-+][-+]' > p; cat p; (cd a; diff -u f ../b/f > ../q); (cd a; patch f < ../q); cmp a/f b/f && echo patched
(cd a; patch -R f < ../q; sha1sum f); patch a/f < /dev/null; echo $?

### patch-that-does-not-apply
seq 5 > f; seq 5 | sed 's/3/three/' > g; diff -u f g > p; echo other > f; patch f < p > /dev/null 2>&1; echo $?; ls

### xxd-hexdump-od
printf 'Hello\0\377\n0123456789' > f; xxd f; xxd -p f; xxd -s 2 -l 4 f; xxd -c 8 f; xxd -p f | xxd -r -p | cmp - f && echo same
hexdump -C f; od f; od -c f; od -A x -t x1 f; od -A n -t u1 -j 2 -N 3 f; hexdump f; od -t d4 -N 8 f

### encodings
printf 'binary\0\001\377 data' > f; base64 f; base64 f | base64 -d | cmp - f && echo same; uuencode f f | uudecode -o g; cmp f g && echo same
seq 50 | base64 | md5sum; echo 'aGVsbG8=' | base64 -d; dos2unix < f | cmp - f; printf 'a\nb\n' | unix2dos | xxd -p

### checksums
seq 1000 > f; md5sum f; sha1sum f; sha256sum f; sha512sum f; sha3sum f; cksum f 2>/dev/null || crc32 f; sum f 2>/dev/null; : > e; md5sum e
md5sum f e > s; md5sum -c s; echo x >> e; md5sum -c s 2>/dev/null; echo $?; sha256sum < /dev/null

### strings-and-factor
printf 'ab\0abcd\0\001hello world\n\002xy' > f; strings f; strings -n 5 f; factor 12 97 1001 4294967297

### cal-and-date-fixed
cal 2 2024; date -d '2024-02-29 12:34:56' '+%Y-%m-%d %H:%M:%S %j %a %b %u %s'; date -u -d @0; date -d @86400 +%A; TZ=EST5EDT date -d @1700000000 +%H:%M

### ed-edits
printf 'one\ntwo\nthree\n' > f; printf '2s/two/TWO/\n1d\n$a\nfour\n.\nw\n,p\nq\n' | ed f 2>/dev/null; cat f

### vi-in-batch
printf 'one\ntwo\n' > f; printf ':2d\n:wq\n' | vi f > /dev/null 2>&1; cat f

### ts-shuf-tac
seq 5 | tac | tr '\n' ' '; seq 20 | shuf | sort -n | md5sum; shuf -e a -n 1; shuf -i 3-3

### less-than-obvious-numbers
printf '%s\n' 1e3 0x10 010 ' 7 ' | awk '{print $1 + 0}'; echo 08 | awk '{print $1 + 1}'; expr 010 + 1; echo $((10#08 + 1)) 2>/dev/null || echo 9
