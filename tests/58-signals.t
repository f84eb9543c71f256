#!/bin/bash
# 58-signals.t - signals (prog/sig-*.c): many of them, nested ones, out of handlers, into calls that wait, from timers and
# children; and programs that a shell stops and continues.
. "$(dirname "$0")/lib.sh"

n=$(count 3 100)
limit=$((limit / 2))

# signals NAME ARGS... - what prints something else nearly every time
signals() { agree_times "$n" "$*: $n runs" "$P/$@"; }

# --- many ---
many=$(count 10000 100000)
agree "sig-storm pthread_kill: $many signals" "$P/sig-storm" pthread_kill "$many"
agree "sig-storm tgkill: $many signals" "$P/sig-storm" tgkill "$many"
agree "sig-storm sigqueue: $many signals" "$P/sig-storm" sigqueue "$many"
agree "sig-storm queues: $many signals" "$P/sig-storm" queues "$many"

# --- handlers ---
signals sig-nested
signals sig-jump
signals sig-mask
signals sig-wait
signals sig-child

# --- calls that wait ---
for call in read write recv send accept connect epoll_wait poll select nanosleep futex wait4 sigwaitinfo; do
    signals sig-eintr $call
done
for call in read accept epoll_wait nanosleep futex wait4; do
    signals sig-eintr $call restart
done

# --- timers ---
for how in signal thread thread-id timerfd cpu; do
    signals sig-timer $how
done
agree "sig-timer alarm" "$P/sig-timer" alarm

# --- stopped and continued ---

agree "a storm of signals around it" "$P/stop-storm" "$(count 40 1000)"
is "... stopped it stands still, and then goes on" "$(<"$T/tandem.stdout")" "ran while stopped: 0, stuck: 0"

# A shell among the versions does it.
lines=40 agree_times "$n" "kill -STOP and -CONT, $n runs" bash -c '
    "$1" & pid=$!
    for ((i = 0; i < 4; i++)); do sleep 0.05; kill -STOP $pid; sleep 0.05; kill -CONT $pid; done
    wait $pid' bash "$P/sig-ticks"
lines=any agree_times "$n" "job control, $n runs" bash -c '
    exec 2>&1
    set -m
    "$1" >lines & pid=$!
    for ((i = 0; i < 3; i++)); do
        sleep 0.05; kill -STOP %1; until [[ $(jobs -s) ]]; do sleep 0.01; done; jobs
        if ((i % 2)); then bg %1; else kill -CONT %1; fi
    done
    fg %1; echo "$?"; wc -l <lines; rm lines' bash "$P/sig-ticks"
like "... it was continued, and ended well" "$(tail -n 2 "$T/tandem.stdout" | tr '\n' ' ')" '^0 40 $'

# Somebody outside does it to the leader.
leader_there() { leader=$(version_pid leader 3 "$run" "$P/sig-ticks") && [ -n "$leader" ] && [ -s "$T/out" ]; }
stops_from_outside() {
    local run leader i
    rm -f "$T/report.json" "$T/out"
    other_lag
    "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" -- "$P/sig-ticks" >"$T/out" 2>"$T/err" &
    run=$!
    if wait_until 20 leader_there; then
        for i in 1 2 3; do
            kill -STOP "$leader"
            sleep 0.05
            kill -CONT "$leader"
            sleep 0.03
        done
        wait_until "$limit" eval '[ "$(wc -l <"$T/out")" == 40 ]' || diag "it did not go on: $(tail -n 1 "$T/out")"
    else
        diag "no leader"
    fi
    wait_until "$limit" eval "! kill -0 $run 2>/dev/null" || kill -KILL $run
    wait "$run" && agreed && [ "$(wc -l <"$T/out")" == 40 ] && [ ! -s "$T/err" ]
}
for ((i = 0; i < n; i++)); do
    stops_from_outside || break
done
is "from outside: $n runs" "$i" "$n"

done_testing
