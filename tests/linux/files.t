# Files and directories: making, moving, linking, removing, and what stat says of them.

### copy-keeps-contents-and-mode
seq 100 > a; chmod 741 a
cp a b; cmp a b && stat -c '%a %s' b
cp -p a c; [ a -nt c ] || [ c -nt a ] || echo same time

### copy-tree
mkdir -p d/e/f; echo 1 > d/1; echo 2 > d/e/2; ln -s 1 d/l; mkfifo d/p
cp -a d copy; find copy | sort; readlink copy/l; [ -p copy/p ] && echo fifo
cp d x 2>/dev/null; echo $?

### copy-onto-itself-fails
echo x > a; cp a a 2>/dev/null; echo $?; cat a

### move-renames
echo x > a; mv a b; ls; mkdir d; mv b d; ls d; mv d e; ls e

### rename-over-existing-file
echo old > a; echo new > b; ln a keep
mv -f b a; cat a keep; ls; stat -c %h keep

### rename-directory-over-empty-one
mkdir a b; touch a/x
mv -T a b 2>/dev/null || { rmdir b; mv a b; }
find . | sort

### rename-directory-into-itself-fails
mkdir -p a/b
mv a a/b 2>/dev/null; echo $?; find . | sort

### rename-while-open-keeps-the-file
echo first > a
exec 3<a
echo second > b; mv -f b a
cat <&3; cat a

### unlinked-file-lives-while-open
echo data > a
exec 3<>a
rm a; ls
cat <&3; echo more >&3
dd bs=3 count=1 <&3 2>/dev/null | wc -c; ls

### hard-links-share
echo one > a; ln a b; echo two >> b; cat a; stat -c %h a
rm a; stat -c %h b; cat b

### hard-link-to-a-directory-fails
mkdir d; ln d e 2>/dev/null; echo $?

### link-over-existing-fails
touch a b; ln a b 2>/dev/null; echo $?; ln -f a b; stat -c %h a

### symlinks
echo x > f; ln -s f l; ln -s l m; cat m; readlink m; readlink -f m | sed 's/.*\///'
ln -s /nowhere/at/all broken; cat broken 2>/dev/null; echo $?; readlink broken
ln -sf other l; readlink l; ln -sfn / l; readlink l

### symlink-to-a-directory
mkdir d; touch d/x; ln -s d l; ls l; ls -d l; ls l/; rm l; ls d
ln -s d/ t; ls t

### symlink-loop
ln -s a b; ln -s b a; cat a 2>/dev/null; echo $?
cat a 2>&1 | sed 's/.*: //'
ln -s self self; ls -L self 2>&1 | sed 's/.*: //'; [ -e self ] || [ -L self ] && echo link

### symlink-chain-of-forty
echo end > l0; i=0
while [ $i -lt 42 ]; do ln -s l$i l$((i + 1)); i=$((i + 1)); done
cat l40; cat l41 2>&1 | sed 's/.*: //'

### symlinks-in-the-middle-of-a-path
mkdir -p a/b/c; echo deep > a/b/c/f; ln -s a/b x; ln -s ../a/b a/y
cat x/c/f a/y/c/f x/../b/c/f

### dangling-symlink-is-created-through
ln -s target l; echo x > l; cat target; ls

### dot-and-dotdot
mkdir -p a/b; cd a/b; touch ../../f ./g ../h; cd ../..; find . | sort
ls -d a/.. a/b/../.. /.. /../tmp

### remove-directory
mkdir d; touch d/x
rmdir d 2>/dev/null; echo $?; rm d 2>/dev/null; echo $?; rm -r d; ls
rmdir missing 2>&1 | sed 's/.*: //'; mkdir -p a/b/c; rmdir -p a/b/c; ls

### remove-current-directory
mkdir d; cd d; rmdir ../d; ls; touch x 2>&1 | sed 's/.*: //'; cd ..; ls

### remove-with-force-and-missing
rm missing 2>&1 | sed 's/.*: //'; rm -f missing; echo $?; touch -- -x; rm -- -x; ls

### mkdir-forms
mkdir a; mkdir a 2>&1 | sed 's/.*: //'; mkdir -p a; echo $?
mkdir -m 700 b; stat -c %a b; mkdir -p c/d/e; stat -c '%a %h' c c/d c/d/e
mkdir x/y 2>&1 | sed 's/.*: //'; touch f; mkdir f/g 2>&1 | sed 's/.*: //'

### directory-link-counts
mkdir d; stat -c %h d; mkdir d/a d/b; touch d/f; stat -c %h d; rmdir d/a; stat -c %h d

### touch-sets-times
touch -d '2001-02-03 04:05:06' f; stat -c '%Y %X' f; date -r f +%F
touch -r f g; [ g -nt f ] || [ g -ot f ] || echo same
touch -c none; ls; touch -m -d '2010-01-01 00:00:00' f; stat -c '%Y %X' f

