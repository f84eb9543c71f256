#!/bin/bash
# 72-full.t - a follower that is a whole stream behind: the leader waits for it, or it is dropped; as was asked.
. "$(dirname "$0")/lib.sh"

unset TANDEM_RUN_OPTIONS
program() { timeout --foreground -k 5 "$limit" "$TANDEM" run --ring=1M --fault=stop:5@60 --report="$T/report.json" "$@" -- \
    dd if=/dev/zero of=out bs=64k count=200 status=none; }

began=$(now_ms)
program --when-full=wait >"$T/stdout" 2>"$T/stderr"
is "wait: status" "$?" 0
ok "... the leader waited" test $(($(now_ms) - began)) -ge 5000
is "... all was written" "$(stat -c %s out)" $((200 * 65536))
ok "... no version diverged" agreed
like "... a warning on stderr" "$(<"$T/stderr")" '^tandem: .*(full|wait)'
ok "... the report counts the time" test "$(report .counts.waited_for_space_ms)" -gt 500

rm -f out
program --when-full=drop >"$T/stdout" 2>"$T/stderr"
is "drop: status" "$?" 0
is "... all was written" "$(stat -c %s out)" $((200 * 65536))
like "... stderr names the version" "$(<"$T/stderr")" 'version 1'
is "... the leader did not wait for it" "$(report '.counts.waited_for_space_ms < 3000')" true
rm -f out

# While it waits nothing piles up: of 400 MB that the program has to read not a quarter is anywhere in tandem's memory.
"$TANDEM" run --ring=1M --fault=stop:4@60 --report="$T/report.json" -- dd if=/dev/zero of=/dev/null bs=1M count=400 status=none >"$T/stdout" 2>"$T/stderr" &
run=$!
wait_until 20 grep -qs wait "$T/stderr"
sleep 1
held=0
for pid in $run $(children_of "$run"); do
    held=$((held + $(awk '/^(RssAnon|RssShmem)/ { n += $2 } END { print n + 0 }' "/proc/$pid/status" 2>/dev/null)))
done
ok "while the leader waits memory is bounded" test "$held" -gt 0 -a "$held" -lt $((100000 * scale)) || diag "$held KB"
wait "$run"
is "... status" "$?" 0
ok "... agrees" agreed

# With nobody stopped a small stream is enough, and nothing is said.
run_options=--ring=1M
# (Unless followers are slow by themselves.)
[ "$scale" -gt 1 ] && skip "a stream of 1 MiB" "a slow build" || same "a stream of 1 MiB" sh -c 'seq 1 200000 | md5sum; seq 1 1000 | while read x; do echo $x; done | tail -n 1'

same "large reads and writes through it" "$P/call-vectors" 1 3000000 100 100000
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"

# A thousand pieces of which each has a header: the leader does not suffer.
"$TANDEM" run --ring=1M --report="$T/report.json" -- "$P/call-vectors" 1024 10000 >"$T/stdout" 2>"$T/stderr"
is "an event that does not fit: status" "$?" 0
is "... the leader's output is complete" "$(tail -n 1 "$T/stdout")" "surprises: 0"
like "... stderr says what to do" "$(<"$T/stderr")" '^tandem: event [0-9]+ is too large for the stream .* --ring=SIZE'
is "... the follower stops there" "$(report '[.divergences[] | .kind + " " + .leader.call] | join(",")')" "unsupported readv"

done_testing
