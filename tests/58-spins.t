#!/bin/bash
# 58-spins.t - processes that race for what they share, and tasks that wait by spinning; natively each prints something else nearly
# every time; the versions agree.
. "$(dirname "$0")/lib.sh"
. "$here/races.sh"

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

done_testing