### times-change-with-what-is-done
touch -d '2001-01-01 00:00:00' f d0; mkdir d; touch -d '2001-01-01 00:00:00' d
echo x >> f; [ f -nt d0 ] && echo write changes
touch d/x; [ d -nt d0 ] && echo entry changes directory
touch -d '2001-01-01 00:00:00' f; chmod 600 f; [ f -nt d0 ] || echo chmod leaves mtime

### truncate-forms
seq 100 > f; truncate -s 10 f; wc -c f; truncate -s 20 f; xxd f
truncate -s 0 f; wc -c < f; truncate -s 1M f; stat -c '%s' f; md5sum < f

### sparse-file-reads-zeros
dd if=/dev/zero of=f bs=1 count=1 seek=1000000 2>/dev/null; wc -c f; md5sum f
echo mid | dd of=f bs=1 seek=500000 conv=notrunc 2>/dev/null; md5sum f; tr -d '\0' < f

### append-from-many-processes-loses-nothing
for i in 1 2 3 4 5 6; do (for j in 1 2 3 4 5 6 7 8 9 10; do echo "$i $j" >> log; done) & done; wait
sort -n log | md5sum; wc -l log

### write-beyond-end-of-a-truncated-file
exec 3>f; echo 0123456789 >&3; : > f; echo x >&3; wc -c f; xxd f | tail -n 1

### many-descriptors
i=10; while [ $i -lt 60 ]; do eval "exec $i>f.$i"; i=$((i + 1)); done 2>/dev/null
ls | wc -l

### listing-formats
touch b a C; mkdir d; ln -s a l; mkfifo p; printf 12345 > five; chmod 755 a
ls; ls -a; ls -F; ls -p; ls -1 -r; ls -l five | cut -c1-10; ls -S five a

### listing-of-many-in-columns
touch aa bbb cccc dd eeeee f; ls -C -w 20 2>/dev/null || ls; ls -x | wc -l

### stat-formats
printf 123 > f; chmod 4755 f; mkfifo p; ln -s f l; mkdir d
stat -c '%n %s %a %A %F %h' f p; stat -c '%n %a %A %F %h' d; stat -c '%n %F %N' l; stat -L -c '%F' l

### file-types-by-test
for f in /dev/null /tmp /bin/busybox; do [ -c $f ] && echo char; [ -d $f ] && echo dir; [ -f $f ] && echo file; done

### disk-usage-of-apparent-sizes
mkdir -p d/e; dd if=/dev/zero of=d/a bs=1k count=8 2>/dev/null; wc -c d/a; find d -type f -size +4k

### mktemp-makes-private-files
f=$(mktemp ./t.XXXXXX); [ -f $f ] && stat -c '%a %s' $f
d=$(mktemp -d ./d.XXXXXX); [ -d $d ] && stat -c %a $d
[ $(mktemp -u ./x.XXXXXX) != $(mktemp -u ./x.XXXXXX) ] && echo different

### install-forms
echo x > a; install -m 640 a b 2>/dev/null || { cp a b; chmod 640 b; }; stat -c %a b

### basename-dirname-realpath
basename /a/b/c; basename a/b.c .c; basename /; dirname /a/b; dirname a; dirname /a
mkdir -p x/y; ln -s y x/z; realpath x/z/.. | sed 's/.*\///'; realpath none/such 2>/dev/null; echo $?

### cat-forms
printf 'a\n\n\nb\tc\001\n' > f; cat -n f; cat -v f; cat -e f; cat -A f; cat f - < f | wc -l
nl f; tac f; rev f; head -n -2 f; tail -n +3 f

### head-and-tail
seq 100 > f; head -n 2 f; tail -n 2 f; head -c 5 f; tail -c 4 f; head -n 1 f f; tail -n +99 f; tail -q -n 1 f f

### tail-follows-growth
: > f; (tail -f f & p=$!; sleep 1; echo one >> f; sleep 2; kill $p) | cat

### compare
seq 10 > a; seq 10 > b; cmp a b; echo $?; echo x >> b; cmp a b 2>&1; echo $?; cmp -s a b; echo $?
printf 'abc' > a; printf 'aXc' > b; cmp a b; cmp -l a b

### sync-and-fsync
echo x > f; sync; dd if=f of=g conv=fsync 2>/dev/null; cat g

### directory-entries-while-removing
mkdir d; cd d; seq 200 | xargs touch; for f in *; do rm $f; done; ls | wc -l

### readdir-sees-everything-once
mkdir d; cd d; seq 1500 | xargs touch; ls | sort -n | md5sum; find . -type f | wc -l

### open-directory-as-file-fails
mkdir d; cat d 2>&1 | sed 's/.*: //'; echo x 2>/dev/null > d/; echo $?
echo > f; cat f/ 2>&1 | sed 's/.*: //'; ls f/x 2>&1 | sed 's/.*: //'

### dot-and-dotdot-are-listed-in-the-root-and-below-it
ls -a / | head -n 2
mkdir d; ls -a d
ls -a /home | head -n 2
[ "$(stat -c %i /)" -gt 0 ] && echo the root has a number

### record-lock-awaited-by-a-child-first
childlock
