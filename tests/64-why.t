#!/bin/bash
# 64-why.t - tandem why: programs with their causes written beside the lines that have them (prog/why-*.c), programs that others wrote,
# and bad input.
. "$(dirname "$0")/lib.sh"

real=$TANDEM
# What a person waits for; on a machine that is as slow as it likes.
patience=$((60 * scale * ${TANDEM_TEST_PATIENCE:-5}))

# why ARGS... - its answer as JSON in $T/answer, what it says in $T/err, what the program prints in $T/out
why() {
    timeout --foreground -k 5 $patience "$real" why --json -o "$T/answer" "$@" >"$T/out" 2>"$T/err"
    status=$?
}
answer() { jq -r "$1" "$T/answer" 2>&1; }
# LINE:KIND of all causes, where there is a line: of layouts, and of random bytes at the start, there is none yet
causes() {
    answer '[.causes[] | ., .together[] | "\(if .own == null then "" else .backtrace[.own].line end):\(.kind)"] | unique | join(" ")'
}
expected() {
    sed -nE '=; s/.*\/\* cause: ([a-z-]+).*/cause \1/p' "$here/prog/$1.c" |
        awk '/^[0-9]/ { n = $1 } /^cause/ { if ($2 ~ /layout|auxv/) n = ""; print n ":" $2 }' | sort -u | paste -sd' '
}

# explains NAME - all causes that stand in the program's source, and no other
explains() {
    local want
    want=$(expected "$1")
    mkdir -p "$T/$1"
    cd "$T/$1" || exit 1
    why -- "$P/$1"
    cd "$T" || exit 1
    is "$1: ${want:-no cause}" "$status $(causes | tr ' ' '\n' | sort | paste -sd' ')" "$([ -n "$want" ] && echo 1 || echo 0) $want" ||
        diag "$(<"$T/err")" "$(answer '.causes[] | "\(.kind) \(.call) \(.values.other) \(.shows.other)"')"
}

# ---- the article's program ----

line_of() { grep -nF "$1" "$here/prog/article.c" | head -n 1 | cut -d: -f1; }
clocks="$(line_of 'gettimeofday(&t'):time $(line_of 'clock_gettime(CLOCK'):time"
for flavor in "" ${TANDEM_SOAK:+-static}; do
    for variant in "vdso" "pid $(line_of '(unsigned long)getpid() <<'):pid" "tsc $(line_of '"rdtsc"'):tsc" \
        "uninit $(line_of 'ret * 31 + buf'):uninit" "cache $(line_of 'SYS_set_tid_address'):tid"; do
        read -r name also <<<"$variant"
        why -- "$P/article-$name$flavor"
        is "article-$name$flavor" "$status $(causes | tr ' ' '\n' | sort | paste -sd' ')" "1 $(tr ' ' '\n' <<<"$clocks $also" | sort | paste -sd' ' | sed 's/^ //')" ||
            diag "$(<"$T/err")" "$(answer '.causes[] | "\(.kind) \(.call) \(.values.other) \(.shows.other)"')"
    done
done

# ---- the programs ----

some='why-stamp why-both-zero why-elapsed why-directory why-exit why-pid-agrees why-stack-address why-padding why-behind why-uptime why-tid'
for program in "$here"/prog/why-*.c; do
    name=$(basename "$program" .c)
    [ -n "${TANDEM_SOAK:-}" ] || [[ " $(echo $some) " == *" $name "* ]] || continue
    case $name in
    why-rdrand) grep -qw rdrand /proc/cpuinfo || { skip "$name" "this CPU has none"; continue; } ;;
    why-tscp)   grep -qw rdtscp /proc/cpuinfo || { skip "$name" "this CPU has none"; continue; } ;;
    esac
    explains "$name"
done

# ---- what an answer has ----

