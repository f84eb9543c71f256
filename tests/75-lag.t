#!/bin/bash
# 75-lag.t - a follower that is stopped for seconds: the world outside does not notice, and the follower finds all it needs after
# the world has moved on.
. "$(dirname "$0")/lib.sh"

TANDEM_RUN_OPTIONS=
stop=$((10 * scale)) # seconds
soon=4      # seconds within which what was let go must be free

# --- what a stopped follower must not hold ---

# events_of COMMAND... - how many events the run has
events_of() {
    tandem_run --report="$T/count.json" -- "$@" >/dev/null 2>&1
    report .events "$T/count.json"
}

# One run, in the background: let the holder release while the follower is stopped, then try from outside.
# held DIR EVENT CHECK COMMAND... - writes DIR/verdict
held() {
    local dir=$1 event=$2 check=$3 began took run; shift 3
    began=$(now_ms)
    tandem_run --fault=stop:$stop@"$event" --report="$dir/report.json" -- "$@" >"$dir/stdout" 2>"$dir/stderr" &
    run=$!
    wait_until "$stop" grep -qs released "$dir/stdout" || echo "the leader never released it" >"$dir/verdict"
    if "$check"; then echo good; else echo "not free $soon s after the release"; fi >>"$dir/verdict"
    # All that before the follower goes on: else it was the follower who set it free.
    took=$(($(now_ms) - began))
    [ "$took" -lt $((stop * 1000)) ] || echo "free only after $took ms" >>"$dir/verdict"
    wait "$run"
    took=$(($(now_ms) - began))
    # Had nobody been stopped, this would have shown nothing.
    [ "$took" -ge $((stop * 1000)) ] || echo "the follower was not stopped: $took ms" >>"$dir/verdict"
    agreed "$dir/report.json" || echo "a divergence" >>"$dir/verdict"
}

# The follower is stopped at events spread over the run: one run for each, all at once.
moments() { local n=$1 p; for p in 40 60 75 85 92; do echo $((n * p / 100)); done; }

saw_end() { wait_until $soon grep -q end "$dir/reader"; }
can_lock() { flock -w $soon "$dir/file" true; }
can_lock_posix() { perl -MFcntl=:flock,:DEFAULT -e 'open F, "+<", shift or die; my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
    for (1 .. '$((soon * 20))') { exit 0 if fcntl F, F_SETLK, $l; select undef, undef, undef, 0.05 } exit 1' "$dir/file"; }
can_bind() { "$P/outside" bind "$(<"$dir/port")"; }
nothing() { :; }

start_all() {
    local kind=$1 check=$2 count moment dir i=0; shift 2
    count=$(case $kind in
        pipe) events_of "$P/holder-static" pipe ;;
        shell) events_of sh -c '(echo a; sleep 0.2) | cat; echo released' ;;
        *) events_of "$P/holder-static" posix /dev/null ;;
    esac)
    for moment in $(moments "$count"); do
        dir=$T/$kind.$((i++))
        mkdir "$dir"
        case $kind in
        fifo) mkfifo "$dir/fifo"; (cat "$dir/fifo"; echo end) >"$dir/reader" &
            held "$dir" "$moment" "$check" "$P/holder-static" fifo "$dir/fifo" & ;;
        tcp) "$P/outside" port >"$dir/port"; "$P/outside" fin "$(<"$dir/port")" >"$dir/reader" &
            wait_until 5 grep -q listening "$dir/reader"
            held "$dir" "$moment" "$check" "$P/holder-static" tcp "$(<"$dir/port")" & ;;
        listen) "$P/outside" port >"$dir/port"
            held "$dir" "$moment" "$check" "$P/holder-static" listen "$(<"$dir/port")" & ;;
        flock | posix) : >"$dir/file"; held "$dir" "$moment" "$check" "$P/holder-static" "$kind" "$dir/file" & ;;
        pipe) held "$dir" "$moment" "$check" "$P/holder-static" pipe & ;;
        shell) held "$dir" "$moment" "$check" sh -c '(echo a; sleep 0.2) | cat; echo released' & ;;
        esac
    done
}
verdict() {
    local dir bad=
    for dir in "$T/$1".[0-9]*; do
        [ "$(cat "$dir/verdict" 2>&1)" == good ] || bad+="${dir##*/}: $(cat "$dir/verdict") "
    done
    is "$2" "$bad" ""
}

