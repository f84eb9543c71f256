#!/bin/bash
# 20-article.t - the article's program: with shields the copies agree, without one they part where the number is printed.
. "$(dirname "$0")/lib.sh"

source=$here/prog/article.c
line=$(line_of "$source" print)
runs=$(count 50 1000)

# shielded NAME PROGRAM - RUNS times: status 0, one number, no divergence
shielded() {
    local i bad=0 out
    for ((i = 0; i < runs && bad == 0; i++)); do
        rm -f "$T/report.json"
        other_lag
        out=$(tandem_run --report="$T/report.json" -- "$2" 2>"$T/stderr") || bad=1
        [[ $out =~ ^[0-9a-f]{16}$ ]] && [ ! -s "$T/stderr" ] && agreed || bad=1
    done
    is "$1, shielded: $runs runs agree" "$bad" 0 || diag "run $i: printed '$out'; $(head -n 5 "$T/stderr")"
}

# exposed NAME PROGRAM OPTION - the divergence is reported at the write, at its line in both versions
exposed() {
    rm -f "$T/report.json"
    local out status
    out=$(tandem_run "$3" --report="$T/report.json" -- "$2" 2>"$T/tandem.stderr")
    status=$?
    like "$1, $3: the leader prints its number" "$out" '^[0-9a-f]{16}$'
    is "... and ends as it would" "$status" 0
    parted "... the report names the line that prints" write article.c "$line"
    like "... stderr says so" "$(<"$T/tandem.stderr")" 'version 1.*write'
    is "... the versions wrote other bytes" "$(report '[.divergences[0].difference | .leader != .follower] | first')" true
}

for variant in vdso pid tsc uninit cache; do
    case $variant in cache) option=--start=main ;; *) option=--expose=$variant ;; esac
    for flavor in "" -static; do
        shielded "article-$variant$flavor" "$P/article-$variant$flavor"
        exposed "article-$variant$flavor" "$P/article-$variant$flavor" "$option"
    done
done

# One source taken away does not take the others away.
for variant in pid tsc uninit; do
    tandem_run --expose=rand,cpu --report="$T/report.json" -- "$P/article-$variant" >/dev/null 2>&1
    ok "article-$variant agrees while rand and cpu are exposed" agreed
    is "... which the report names" "$(report '.exposed | sort | join(" ")')" "cpu rand"
done

done_testing