why -- "$P/why-pid-cached"
is "the program has run once, and printed" "$(wc -l <"$T/out")" "$("$P/why-pid-cached" | wc -l)"
is "a cause: the call, and both values" "$(answer '.causes[0] | [.call, (.values.recorded | test("^getpid\\(\\) = [0-9]+$")), .values.recorded != .values.other] | @json')" '["getpid",true,true]'
is "... where it shows: call, argument, byte, backtrace" \
    "$(answer '.causes[0].shows | [.call, .argument, (.offset | type), (.backtrace | length > 3)] | @json')" '["write",2,"number",true]' || diag "$(answer .causes[0].shows)"
is "... what has no effect is listed" "$(answer '[.harmless[].kind] | index("layout") != null')" true
is "... nothing else is a cause" "$(answer '.causes | length')" 1
out=$("$real" why -- "$P/why-pid-cached" 2>&1 >/dev/null)
is "as text: status" "$?" 1
like "... the line of the program's source" "$out" "
      #1  [a-z_]+ at [^ ]*/why-pid-cached.c:$(expected why-pid-cached | cut -d: -f1)
"
like "... in words" "$out" "1. a process id: getpid"
like "... what helps" "$out" "what helps: "
"$real" why --keep "$T/kept" -o "$T/text" -- "$P/why-exit" >/dev/null 2>"$T/err"
is "--keep: a recording that replays" "$? $("$real" replay "$T/kept" >/dev/null; echo $?) $(wc -c <"$T/err")" "1 $("$real" replay "$T/kept" >/dev/null; echo $?) 0"
why "$T/kept"
is "... and is explained again" "$status $(causes)" "1 $(expected why-exit)"

# ---- programs that others wrote ----

# named COMMAND... KIND CALL LIBRARY-OR-FUNCTION: the cause that a person would name is there
named() {
    local kind=${*: -2:1} call=${*: -1}
    why -- "${@:1:$#-2}"
    is "${*:1:$#-2}: $kind by $call" "$status $(answer "[.causes[] | select(.kind == \"$kind\" and .call == \"$call\")] | length > 0")" "1 true" ||
        diag "$(<"$T/err")" "$(answer '.causes[] | "\(.kind) \(.call) \(.values.other) \(.shows.other)"')"
}
named mktemp -u random getrandom
named date +%s time clock_gettime
if [ -n "${TANDEM_SOAK:-}" ]; then
    named shuf -i 1-100 random getrandom
    named uuidgen random getrandom
    seq 30 >"$T/lines"
    named sort -R "$T/lines" random getrandom
    named openssl rand -hex 8 random getrandom
    named bash -c 'echo $RANDOM' time clock_gettime
fi
why -- echo hello
is "echo: no cause" "$status $(answer '.causes | length')" "0 0"

# ---- bad input ----

refused() { # refused NAME STATUS REGEX ARGS...
    local name=$1 want=$2 regex=$3; shift 3
    out=$("$real" why "$@" 2>&1 </dev/null)
    is "$name: status" "$?" "$want"
    like "... one line" "$out" "^tandem[^
]*$regex[^
]*\$"
}
refused "no program" 125 "no program was given"
refused "... that is not there" 127 "no-such-program" -- no-such-program
refused "... that cannot be run" 126 "/etc/passwd" -- /etc/passwd
refused "no recording" 125 "not a recording" /etc/passwd
refused "an answer that cannot be written" 125 "cannot write /no/where" -o /no/where -- true
refused "a word too many" 125 "one word too many" "$T/kept" other
head -c $(($(stat -c %s "$T/kept") / 2)) "$T/kept" >"$T/half"
out=$("$real" why "$T/half" 2>&1)
is "half a recording: status" "$? $(wc -l <<<"$out")" "125 1"
# What is ended leaves nothing behind: done_testing looks for processes and files.
for delay in 0.2 1 2.5; do
    "$real" why -- "$P/why-both-zero" >/dev/null 2>&1 &
    pid=$!
    sleep $delay
    kill -TERM $pid
    wait $pid
done
is "ended by a signal" "$([ $? -gt 0 ] && ls "${TMPDIR:-/tmp}" | grep -c tandem-why)" 0

done_testing
