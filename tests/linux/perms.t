# Users, modes and what they forbid.

### chmod-forms
touch f
for m in 644 u+x g-r,o+w a=r u=rwx,go= +x -x u+s g+s +t 7777 0 a+rX ug=o,o=x; do chmod $m f; stat -c "$m %a" f; done

### chmod-recursive-and-capital-x
mkdir -p d/e; touch d/f d/e/g; chmod 700 d/f; chmod -R a+rX d; find d | sort | xargs stat -c '%n %a'

### umask-shapes-new-files
for m in 000 022 027 077 777; do umask $m; touch f$m; mkdir d$m; stat -c '%n %a' f$m d$m; done

### stranger-is-refused user=user
for f in /etc/passwd /root /root/x; do
    (echo x >> $f) 2>/dev/null; echo "write $f $?"
done
chmod 777 /etc/passwd 2>&1 | sed 's/.*: //'
chown user /etc/passwd 2>&1 | sed 's/.*: //'
rm /etc/passwd 2>&1 < /dev/null | sed 's/.*: //'
ls /root 2>&1 | sed 's/.*: //'; mkdir /etc/y 2>&1 | sed 's/.*: //'; touch /etc/x 2>&1 | sed 's/.*: //'

### modes-bind-the-owner user=user
echo x > f; chmod 000 f; cat f 2>&1 | sed 's/.*: //'; (echo y > f) 2>/dev/null; echo $?
chmod 200 f; echo y >> f; cat f 2>/dev/null; echo $?; chmod 400 f; cat f; rm -f f; ls

### modes-do-not-bind-root
echo x > f; chmod 000 f; cat f; echo y >> f; cat f; mkdir d; chmod 000 d; touch d/x; ls d
[ -x f ] || echo not executable; sh -c './f' 2>/dev/null; echo $?

### search-permission-on-directories user=user
mkdir d; echo x > d/f; chmod 600 d; ls d 2>/dev/null; cat d/f 2>&1 | sed 's/.*: //'
chmod 300 d; cat d/f; ls d 2>&1 | sed 's/.*: //'; touch d/new; chmod 500 d; touch d/more 2>&1 | sed 's/.*: //'
rm -f d/f 2>/dev/null; echo $?; chmod 700 d

### group-decides-before-others
id -g user; touch f; chown root:user f; chmod 604 f; su user -c 'cat f' 2>&1 | sed 's/.*: //'
chmod 640 f; echo data > f; su user -c 'cat f'; chmod 646 f; su user -c '(echo x >> f) 2>/dev/null'; cat f

### chown-forms
touch f; chown user f; stat -c '%u %g' f; chown user:user f; stat -c '%U %G' f; chown :0 f; stat -c '%u %g' f
chown 1234:4321 f; stat -c '%u %g' f; chgrp 5 f; stat -c '%u %g' f; ln -s f l; chown -h user l; stat -c %u l f

### chown-takes-set-id-bits
touch f; chmod 6755 f; chown user f; stat -c %a f; chmod 6644 f; chown root f; stat -c %a f

### write-takes-set-user-id user=user
echo x > f; chmod 4777 f; stat -c %a f; echo y >> f; stat -c %a f

### sticky-directory
mkdir d; chmod 1777 d; touch d/roots; chmod 666 d/roots
su user -c 'touch d/mine; rm -f d/roots; mv d/roots d/x; rm d/mine' 2>/dev/null; ls d

### set-group-id-directory-passes-its-group
mkdir d; chown root:user d; chmod 2775 d; touch d/f; mkdir d/e; stat -c '%n %G %a' d/f d/e

### access-asks-for-the-real-user user=user
[ -r /etc/passwd ] && echo r; [ -w /etc/passwd ] || echo no w; [ -x /bin/busybox ] && echo x; [ -r /root ] || echo no root

### execute-needs-permission user=user
printf '#!/bin/sh\necho ran\n' > s; ./s 2>/dev/null; echo $?; chmod 100 s; ./s 2>/dev/null; echo $?; chmod 500 s; ./s

### identity-of-user user=user
id; id -un; whoami; groups; echo $HOME

### identity-of-root
id -u; id -g; id user; groups user

### su-changes-the-identity
su user -c 'id -u; id -g'; su -s /bin/sh nobody -c 'id -u'; setpriv --reuid 1000 --regid 1000 --clear-groups id -u 2>/dev/null || echo 1000

### chroot-needs-root user=user
chroot / true 2>&1 | sed 's/.*: //'

### chroot-hides-the-rest
mkdir -p r/bin; cp /bin/busybox r/bin/; ln -s busybox r/bin/sh; echo inside > r/f
chroot r /bin/sh -c 'cd ..; echo *; /bin/busybox cat f /../../f'

### kill-of-a-stranger-is-refused
sleep 20 & p=$!
su user -c "kill $p" 2>&1 | sed 's/.*: //'; kill -0 $p && echo alive; kill $p; wait $p 2>/dev/null; echo $?

### mknod-needs-root user=user
mknod n c 1 3 2>&1 | sed 's/.*: //'; mknod p p && [ -p p ] && echo fifo

### mknod-makes-devices
mknod n c 1 3; stat -c '%F %t %T' n; echo x > n; wc -c < n; mknod z c 1 5; head -c 3 z | xxd -p

### hard-link-keeps-owner
touch g; chown user g; ln g h; stat -c '%U %h' h

### rename-needs-both-directories user=user
mkdir a b; touch a/f; chmod 500 b; mv a/f b/f 2>/dev/null; echo $?; chmod 700 b; chmod 500 a; mv a/f b/f 2>/dev/null; echo $?
chmod 700 a; mv a/f b/f; ls b

### times-of-a-strangers-file user=user
touch -d '2001-01-01 00:00:00' /etc/passwd 2>&1 | sed 's/.*: //'; touch /etc/passwd 2>&1 | sed 's/.*: //'

### umask-is-inherited
umask 027; sh -c umask; (umask 0; sh -c umask); umask
