#!/bin/bash
# 56-races.t - programs with races (prog/race-*.c): natively each prints something else nearly every time; the versions agree.
. "$(dirname "$0")/lib.sh"
# Points carry memory, a convoy at a lock makes 100,000 events, which carry stacks, and a follower may wait for its core: nothing
# is to be said of a full stream.
TANDEM_RUN_OPTIONS="${TANDEM_RUN_OPTIONS:-} --ring=256M --stack=512"

many=$(count 10 200) some=$(count 4 200)
limit=$((limit / 2))

# race NAME ARGS... - n runs of it. What cannot be, whatever the order, the program finds itself: it ends with 99 then
race() {
    local program=$P/$1 name="$*: $n runs"; shift
    if differs "$program" "$@"; then agree_times "$n" "$name" "$program" "$@"; else fail "$name"; fi
}

report() { jq -r "$1" "$T/report.json"; }

n=$many

# --- threads, no call between what they do ---
race race-plain
race race-copy
race race-flag
race race-seqlock
race race-queue
race race-stack
race race-peterson peterson
race race-peterson dekker
race race-spin none
race race-spin pause
race race-spin yield
race race-ticket
race race-handler

# --- threads with what libc gives them ---
n=$some
race race-mutex normal
race race-mutex adaptive
race race-mutex pi
race race-robust
race race-robust pi
race race-cond
race race-wake
race race-barrier
race race-rwlock
race race-sem
race race-once
race race-tls
race race-malloc
lines=400 race race-stdio

# --- births and ends, and what calls do to memory meanwhile ---
race race-exit
race race-exec
race race-exit-group
lines=21 race race-fork
race race-fault
race race-madvise
race race-stop
is "... turns were given at points" "$(report .counts.shared_turns)" 0

for what in pi buffer join wait read accept cancel cancel-async aio sigio mq; do
    race race-calls $what
done

# --- processes ---
n=$many
race race-pipe
for kind in anon shm memfd file sysv; do
    race race-shared $kind
done
race race-shared file read
race race-shared memfd read
race race-handoff
race race-wait
is "... who only waits was found to, and nothing was carried" \
    "$(report '.counts | .spins > 80 and .points <= 5 and .shared_turns == 0')" true
run_options=--expose=aslr
race race-wait
is "... in layouts of their own as well" "$(report '.counts | .spins > 80 and .shared_turns == 0')" true
run_options=

# What changes from round to round is no spin: it is put where the leader's was, with all that it wrote.
n=$some
for kind in memory register vector x87 stack string; do
    race spin-kinds $kind
    is "... and is no spin" "$(report .counts.spins)" 0
done
for kind in flags bit; do
    agree_times "$n" "spin-kinds $kind: $n runs" "$P/spin-kinds" $kind
    is "... whose steps cannot be proven" "$(report .counts.spins)" 0
done
for kind in pause same nothing; do
    agree_times "$n" "spin-kinds $kind: $n runs" "$P/spin-kinds" $kind
    is "... is a spin" "$(report '.counts | .spins >= 2 and .points <= 5')" true
done
# A step is a SIGTRAP.
for traps in blocked handled both ignored; do
    agree_times "$n" "SIGTRAP $traps: $n runs" "$P/spin-kinds" pause $traps
    case $traps in blocked | handled) spins=yes ;; *) spins=no ;; esac
    is "... spins found" "$(report '.counts.spins > 0 | if . then "yes" else "no" end')" $spins
done
# What comes before a spin leaves nothing behind that could be taken for a part of it.
agree_times "$n" "computing, then spinning: $n runs" "$P/spin-after" computes
run_options=--expose=aslr
agree_times "$n" "... in layouts of their own: $n runs" "$P/spin-after" computes
agree_times "$n" "a call of each version's own, then spinning: $n runs" "$P/spin-after" breaks
run_options=--expose=uninit
agree_times "$n" "breakpoints, then spinning: $n runs" "$P/spin-after" allocates
run_options=
n=$many

race race-futex
race race-pshared

# --- more versions than two, and other ways of being linked ---
n=$some
run_options="-n 4"
race race-spin pause
race race-cond
run_options=
for flavor in static static-pie nopie; do
    race race-plain-$flavor
done

done_testing
