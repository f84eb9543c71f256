#!/bin/bash
# 50-coreutils.t - at least forty coreutils: output, status and files as without tandem.
. "$(dirname "$0")/lib.sh"

prepare() {
    seq 1 500 >numbers
    printf 'pear\napple\nfig\napple\n\nquince\n' >fruit
    printf 'a\t1\nb\t2\nc\t3\n' >left
    printf 'a\tx\nc\ty\nd\tz\n' >right
    head -c 100000 /bin/bash >binary
    mkdir -p dir/sub
    echo inside >dir/file
    ln -s file dir/link
    touch -d '2020-01-02 03:04:05 UTC' dir/file dir/sub dir numbers fruit left right binary
    touch -h -d '2020-01-02 03:04:05 UTC' dir/link
}

while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    same_sh "$line" "$line"
done <<'LIST'
arch
base32 binary
base64 -w 60 fruit | base64 -d
basename /a/b/c.txt .txt
cat numbers fruit - </dev/null
chmod -v 600 fruit
chmod -R go-rwx dir
cksum binary
comm -12 left right
cp -v fruit copy
cp -a dir dir2
cp --sparse=always binary sparse
csplit -s numbers 100 200
cut -f2 left
date -u -d @1234567890
dd if=binary of=part bs=1000 count=7 skip=3 status=none
dd if=/dev/zero bs=1 count=500 status=none | wc -c
dir dir
dirname /a/b/c
du -b --apparent-size fruit binary
echo -e 'a\tb'
env -i X=1 env
expand left
expr 6 \* 7
expr a : b
factor 123456789
fmt -w 20 fruit
fold -w 3 fruit
groups
head -n 3 numbers
head -c -10 fruit
id
id -un
install -m 700 -D fruit new/place/fruit
join left right
link fruit hard
ln -sv fruit soft
ln fruit hard
ls
ls -la --time-style=+%Y dir | tail -n +4
ls /no/such/place
md5sum binary fruit
mkdir -pv a/b/c
mkfifo pipe
mv -v fruit vegetable
mv dir/file dir/sub/
nice -n 5 nice
nl fruit
nohup true
nproc
numfmt --to=iec 123456789
od -c fruit
paste left right
pathchk /a/b
pr -t -2 fruit
printenv LC_ALL
printf '%5.2f|%s|%d\n' 3.14159 text 42
ptx fruit | head -3
pwd
readlink dir/link
realpath --relative-to=. dir/link
rm -v fruit
rm -rf dir
rm nothing
rmdir dir/sub
seq 1 3 20
sha1sum binary
sha256sum binary | tee sums | sha256sum -c --status; cat sums
sha512sum fruit
shred -n 1 -u fruit
sleep 0.05
sort fruit
sort -n -r numbers | head
sort -u -o fruit fruit
split -l 100 numbers piece.
stat -c '%n %s %a %F' fruit dir
stdbuf -oL cat fruit
stty; echo $?
sum binary
sync fruit
tac fruit
tail -n 3 numbers
tail -c +480 numbers
tee one two <fruit
test -d dir -a -f fruit
timeout 5 echo in time
timeout 0.2 sleep 5
touch -d '2021-05-06' fruit new
tr a-z A-Z <fruit
truncate -s 12345 binary
tsort left
tty
uname -s
unexpand -a left
uniq -c fruit
unlink fruit
users </dev/null
vdir --time-style=+%Y dir | tail -n +2
wc numbers fruit
yes | head -n 1000 | md5sum
LIST

# Appending, again and again: each once.
same_sh ">> appends once" 'for i in 1 2 3; do echo $i >>log; done; cat log; wc -l <log'

# Random, or the time: every version sees the same, and it is printed once.
agree "date" date +%s.%N
agree "mktemp" mktemp
is "... makes one file" "$(find "$TANDEM_TEST_DIR/tmp" -name 'tmp.*' -type f | wc -l)" 1
rm -f "$TANDEM_TEST_DIR"/tmp/tmp.*
agree "mktemp -d" mktemp -d
is "... makes one directory" "$(find "$TANDEM_TEST_DIR/tmp" -name 'tmp.*' -type d | wc -l)" 1
rm -rf "$TANDEM_TEST_DIR"/tmp/tmp.*
lines=500 agree "shuf" shuf -i 1-500
is "... is a permutation" "$(sort -n "$T/tandem.stdout" | md5sum)" "$(seq 1 500 | md5sum)"
lines=500 agree "sort -R" sort -R numbers
is "... is a permutation" "$(sort -n "$T/tandem.stdout" | md5sum)" "$(seq 1 500 | md5sum)"
lines=3 agree "shuf -n with a source" shuf -n 3 --random-source=/dev/urandom numbers
agree "head of /dev/urandom" sh -c 'head -c 16 /dev/urandom | od -An -tx1'
if command -v uuidgen >/dev/null; then
    agree "uuidgen" uuidgen
    agree "uuidgen -t" sh -c 'uuidgen -t 2>&1'
else
    skip "uuidgen" "not installed"
fi
agree "uptime" uptime
lines=2 agree "df" df .
agree "who, when" sh -c 'stat -c "%i %X %Y" . | head -n 1'

done_testing
