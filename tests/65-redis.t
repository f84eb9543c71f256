#!/bin/bash
# 65-redis.t - redis with its benchmark and a client that checks each reply, while it forks to save and to rewrite its log; and
# followers that are killed, which no client may notice. The moments come from a seed, which is printed.
. "$(dirname "$0")/lib.sh"
. "$here/servers.sh"

for tool in redis-server redis-cli redis-benchmark python3; do
    command -v $tool >/dev/null || skip_all "$tool is not installed"
done

cli() { timeout --foreground -k 5 "$limit" redis-cli -p "$port" "$@" 2>&1; }
# Redis's allocator returns memory at times that it draws by addresses, and looks at the clock for it. Not so where
# addresses are each version's own.
redis() {
    case $options in
    *aslr*) export MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1 ;;
    *) unset MALLOC_CONF ;;
    esac
    serve redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$dir/socket" --dir "$dir" --appendonly yes --save "" \
        --enable-debug-command local --daemonize no \
        --jemalloc-bg-thread "$([ -n "${MALLOC_CONF:-}" ] && echo no || echo yes)"
    up answers
}
answers() { [ "$(cli ping)" == PONG ]; }
saved() { cli info persistence | tr -d '\r' | grep -cE '^(rdb_bgsave|aof_rewrite)_(in_progress|scheduled):1'; }
bench() {
    redis-benchmark -p "$port" -c 20 -q "$@" >"$dir/bench" 2>&1 || { tail -n 5 "$dir/bench"; return 1; }
    ! tr '\r' '\n' <"$dir/bench" | grep -i error
}
export -f bench; export port dir

saves() {
    local i
    for i in 1 2; do
        case $(cli bgsave schedule) in *"aving s"*) ;; *) return 1 ;; esac
        cli bgrewriteaof >/dev/null
        wait_until "$limit" no_save || return 1
        sleep 0.1
    done
    [ "$(cli info persistence | grep -cE '^(rdb_last_bgsave|aof_last_bgrewrite|aof_last_write)_status:ok')" == 3 ]
}
no_save() { [ "$(saved)" == 0 ]; }

work() {
    local digest background
    redis || return
    does "redis-benchmark" bash -c 'bench -n "$1" -t set,get,incr,lpush' bash $((requests / 4))
    does "redis-benchmark, pipelined" bash -c 'bench -n "$1" -P 16 -t set,get,hset,lrange_100' bash "$requests"
    cli flushall >/dev/null
    python3 "$clients" redis "$port" "$requests" >"$dir/background" 2>&1 &
    background=$!
    ok "$way: BGSAVE and BGREWRITEAOF meanwhile" saves
    wait $background
    is "$way: every reply of a client" "$? $(<"$dir/background")" "0 "
    client "every reply by way of a UNIX socket" redis-verify "$dir/socket" "$requests"
    digest=$(cli debug digest)
    stop 0
    rm dump.rdb # the log must do
    redis || return
    is "$way: all is there after a restart" "$(cli debug digest)" "$digest"
    stop 0
}
each_way redis work

# --- followers are killed ---

RANDOM=${TANDEM_KILL_SEED:-$(($(now_ms) % 30000))}
diag "seed of the moments: TANDEM_KILL_SEED=$RANDOM"
program=$(realpath /usr/bin/redis-server)
moments=$(count 10 200)
way="a follower killed" options="-n 3"
hit=0 during=0 bad=
for ((i = 0; i < moments && ${#bad} == 0; i++)); do
    new_dir
    redis || { bad="run $i: it does not come up"; break; }
    bench -n 12000 -P 2 -t set,get >"$dir/errors" 2>&1 &
    benchmark=$!
    [ $((i % 2)) == 0 ] || cli bgsave >/dev/null
    sleep "0.$(printf %03d $((RANDOM % 600)))"
    victim=$(version_pid follower 3 "$server" "$program")
    kill -KILL "$victim" && : $((hit++))
    gone "$benchmark" || : $((during++))
    wait $benchmark || bad="run $i: redis-benchmark: $(<"$dir/errors")"
    python3 "$clients" redis "$port" 200 >"$dir/errors" 2>&1 || bad+="run $i: a client: $(<"$dir/errors")"
    kill -TERM "$server"
    ended
    [ "$status" == 0 ] || bad+="run $i: status $status"
    wait_until 2 nobody_left || bad+="run $i: left: $left"
    # One of the two was killed, and the other one has agreed to the end.
    [ "$(report '[[.divergences[].kind], [.versions[].exit | tostring] | sort] | tostring' "$dir/report.json")" \
        == '[["killed"],["0","0","diverged"]]' ] || bad+="run $i: $(report '[.versions[].exit] | tostring' "$dir/report.json")
$(divergences "$dir/report.json")"
done
is "killed at $moments moments: no client sees an error, the other follower agrees" "$bad" "" || said
is "... it was there to be killed" "$hit" "$moments"
ok "... while redis-benchmark ran" test "$during" -ge $((moments * 8 / 10)) || diag "$during of $moments"

done_testing
