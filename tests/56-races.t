#!/bin/bash
# 56-races.t - programs whose threads race (prog/race-*.c): natively each prints something else nearly every time; the versions agree.
. "$(dirname "$0")/lib.sh"
. "$here/races.sh"

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

# --- more versions than two, and other ways of being linked ---
run_options="-n 4"
race race-spin pause
race race-cond
run_options=
for flavor in static static-pie nopie; do
    race race-plain-$flavor
done

done_testing