start_all fifo saw_end
start_all tcp saw_end
start_all listen can_bind
start_all flock can_lock
start_all posix can_lock_posix
start_all pipe nothing
start_all shell nothing
wait
verdict fifo "a follower stopped for $stop s delays no end of file"
verdict tcp "... no FIN"
verdict listen "... no rebind of a port"
verdict flock "... no flock"
verdict posix "... no lock of fcntl"
verdict pipe "... no end of file inside the program"
verdict shell "... nor in a pipeline of a shell"

# --- the fault itself ---

# Five seeds: had no follower waited, what follows would show nothing.
took() { local began; began=$(now_ms); "$@" >/dev/null 2>&1; echo $(($(now_ms) - began)); }
plain=0 lagged=0
for s in 1 2 3 4 5; do
    plain=$((plain + $(took tandem_run -- "$P/ticker" 50 1)))
    lagged=$((lagged + $(took tandem_run --fault=lag:1s,$s -- "$P/ticker" 50 1)))
done
ok "--fault=lag:1s,SEED makes followers wait" test "$lagged" -gt $((plain + 500)) || diag "$lagged ms against $plain ms"

# --- what a lagging follower needs after it is gone ---

export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
seed=${TANDEM_LAG_SEED:-4711}
for ((s = seed; s < seed + $(count 2 20); s++)); do
    run_options="--fault=lag:1s,$s"
    diag "seed $s"
    prepare() {
        printf 'int main(void) { return 7; }\n' >conftest.c
        mkdir gone
        printf '#!/bin/sh\ncd "$(dirname "$0")"; rm self; cd ..; rmdir gone; echo still here; /bin/echo and now; exit 8\n' >gone/self
        chmod +x gone/self
        printf 'out: mid\n\trev <$< >$@\nmid: low\n\ttr a-z A-Z <$< >$@\nlow:\n\techo low >$@\n' >Makefile
        printf '%%.b: %%.a\n\tcp $< $@\n%%.c: %%.b\n\tcp $< $@\n%%.a:\n\techo a >$@\n' >chain.mk
    }
    same_sh "lag: compiled, run, deleted" 'for i in 1 2; do gcc -o conftest conftest.c; ./conftest; echo $?; rm conftest; done'
    same_sh "lag: make that deletes intermediates" 'make -s out; make -s -f chain.mk x.c; ls'
    same_sh "lag: a script that deletes itself and its directory" './gone/self; echo $?; ls'
    same "lag: overwritten in place, mapped or running" "$P/call-files"
    same_sh "lag: a program is replaced again and again" 'for p in echo true printf; do cp /usr/bin/$p e; ./e $p; done; rm e'
    same_sh "lag: sqlite with a WAL" 'sqlite3 db "pragma journal_mode = wal; create table t(a); insert into t values (1); insert into t values (2)"; sqlite3 db "select sum(a) from t"; rm -f db*'
    same_sh "lag: git commit and gc" 'git init -q r; cd r; for i in 1 2 3; do echo $i >f; git add f; git commit -qm $i; done; git gc -q; git fsck; git log --format=%s; cd ..; rm -rf r'
    same "lag: signals" "$P/call-signal"
    same "lag: births" "$P/call-birth"
    same "lag: memory" "$P/call-memory"
    agree "lag: times and pids" python3 -c 'import time, os, random; print(time.time(), os.getpid(), random.random())'
done

done_testing
