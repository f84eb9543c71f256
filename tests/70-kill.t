#!/bin/bash
# 70-kill.t - followers, monitors and leaders are killed at random moments; the leader's work is unharmed, or tandem ends as the
# program would have. The moments come from a seed, which is printed.
. "$(dirname "$0")/lib.sh"

RANDOM=${TANDEM_KILL_SEED:-$(($(now_ms) % 30000))}
diag "seed of the moments: TANDEM_KILL_SEED=$RANDOM"
program=$P/ticker-static
"$program" 120 10 >"$T/expected"
pass "the program runs natively"

# start ARGS... - tandem in the background; sets coord once all of its versions are there
start() {
    local n=$1; shift
    rm -f "$T/report.json" "$T/stdout"
    other_lag
    # Not through timeout: the coordinator's own pid is wanted, and wait_for_end has the patience. A shell starts what runs in
    # the background with SIGINT and SIGQUIT ignored.
    env --default-signal=INT,QUIT "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" "$@" >"$T/stdout" 2>"$T/stderr" &
    coord=$!
    wait_until 20 versions_there "$n" || diag "versions: $(versions_of "$coord" "$program")"
}
versions_there() { [ "$(versions_of "$coord" "$program" | grep -c .)" -ge "$1" ] && [ -n "$(version_pid leader 3 "$coord" "$program")" ]; }

# sets status
wait_for_end() {
    if ! wait_until $((limit / 2)) gone "$coord"; then
        diag "still there after $((limit / 2)) s:" "$("$CONTAIN" --left "$TANDEM_TEST_CONTAIN")"
        kill -KILL "$coord"
    fi
    wait "$coord" 2>/dev/null
    status=$?
}
gone() { [ ! -e "/proc/$1/stat" ] || grep -q ') Z' "/proc/$1/stat" 2>/dev/null; }
pause() { sleep "0.$(printf %03d $((RANDOM % $1)))"; }

# Who was killed with his tracer may need a moment to be gone.
all_gone() { wait_until 2 nobody_left; }

# kill_one ROLE COLUMN NAME - RUNS times, at random moments; output complete, status the program's own
kill_one() {
    local i pid bad=0 hit=0 went=
    for ((i = 0; i < runs && bad == 0; i++)); do
        start 2 -- "$program" 120 10
        pause 600
        pid=$(version_pid "$1" "$2" "$coord" "$program")
        [ -n "$pid" ] && kill -KILL "$pid" && : $((hit++))
        wait_for_end
        [ "$status" == 42 ] && cmp -s "$T/stdout" "$T/expected" || bad=1
        all_gone || bad=1
        [ -z "$pid" ] || went=$(report '[.versions[1].exit, .divergences[].kind] | tostring')
    done
    is "$3 killed at $runs moments: the leader's output and status" "$bad" 0 ||
        diag "run $i: status $status, $(wc -l <"$T/stdout") lines; stderr: $(head -n 5 "$T/stderr")"
    ok "... it was there to be killed" test "$hit" -ge $((runs * 9 / 10))
    # Of the last one that was there.
    like "... the report says that it went" "$went" '"(killed|failed)"'
}

runs=$(count 20 200)
kill_one follower 3 "a follower"
runs=$(count 5 50)
kill_one follower 2 "a follower's monitor"

