# tar, cpio, ar, gzip and their kin; dd in all its forms.

### tar-through-gzip-and-back
mkdir -p t/a/b; seq 1000 > t/a/f; printf 'x' > t/a/b/g; ln -s f t/a/l; ln t/a/f t/hard; mkfifo t/p; chmod 750 t/a; chmod 4711 t/a/b/g
tar c t | gzip > t.gz; mkdir out; gzip -dc t.gz | tar x -C out; (cd t; find . | sort | xargs stat -c '%n %F %a %h') > 1
(cd out/t; find . | sort | xargs stat -c '%n %F %a %h') > 2; cmp 1 2 && cat 1; cmp t/a/f out/t/a/f && readlink out/t/a/l

### tar-list-and-extract-some
mkdir d; seq 3 > d/a; seq 4 > d/b; tar cf x.tar d/a d/b d; tar tf x.tar | sort; rm -r d; tar xf x.tar d/b; ls d; tar xOf x.tar d/a; (cd d; tar cf ../y.tar b); tar tf y.tar; tar xf x.tar --strip-components 1; ls
tar czf z.tgz d; tar tzf z.tgz | sort; tar cjf z.tbz d && tar tjf z.tbz | sort; tar tf missing.tar 2>/dev/null; echo $?

### tar-keeps-times-and-owners
mkdir d; touch -d '2001-02-03 04:05:06' d/f; chown 1000:5 d/f; tar cf x.tar d; rm -r d; tar xf x.tar; stat -c '%Y %u %g' d/f
tar tvf x.tar d/f | awk '{print $1, $2, $3, $4, $5}'

### tar-long-names
n=$(printf 'n%.0s' 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9)
mkdir -p $n/$n/$n; echo deep > $n/$n/$n/$n; tar cf x.tar $n; rm -r $n; tar xf x.tar; cat $n/$n/$n/$n

### cpio-forms
mkdir d; seq 100 > d/f; ln -s f d/l; find d | sort | cpio -o -H newc > x.cpio 2>/dev/null; cpio -t < x.cpio 2>/dev/null
rm -r d; cpio -id < x.cpio 2>/dev/null; md5sum d/f; readlink d/l; mkdir to; find d | cpio -pd to 2>/dev/null; find to | sort

### ar-lists-and-extracts
seq 3 > a; seq 5 > b; ar -r x.a a b 2>/dev/null; ar -t x.a 2>/dev/null; rm a b; ar -x x.a 2>/dev/null; cat a b 2>/dev/null | wc -l

### gzip-levels-and-integrity
seq 20000 > f; for l in 1 6 9; do gzip -$l < f | gzip -dc | cmp - f && echo $l; done; gzip -k f; ls; zcat f.gz | md5sum; gunzip -t f.gz; echo $?
printf 'garbage' | gzip -dc 2>/dev/null; echo $?; head -c 1000 f.gz | gzip -dc > g 2>/dev/null; echo $?; gzip f 2>/dev/null < /dev/null; echo $?

### bzip2-xz-lzma
seq 5000 > f; bzip2 -k f; bzcat f.bz2 | cmp - f && echo bzip2; bunzip2 -c f.bz2 | md5sum; xz --help > /dev/null 2>&1; echo $?
printf '\375\067\172\130\132\000\000\004\346\326\264\106\004\300\007\003\041\001\026\000\000\000\000\000\000\000\000\000\234\242\063\144\001\000\002hi\012\000\000\127\366\111\061\076\106\147\057\000\001\037\003\065\127\220\231\037\266\363\175\001\000\000\000\000\004\131\132' | xzcat 2>/dev/null; echo $?

### compressed-zeros
dd if=/dev/zero bs=1M count=8 2>/dev/null | gzip -c | wc -c; dd if=/dev/zero bs=1M count=2 2>/dev/null | gzip -c | gzip -dc | md5sum

### unzip-of-a-stored-file
printf 'PK\003\004\012\0\0\0\0\0\0\0\041\0\202\211\321\367\005\0\0\0\005\0\0\0\001\0\0\0ahelloPK\001\002\036\003\012\0\0\0\0\0\0\0\041\0\202\211\321\367\005\0\0\0\005\0\0\0\001\0\0\0\0\0\0\0\0\0\0\0\244\201\0\0\0\0aPK\005\006\0\0\0\0\001\0\001\0\057\0\0\0\044\0\0\0\0\0' > z.zip
unzip -p z.zip a; echo " $?"

### dd-counts
seq 100 > f; dd if=f of=g bs=10 count=3 2>&1 | head -n 2; wc -c g; dd if=f of=g bs=7 2>&1 | head -n 2; cmp f g && echo same

### dd-skip-and-seek
seq 10 20 > f; dd if=f bs=3 skip=2 2>/dev/null; dd if=f bs=1 skip=4 count=5 2>/dev/null; echo; dd if=f of=g bs=5 seek=2 2>/dev/null; xxd g | head -n 2
dd if=f bs=3 skip=1000 2>/dev/null | wc -c; seq 9 | dd bs=2 skip=3 2>/dev/null

### dd-notrunc-and-append
echo 0123456789 > f; printf AB | dd of=f bs=1 seek=3 conv=notrunc 2>/dev/null; cat f; printf XY | dd of=f bs=1 seek=2 2>/dev/null; cat f; echo
printf Z | dd of=f oflag=append conv=notrunc 2>/dev/null; cat f; echo

### dd-conversions
printf 'Hello' | dd conv=swab 2>/dev/null; echo; printf abc | dd bs=8 conv=sync 2>/dev/null | xxd -p; seq 3 > f; dd if=f of=g conv=excl 2>/dev/null; dd if=f of=g conv=excl 2>/dev/null; echo $?
dd if=f of=none conv=nocreat 2>/dev/null; echo $?; ls; dd if=missing 2>/dev/null; echo $?; dd if=f bs=0 2>/dev/null; echo $?

### dd-bytes-and-full-blocks
seq 1000 | dd bs=100 count=2 iflag=fullblock 2>/dev/null | wc -c; seq 100 > f; dd if=f iflag=skip_bytes,count_bytes skip=5 count=6 bs=4 2>/dev/null | xxd -p
(printf 12; sleep 0.2; printf 34) | dd bs=4 count=1 iflag=fullblock 2>/dev/null; echo

### dd-to-full-fails
dd if=/dev/zero of=/dev/full bs=1k count=1 2>/dev/null; echo $?; echo x 2>/dev/null > /dev/full; echo $?
