#!/bin/bash
# 71-load.t - hundreds of threads and of processes at the same time; and a follower that is stopped with its monitor under a server
# that has much to say: it is dropped and the leader goes on, or the leader waits for it, as was asked, and no memory is piled up.
. "$(dirname "$0")/lib.sh"

soak=${TANDEM_SOAK:+1}

# --- many at once ---

# many TIMES PROGRAM ARGS... - natively it prints something else every time; the versions agree
many() {
    local times=$1 name="${*:2}: $1 runs"; shift
    if differs "$P/$1" "${@:2}"; then agree_times "$times" "$name" "$P/$1" "${@:2}"; else fail "$name"; fi
}
many "$(count 10 50)" crowd 200 10
many "$(count 10 50)" family 500
run_options="-n 3" many "$(count 1 10)" crowd 200 3
run_options="-n 3" many "$(count 1 10)" family 500
[ -z "$soak" ] || many 1 crowd 1000 10

# --- a follower is stopped, and its monitor ---

unset TANDEM_RUN_OPTIONS # lags of their own would be measured here
seconds=${soak:+10}
ms=$((${seconds:-3} * 1000 * scale))  # how long a follower is stopped
block=16384                           # of the program; each is read and written
min=3000                              # so many blocks at least: 94 MiB, a hundred times as much as there is room for
may_grow=$((16 << 10))                # KiB: had they been kept, it would show
program=$P/echoes

# pss_of PID - KiB, of it and all below it; its share of what several have mapped, so that their sum counts each page once
pss_of() {
    local pid
    awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup" 2>/dev/null
    for pid in $(children_of "$1"); do pss_of "$pid"; done
}
memory() { pss_of "$coord" | awk '{ sum += $1 } END { print sum + 0 }'; }

gone() { [ ! -e "/proc/$1/stat" ] || grep -q ') Z' "/proc/$1/stat" 2>/dev/null; }
warned() { grep -q "$1" "$T/stderr"; }
ask() { timeout --foreground -k 5 "$limit" "$program" ask "$T/socket" "$1" "$2" 2>&1; }

# serve ARGS... - sets coord; and the memory that is taken once the first requests were answered, as `before`
serve() {
    rm -f "$T/socket" "$T/report.json"
    "$TANDEM" run --ring=1M --report="$T/report.json" "$@" -- "$program" serve "$T/socket" >"$T/stdout" 2>"$T/stderr" &
    coord=$!
    wait_until 20 test -S "$T/socket"
    ask 300 1 >"$T/warm"
    before=$(memory)
}

# stop_one - the first follower and its monitor
stop_one() {
    read -r monitor follower < <(versions_of "$coord" "$(realpath "$program")" | awk '$1 == "follower" { print $2, $3; exit }')
    kill -STOP "$monitor" "$follower"
}

# A client for so many ms, while memory is looked at; sets requests, median, most (µs), largest (KiB)
measure() {
    local client now
    ask "$1" $min >"$T/asked" &
    client=$!
    largest=0
    while ! gone "$client"; do
        now=$(memory)
        ((now <= largest)) || largest=$now
        sleep 0.1
    done
    wait "$client"
    answered=$?
    read -r requests median _ most <"$T/asked"
    diag "$2: $requests requests, median $median us, at most $most us; $((requests * block * 2 >> 20)) MiB went by;" \
        "memory $before KiB, then at most $largest KiB"
}

# ended - sets status
ended() {
    "$program" end "$T/socket"
    wait_until $((limit / 2)) gone "$coord" || kill -KILL "$coord"
    wait "$coord" 2>/dev/null
    status=$?
}
bounded() {
    if grep -q __asan_init "$TANDEM"; then
        skip "... memory does not grow" "a sanitizer keeps what was freed"
        return
    fi
    ok "... memory does not grow" test $((largest - before)) -lt $may_grow
}

# --- others on the same cores: see breathe in monitor.c ---

if [ -n "${TANDEM_LAGGED:-}" ]; then
    skip "others run beside a busy leader" "it lags"
else
    "$P/neighbour" 4000 >"$T/late" &
    tandem_run -- dd if=/dev/zero of=/dev/null bs=1 count=200000 status=none
    wait $!
    ok "others run beside a busy leader" test "$(<"$T/late")" -lt $((1000 * scale)) || diag "$(<"$T/late") ms late"
fi

# Three versions: of the two followers one is dropped, the other goes on.
serve -n 3 --when-full=drop
stop_one
measure "$ms" "drop"
is "drop: every request is answered" "$answered $(wc -w <"$T/asked")" "0 4"
ok "... soon, but for the second that a follower is given" test "$median" -lt $((100000 * scale)) -a "$most" -lt $((10000000 * scale))
bounded
ok "... it is gone, though it was stopped" wait_until 5 gone "$follower"
ok "... and its monitor" wait_until 5 gone "$monitor"
ended
is "... status, all blocks were served" "$status $(<"$T/stdout")" "0 $(($(cut -d' ' -f1 "$T/warm") + requests + 1))"
is "... the report tells who was dropped" "$(report '[.versions[].exit] | map(tostring) | sort | tostring')" '["0","0","dropped"]'
is "... a warning in it" "$(report '[.warnings[] | select(test("^version [12] dropped: "))] | length')" 1
is "... no version diverged" "$(report '.divergences | length')" 0

# The leader stands still when the stream is full, and goes on when the follower does.
serve --when-full=wait
stop_one
(sleep $((ms / 1000)).$((ms % 1000)); kill -CONT "$follower" "$monitor") &
measure $((ms + 1000)) "wait"
is "wait: every request is answered" "$answered $(wc -w <"$T/asked")" "0 4"
ok "... one of them when the follower went on" test "$most" -gt $((ms * 1000 / 2))
ok "... a warning" warned '^tandem: the stream is full: the leader waits for the slowest follower'
bounded
measure 1000 "wait, afterwards"
ok "... then as soon as before" test "$median" -lt $((100000 * scale))
bounded
ended
is "... status" "$status" 0
ok "... no version diverged" agreed
ok "... the report counts the time" test "$(report .counts.waited_for_space_ms)" -gt $((ms / 2))
ok "... and has the warning" test "$(report '[.warnings[] | select(test("is full"))] | length')" == 1

done_testing