# In the middle of a call, of a mapping, of a birth. It is noticed at once, and for what it is; and a child that was just made runs
# nowhere: there is no file that only a follower can have made.
told() { grep -q "^tandem: version 1" "$T/stderr"; }
kill_busy() { # kill_busy NAME THREADS [DIR]
    local i pid name=$1 end late bad= program=$P/busy; shift
    for ((i = 0; i < runs && ${#bad} == 0; i++)); do
        start 2 -- "$program" "$@"
        wait_until 20 grep -qs ready "$T/stdout"
        pause 250
        pid=$(version_pid follower 3 "$coord" "$program")
        kill -KILL "$pid" || bad+=" not there"
        late=
        wait_until 20 told || late=" not told"
        kill -TERM "$coord"
        wait_for_end
        end=$(report '[.divergences[].kind, .versions[1].exit] | tostring')
        # On a busy machine it may not even have started; that is told at the end.
        [ "$end" != '["failed"]' ] || late= end='["killed","diverged"]'
        [ "$status $end $(echo $(<"$T/stdout"))" == '42 ["killed","diverged"] ready bad: 0' ] ||
            bad+=" status $status, $end, $(<"$T/stdout")"
        bad+=$late
        all_gone || bad+=" left: $left"
        [ $# == 1 ] || [ -z "$(ls "$2")" ] || bad+=" made by the follower: $(ls "$2")"
    done
    is "a follower with $name killed at $runs moments" "$bad" "" || diag "run $i; report: $(divergences "$T/report.json")" \
        "stderr: $(head -n 5 "$T/stderr")"
}
runs=$(count 20 200)
kill_busy threads 4
mkdir "$T/made"
kill_busy "a child" 0 "$T/made"

# One of two followers: the other goes on to the end.
start 3 -n 3 -- "$program" 120 10
pause 300
kill -KILL "$(version_pid follower 2 "$coord" "$program")"
wait_for_end
is "one monitor of two followers killed: status" "$status" 42
ok "... output complete" cmp -s "$T/stdout" "$T/expected"

# A stopped follower delays nobody.
start 2 -- "$program" 120 10
follower=$(version_pid follower 3 "$coord" "$program")
kill -STOP "$follower"
ok "a follower is stopped from outside: the leader goes on" wait_until 10 cmp -s "$T/stdout" "$T/expected"
kill -CONT "$follower" 2>/dev/null
wait_for_end
is "... status" "$status" 42

# The leader is killed: tandem ends as the program would have.
death() { perl -e 'open STDERR, ">", "/dev/null"; system(@ARGV); print $? & 127, " ", $? >> 8, "\n"' -- "$@"; }
for sig in SEGV ABRT KILL TERM HUP INT QUIT; do
    bad=
    for ((i = 0; i < $(count 3 20); i++)); do
        start 2 -- "$program" 400 10
        wait_until 10 test -s "$T/stdout"
        pause 200
        kill -$sig "$(version_pid leader 3 "$coord" "$program")"
        wait_for_end
        # Followers have published nothing of their own: what is there is a prefix of what the program writes.
        [ "$status" == $((128 + $(kill -l $sig))) ] && [ -s "$T/stdout" ] &&
            "$program" 400 0 | head -n "$(wc -l <"$T/stdout")" | cmp -s - "$T/stdout" && all_gone ||
            bad="run $i: status $status, $(wc -l <"$T/stdout") lines, left: $left"
    done
    is "the leader killed by SIG$sig: tandem dies of it" "$bad" ""
done

# The leader's monitor: nothing can be saved; one line, 137, nothing left.
bad=
for ((i = 0; i < $(count 3 20); i++)); do
    start 2 -- "$program" 400 10
    pause 200
    kill -KILL "$(version_pid leader 2 "$coord" "$program")"
    wait_for_end
    [ "$status" == 137 ] && [ "$(wc -l <"$T/stderr")" == 1 ] && all_gone || bad="run $i: status $status, $(wc -l <"$T/stderr") lines: $(<"$T/stderr"), left: $left"
done
is "the leader's monitor killed: one line, status 137, nothing left" "$bad" ""

# tandem itself is killed: nothing is left; asked to end, it passes that on.
start 2 -- "$program" 400 10
pause 200
kill -KILL "$coord"
wait_for_end
ok "tandem killed: nothing is left" all_gone
# ... and where it has hardly begun: a version that nobody traces yet has to end by itself.
bad=
for ((i = 0; i < $(count 20 400); i++)); do
    "$TANDEM" run -- true >/dev/null 2>&1 &
    coord=$!
    sleep "0.00$((RANDOM % 10))$((RANDOM % 10))"
    kill -$([ $((i % 2)) == 0 ] && echo KILL || echo TERM) "$coord" 2>/dev/null
    wait "$coord" 2>/dev/null
    all_gone || bad+="run $i: $left; "
done
is "... killed, or asked to end, at its start: nothing is left" "$bad" ""
for sig in TERM HUP USR1; do
    start 2 -- "$program" 400 10
    pause 200
    kill -$sig "$coord"
    wait_for_end
    is "SIG$sig for tandem goes to the leader" "$status" $((128 + $(kill -l $sig)))
    ok "... nothing is left" all_gone
done
start 2 -- bash -c 'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.1; done' 2>/dev/null
wait_until 10 grep -qs ready "$T/stdout"
kill -TERM "$coord"
wait_for_end
is "a program that catches SIGTERM" "$status $(tail -n 1 "$T/stdout")" "5 caught"

# Once, whether it goes to tandem, or to the group that tandem and the program are in (a shell's `kill %1`).
# sent WHAT TARGET [PERL] - a program (which first does PERL) counts signals for half a second after the first, "-PID" is the group
sent() {
    local tandem bad='' i sig=${signal:-TERM}
    for ((i = 0; i < $(count 5 50); i++)); do
        # That it is ready is not read from what the last one has left: the shell makes the file anew when it gets to it.
        rm -f "$T/stdout"
        setsid "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} -- perl -e '
            use POSIX; $| = 1; $SIG{$ARGV[1]} = sub { $n++; $end ||= time + 0.5 };
            use Time::HiRes qw(time sleep); eval $ARGV[0]; print "ready\n";
            sleep 0.01 until $end; while (time < $end) { sleep 0.01 }; print "$n\n"' -- "${3:-}" $sig >"$T/stdout" 2>"$T/stderr" &
        tandem=$!
        wait_until 30 grep -qs ready "$T/stdout"
        # tandem hears of it late, when the program has had it, and would have one more.
        kill -STOP $tandem
        kill -$sig -- "${2/PID/$tandem}"
        sleep 0.1
        kill -CONT $tandem
        wait $tandem
        [ "$(tail -n 1 "$T/stdout")" == 1 ] || bad+="run $i: $(tail -n 1 "$T/stdout") times; "
    done
    is "$1" "$bad" ""
}
sent "SIGTERM for tandem arrives once" PID
sent "... for the whole group, too" -PID
signal=ALRM sent "... SIGALRM, too" -PID
sent "... for the group of tandem, which the program has left" -PID 'setpgid(0, 0)'

# A daemon keeps tandem; who ends tandem ends the daemon, and gets the program's own status.
for stubborn in "" "trap : TERM;"; do
    rm -f "$T/stdout"
    "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} -- sh -c '(setsid sh -c "$1 while :; do sleep 0.1; done" >/dev/null 2>&1 </dev/null &); echo $$; exit 3' \
        sh "$stubborn" >"$T/stdout" 2>"$T/stderr" &
    tandem=$!
    wait_until 20 test -s "$T/stdout"
    wait_until 20 sh -c '! kill -0 "$1" 2>/dev/null' sh "$(<"$T/stdout")"
    sleep 0.3
    ok "a daemon${stubborn:+ that ignores SIGTERM}: tandem waits for it" kill -0 $tandem
    kill -TERM $tandem
    [ -z "$stubborn" ] || { sleep 0.5; kill -TERM $tandem; }
    wait $tandem
    is "... SIGTERM ends both, with the program's status" "$?" 3
    ok "... nobody is left" nobody_left
done
rm -f "$T/stdout"
"$TANDEM" trace -o "$T/trace" -- sh -c '(sleep 100 &); echo $$' >"$T/stdout" 2>"$T/stderr" &
tandem=$!
wait_until 20 test -s "$T/stdout"
wait_until 20 sh -c '! kill -0 "$1" 2>/dev/null' sh "$(<"$T/stdout")"
sleep 0.3
kill -TERM $tandem
is "under trace" "$(timeout 20 tail --pid=$tandem -f /dev/null && echo ended)" ended
wait $tandem
ok "... nobody is left" nobody_left

done_testing
