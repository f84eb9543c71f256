# servers.sh - a server and its clients, natively and under tandem. Sourced after lib.sh.
#
#   work() { serve SERVER ARGS...; up CHECK... || return; client ...; stop STATUS; }
#   each_way NAME work      calls work once for each of `ways`: natively, so that it is known what is right, and under tandem
#
# work finds in $dir a directory of its own, which is also the working directory, and in $port a free port of 127.0.0.1.

clients=$here/tool/clients.py
requests=$(count 2000 100000)
patience=$((limit * 3 * ${TANDEM_SOAK:+2}1))
ways=("natively:" "one follower:-n 2" "three followers:-n 4" "other addresses:-n 2 --expose=aslr")
as=() # what the server is run by, setpriv and the like

# free_port - nobody listens there; not one that the kernel gives to clients, and another one for each script
free_port() { python3 "$clients" port $((10000 + $$ * 37 % 20000)); }

# each_way NAME FUNCTION
each_way() {
    local w
    for w in "${ways[@]}"; do
        way="$1, ${w%%:*}" options=${w#*:}
        new_dir
        "$2"
    done
}
new_dir() {
    cd "$T" && rm -rf "$T/dir" && mkdir "$T/dir" && cd "$T/dir" || exit 1
    dir=$T/dir port=$(free_port)
}

# serve COMMAND... - in the background; sets server, to whom signals for the program may be sent
serve() {
    local run=()
    if [ -n "$options" ]; then
        other_lag
        # shellcheck disable=SC2206
        run=("$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$dir/report.json" $options --)
    fi
    rm -f "$dir/report.json"
    # A shell starts what runs in the background with SIGINT and SIGQUIT ignored.
    env --default-signal=INT,QUIT "${as[@]}" "${run[@]}" "$@" >"$dir/stdout" 2>"$dir/stderr" &
    server=$!
}

gone() { [ ! -e "/proc/$1/stat" ] || grep -q ') Z' "/proc/$1/stat" 2>/dev/null; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
up_or_gone() { gone "$server" || "$@"; }

# up CHECK... - one test if it fails: the server does not come up
up() {
    wait_until $((limit / 2)) up_or_gone "$@"
    ! gone "$server" && "$@" && return
    fail "$way: it comes up"
    said
    kill -KILL "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    return 1
}
said() { diag "options: ${TANDEM_RUN_OPTIONS:-} $options" "stdout: $(tail -n 5 "$dir/stdout")" "stderr: $(head -n 20 "$dir/stderr")"; }

# does WHAT COMMAND... - one test: COMMAND ends well and says nothing
does() {
    local what=$1; shift
    timeout --foreground -k 5 "$patience" "$@" >"$dir/client" 2>&1
    if [ $? == 0 ] && [ ! -s "$dir/client" ]; then
        pass "$way: $what"
    else
        fail "$way: $what"
        diag "$(tail -n 10 "$dir/client" | cut -c 1-500)"
        said
    fi
}

# client WHAT ARGS... - the same for one of clients.py
client() { local what=$1; shift; does "$what" python3 "$clients" "$@"; }

# ended - sets status; whoever takes too long is killed
ended() {
    if ! wait_until $((limit / 2)) gone "$server"; then
        diag "still there $((limit / 2)) s after SIGTERM:" "$("$CONTAIN" --left "$TANDEM_TEST_CONTAIN")"
        kill -KILL "$server"
    fi
    wait "$server" 2>/dev/null
    status=$?
}

# stop STATUS - SIGTERM to the server, or to tandem, which passes it on; nobody is left, no version diverged
stop() {
    kill -TERM "$server"
    ended
    is "$way: status after SIGTERM" "$status" "$1" || said
    wait_until 2 nobody_left || { fail "$way: nobody is left"; diag "$left"; }
    [ -z "$options" ] || ok "$way: no version diverged" agreed "$dir/report.json" || said
}
