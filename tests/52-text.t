#!/bin/bash
# 52-text.t - find, grep, sed, awk, diff, and archives: tar, gzip, xz, bzip2, large files.
. "$(dirname "$0")/lib.sh"

prepare() {
    mkdir -p tree/a/b tree/c
    for i in 1 2 3 4 5 6 7 8 9; do seq 1 $((i * 50)) >tree/a/f$i; done
    printf 'The quick brown fox\njumps over\nthe lazy dog\n' >tree/c/text
    cp tree/c/text tree/a/b/copy
    ln -s ../c/text tree/a/link
    find tree -exec touch -h -d '2020-01-02 03:04:05 UTC' {} +
}

same_sh "find" 'find tree | sort'
same_sh "find with tests" 'find tree -type f -size +1k -name "f*" -newermt 2019-01-01 | sort'
same_sh "find -exec" 'find tree -type f -exec wc -c {} + | sort; find tree -name text -exec cat {} \;'
same_sh "find -delete" 'find tree -name "f[1-5]" -delete; ls tree/a'
same_sh "find and xargs" 'find tree -type f -print0 | sort -z | xargs -0 -n 3 md5sum; seq 1 1000 | xargs echo | wc'
same_sh "xargs -P" 'seq 1 8 | xargs -P 4 -n 1 sh -c "echo \$0" | sort'
same_sh "grep -r" 'grep -rn "7$" tree | sort; grep -c the tree/c/text; grep -q nothing tree/c/text; echo $?'
same_sh "grep -P, -o, -v" 'grep -oP "\b\w{5}\b" tree/c/text; grep -v -E "fox|dog" tree/c/text'
same_sh "sed" 's=tree/c/text; sed -e "s/quick/slow/" -e 2d $s; sed -n "2,3p" $s; sed -i.bak "s/fox/cat/" $s; cat $s $s.bak'
same_sh "awk" 'awk "{ n += NF; for (i = 1; i <= NF; i++) w[\$i]++ } END { print n, length(w) }" tree/c/text; seq 1 1000 | awk "{ s += \$1 } END { print s }"'
same_sh "awk with pipes" 'awk "BEGIN { while ((\"seq 1 5\" | getline x) > 0) print x | \"sort -r\"; close(\"sort -r\"); system(\"echo system\") }"'
same_sh "diff and patch" 'cp tree/c/text new; echo more >>new; diff -u tree/c/text new --label a --label b; diff -rq tree/a tree/c; true'
same_sh "cmp" 'cmp tree/a/f1 tree/a/f2; cmp tree/c/text tree/a/b/copy; echo $?'

same_sh "tar c, t, x" 'tar --sort=name -cf t.tar tree; tar tvf t.tar; mkdir x; tar -xf t.tar -C x; diff -r tree x/tree && echo same'
same_sh "tar with gzip" 'tar --sort=name -czf t.tgz tree; tar -xzOf t.tgz tree/c/text; rm t.tgz'
same_sh "tar with xz" 'tar --sort=name -cJf t.txz tree; tar -tJf t.txz | wc -l'
same_sh "tar with bzip2" 'tar --sort=name -cjf t.tbz tree; tar -tjf t.tbz | wc -l'
same_sh "tar through a pipe" 'tar --sort=name -cf - tree | (mkdir y; cd y; tar xf -); find y | wc -l'
for z in gzip xz bzip2; do
    same_sh "$z" "cd tree/a; $z -k f9; $z -dc f9.* | cmp - f9 && echo same; rm f9; $z -d f9.*; ls"
    same_sh "$z as a filter" "seq 1 20000 | $z -c | $z -dc | md5sum"
done
# Small blocks: a thread that computes for more than 20 ms without a call shares its turn, and then the order is not repeated yet.
same_sh "xz with threads" 'seq 1 10000 | xz -T2 --block-size=8KiB -0 -c | xz -dc | md5sum'
same_sh "zcat of what is none" 'zcat tree/c/text; echo $?'

same_sh "bc" 'echo "scale=20; 4*a(1)" | bc -l'
same_sh "ed" 'printf "1s/quick/slow/\nw\nq\n" | ed -s tree/c/text; cat tree/c/text'
same_sh "xxd or od" 'od -A x -t x1z tree/c/text'
same_sh "file" 'command -v file >/dev/null && file tree/c/text /bin/sh | sed "s/BuildID.*//"; true'

prepare() { :; }
# A large file through cat; the file is made inside, so that it is written under tandem, too.
megabytes=$(count 300 300)
megabytes=$((megabytes < 30 ? 30 : megabytes))
run_options=--ring=2G # neither a lag of a second nor a busy machine can fill that: a full stream is told on stderr
same_sh "$megabytes MB through cat" "yes 0123456789abcde | head -c ${megabytes}M | cat | cat >big; cat big | md5sum; stat -c %s big; rm big"
same_sh "64 MB through small reads" 'dd if=/dev/zero bs=64k count=1000 status=none | dd bs=100k of=out status=none; md5sum <out; rm out'
run_options=
same_sh "short and odd reads" 'seq 1 100000 | dd bs=777 status=none | (sleep 0.05; dd bs=4097 status=none) | md5sum'

done_testing
