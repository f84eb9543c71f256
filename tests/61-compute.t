#!/bin/bash
# 61-compute.t - programs that compute in several threads or processes: pigz, xz, zstd, sort, make -j4, git gc. The result is the
# native one, or at least a good one where it is of scheduling.
. "$(dirname "$0")/lib.sh"
# Points carry memory, and a follower may wait for its core: nothing is to be said of a full stream.
TANDEM_RUN_OPTIONS="${TANDEM_RUN_OPTIONS:-} --ring=256M"

data=$T/data
count_lines=$(count 200000 3000000)
seq "$count_lines" | awk '{ print ($1 * 7919) % 1000003, "line", $1 * 31 % 977, ($1 % 13 ? "some text" : "other") }' >"$data"

# --- compression: blocks are shared out among threads, and put together in order ---
if command -v pigz >/dev/null; then
    same_sh "pigz -p 4" "pigz -p 4 -b 128 -n -c $data | sha256sum"
    same_sh "pigz: there and back" "pigz -p 4 -n -c $data >f.gz; pigz -d -c f.gz | cmp - $data && wc -c <f.gz"
else
    skip "pigz -p 4" "not installed"
    skip "pigz: there and back" "not installed"
fi
same_sh "xz -T4" "xz -T4 -2 --block-size=300KiB -c $data | sha256sum"
same_sh "xz: there and back" "xz -T4 -1 --block-size=300KiB -c $data >f.xz; xz -T4 -d -c f.xz | cmp - $data && xz -l f.xz | wc -l"
if command -v zstd >/dev/null; then
    same_sh "zstd -T4" "zstd -q -T4 -9 -B256K -c $data | sha256sum"
    same_sh "zstd: there and back" "zstd -q -T4 -c $data -o f.zst; zstd -q -d -c f.zst | cmp - $data && wc -c <f.zst"
else
    skip "zstd -T4" "not installed"
    skip "zstd: there and back" "not installed"
fi

# --- sort: threads that merge what others sort; with little memory there are files, too ---
same "sort --parallel=4 of $count_lines lines" sort --parallel=4 -S 200M -o sorted "$data"
same_sh "sort -n -u, by keys, with files" "sort --parallel=4 -S 8M -T . -k1,1n -k3,3nr -u $data | sha256sum"
same_sh "sort --compress-program" "sort --parallel=4 -S 8M -T . --compress-program=gzip $data | sha256sum"

# --- make -j4 ---
sources=$(count 12 60)
prepare() {
    local i
    {
        echo 'CFLAGS = -O2'
        echo "OBJ = \$(shell seq -f f%g.o 1 $sources)"
        echo 'prog: main.o $(OBJ)'; printf '\t%s\n' '$(CC) -o $@ $^'
    } >Makefile
    for ((i = 1; i <= sources; i++)); do
        cat >f$i.c <<EOC
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int compare$i(const void *a, const void *b) { return memcmp(a, b, $i + 3); }
int f$i(int n) { int s = $i; for (int i = 0; i < n; i++) s = s * 31 + (i % $i); char b[$i * 8]; memset(b, s, sizeof b);
    qsort(b, 2, $i + 3, compare$i); return s ^ b[$i]; }
EOC
    done
    {
        for ((i = 1; i <= sources; i++)); do echo "int f$i(int);"; done
        echo '#include <stdio.h>'; echo 'int main(void) { unsigned s = 0;'
        for ((i = 1; i <= sources; i++)); do echo "s += f$i($i * 10);"; done
        echo 'printf("%u\n", s); return 0; }'
    } >main.c
}
same_sh "make -j4 of $sources files" 'make -s -j4 && ./prog'
same_sh "make -j4: what it says, sorted" 'make -j4 2>&1 | sort'
same_sh "make -j4 -Otarget -k with an error" 'echo "int x = y;" >f3.c; make -s -k -j4 -Otarget 2>&1 | sort; ls | wc -l'
prepare() { :; }

# --- git: threads look for deltas; which they find is of scheduling ---
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c
export GIT_AUTHOR_DATE='2020-01-01 00:00:00' GIT_COMMITTER_DATE='2020-01-01 00:00:00'
commits=$(count 20 200)
prepare() {
    local i k
    git init -q repo && cd repo || return
    for ((i = 0; i < commits; i++)); do
        for k in 1 2 3 4 5; do sed -n "$((i * 50 + k * 100)),+1000p" "$data" >f$k; done
        git add -A && git commit -q -m "commit $i" || return
    done
    git config pack.threads 4
    cd ..
}
tree_ignores=index # it knows the files' times
lines=3 agree "git gc --aggressive of $commits commits" sh -c 'cd repo && before=$(git rev-list --objects --all | sort | sha256sum) &&
    git gc -q --aggressive && git fsck --full --strict && git count-objects -v | grep -E "^(packs|garbage)" &&
    [ "$before" = "$(git rev-list --objects --all | sort | sha256sum)" ] && echo complete'
is "... all objects are there, in one pack" "$(tr '\n' ' ' <"$T/tandem.stdout")" "packs: 1 garbage: 0 complete "
same_sh "git grep in threads" 'cd repo && git -c grep.threads=4 grep -c "other" HEAD HEAD~5 && git -c grep.threads=4 grep -n "line 97 " | sha256sum'
same_sh "git status, with threads that look ahead" 'cd repo && echo x >>f2 && rm f4 && git -c core.preloadIndex=true status -s'
prepare() { :; }
tree_ignores=

done_testing
