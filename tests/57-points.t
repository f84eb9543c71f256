#!/bin/bash
# 57-points.t - loops without any call (prog/point-*.c): a handler that shows how far one is every millisecond, a thread that
# ends it, and a handler at each of a thousand instructions.
. "$(dirname "$0")/lib.sh"
# Points carry memory, and a follower may wait for its core: nothing is to be said of a full stream.
TANDEM_RUN_OPTIONS="${TANDEM_RUN_OPTIONS:-} --ring=256M"

n=$(count 10 200)
limit=$((limit / 2))

# native_ms COMMAND... - NATIVE, the shortest of three native runs, in ms
native_ms() {
    local i from ms
    NATIVE=1000000
    for i in 1 2 3; do
        from=$(now_ms)
        "$@" >"$T/native.stdout" || return
        ms=$(($(now_ms) - from))
        ((ms >= NATIVE)) || NATIVE=$ms
    done
}

# point KIND HOW LINES - all runs agree. At most 50 times slower: a bound that only what takes another way crosses
point() {
    local from ms
    lines=$3
    native_ms "$P/point-$1" "$2"
    from=$(now_ms)
    agree_times "$n" "$1, $2: $n runs" "$P/point-$1" "$2" || { fail "... fast enough"; return; }
    ms=$((($(now_ms) - from) / n))
    echo "# point-$1 $2: $NATIVE ms natively, $ms ms with a follower: $((ms / NATIVE)).$((ms * 10 / NATIVE % 10)) times"
    [ -z "${TANDEM_LAGGED:-}" ] || { skip "... fast enough" "followers lag"; return; }
    ok "... fast enough" [ "$ms" -lt $((NATIVE * 50 * scale)) ]
}

for kind in register global heap chain vector string x87 flags stack; do
    point $kind itimer 51
    point $kind posix 51
    point $kind thread 1
done
# How many ticks come before the thread ends it is open.
for kind in global register string; do
    point $kind both any
done

lines=3 agree_times "$n" "signals that are ignored: $n runs" "$P/point-ignored"

# --- step by step ---
for kind in plain calls; do # after an instruction that is emulated there is no single-step trap
    same "$kind: called at each of 1,000 instructions" "$P/point-step" $kind offsets
done
for kind in plain calls traps clock; do
    lines=1000 agree_times "$n" "$kind: what the registers were at each of them, $n runs" "$P/point-step" $kind
done

done_testing
