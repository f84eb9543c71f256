#!/bin/bash
# 62-record.t - record and replay: what is printed, and the exit status, come again, whatever the world has become meanwhile; bad
# recordings; tandem show.
. "$(dirname "$0")/lib.sh"

real=$TANDEM
times=$(count 2 20)
# Followers that lag are told to, as in every run.
lag() { other_lag; [[ ${TANDEM_RUN_OPTIONS:-} =~ (--fault=[^ ]*) ]] && echo "${BASH_REMATCH[1]}"; }
record() { timeout --foreground -k 5 "$limit" "$real" record -o "$T/rec" "$@"; }
replay() { timeout --foreground -k 5 "$limit" "$real" replay $(lag) --report="$T/report.json" "$@"; }

# Points carry memory, and the recorder may wait for its core: nothing is to be said of a full stream.
# again NAME COMMAND... - recorded in a directory that is gone afterwards; replayed from another one, which stays as it is
again() {
    local name=$1 i bad= part; shift
    no_tree=1 run_in first "$real" record -o "$T/rec" --ring=256M ${record_options:-} -- "$@"
    sed -i '/^tandem: --chaos=/d' "$T/first.stderr"
    for ((i = 1; i <= times && !${#bad}; i++)); do
        rm -f "$T/report.json"
        run_in second timeout -k 5 "$limit" "$real" replay $(lag) --report="$T/report.json" "$T/rec"
        for part in stdout stderr status; do
            cmp -s "$T/first.$part" "$T/second.$part" || bad+=" $part"
        done
        [ ! -s "$T/second.tree" ] || bad+=" files"
        agreed || bad+=" divergence"
    done
    is "$name: status $(<"$T/first.status"), $(wc -l <"$T/first.stdout") lines, replayed $times times" "$bad" "" && return
    diag "then: $(head -c 500 "$T/first.stdout") $(head -c 500 "$T/first.stderr")" \
        "now: $(head -c 500 "$T/second.stdout") $(head -c 800 "$T/second.stderr")"
}

again "echo" echo hello
again "to stderr, status 3" sh -c 'echo out; echo err >&2; exit 3'
again "a pipeline, time and chance" bash -c 'ls / | sort -r | head -n 3; date +%N; echo $RANDOM $$; mktemp -u'
again "killed by a signal" sh -c 'echo before; kill -9 $$'
again "a program that crashes" "$P/dies" segv
again "a static program" "$P/ticker-static" 20 1
again "descriptors that are passed on" bash -c 'exec 5>&1 1>&2; echo on 2; echo on 1 >&5; exec 7>&5 5>&-; (echo a child >&7; exec 7>&-; echo lost >&7) 2>/dev/null; echo end >&7'
again "files that are gone" bash -c 'printf "#!/bin/sh\necho I am \$0\n" >script; chmod +x script; ./script; rm script; seq 1000 >data; wc -l data; cat data | tail -n 1'
again "a compiler, and what it makes" bash -c 'printf "#include <stdio.h>\nint main(void) { return puts(\"made\") < 0; }\n" >a.c; gcc -o a a.c && ./a && rm a a.c'
again "python3: time, pids, random numbers, the order of a set" \
    python3 -c 'import os, random, time; print(time.time(), os.getpid(), random.random(), {str(i) for i in range(9)})'
again "python3: processes" python3 "$here/runtime/processes.py"
again "perl: the order of a hash" perl -e 'print join(" ", keys %{{map { $_ => 1 } 1 .. 20}}), "\n"'
again "bytes that never were in memory" bash -c 'seq 400000 >data; cat data | tail -n 1; cat data; python3 -c "
import os
n = os.open(\"data\", os.O_RDONLY)
while os.sendfile(1, n, None, 1 << 30): pass"; cat data >copy; wc -c <copy'
again "threads: pigz" bash -c 'seq 100000 | pigz -p 4 | md5sum'
again "threads: sort" bash -c 'seq 200000 | sort --parallel=4 -R | md5sum'
again "threads without a lock" bash -c '"$1" | sort | md5sum' bash "$P/call-race"
again "signals" "$P/call-signal"
again "a large file" bash -c 'head -c 30000000 /dev/zero | tr "\0" x | md5sum; head -c 3000000 /dev/urandom | md5sum'
record_options=--stack=0 again "without registers and stacks" bash -c 'date +%N; uuidgen; ls /'
record_options=--chaos=7 again "orders by chance" bash -c '"$1" | sort | md5sum' bash "$P/call-race"
record_options=--bundle again "all files in the recording" python3 -c 'import time; print(time.time())'
[ ! -x /usr/bin/node ] || again "node" node "$here/runtime/workers.js"

if command -v redis-server >/dev/null; then
    cli() { redis-cli -s "$T/sock" "$@" 2>/dev/null; }
    "$real" record -o "$T/rec" -- redis-server --port 0 --unixsocket "$T/sock" --dir "$T" --save "" --appendonly yes \
        >"$T/stdout" 2>"$T/stderr" &
    tandem=$!
    answers() { [ "$(cli ping)" == PONG ]; }
    wait_until 60 answers
    redis-benchmark -s "$T/sock" -c 20 -q -n "$(count 2000 100000)" -t set,get,incr,lpush >"$T/bench" 2>&1
    is "redis under redis-benchmark: served" "$? $(cli bgsave)" "0 Background saving started"
    cli shutdown
    wait $tandem
    status=$?
    rm -r "$T/appendonlydir" "$T/dump.rdb"
    for ((i = 0; i < times; i++)); do
        replay "$T/rec" >"$T/out" 2>"$T/err"
        is "... replayed" "$? $(report '.divergences | length') $(cmp "$T/stdout" "$T/out" && cmp "$T/stderr" "$T/err" && ls "$T/appendonlydir" 2>&1)" \
            "$status 0 ls: cannot access '$T/appendonlydir': No such file or directory"
    done
else
    skip "redis" "not installed"
fi

# ---- what is in a recording, and what belongs to others ----

umask 000
record -- sh -c 'echo hello; exit 7' >"$T/stdout" 2>"$T/stderr"
is "record ends as the program does" "$? $(<"$T/stdout") $(<"$T/stderr")" "7 hello "
is "nobody else may read it" "$(stat -c %a "$T/rec")" 600
chmod 666 "$T/rec"
record -- true
is "... nor when it takes another one's place" "$(stat -c %a "$T/rec")" 600
umask 022

"$real" show "$T/rec" >"$T/shown"
ok "show: calls, as trace prints them" grep -Eq '^[0-9]+ openat\(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY\|O_CLOEXEC\) += 3$' "$T/shown"
ok "... the end" grep -Eq '^[0-9]+ \+\+\+ exited with 0 \+\+\+$' "$T/shown"
is "show -e" "$("$real" show -e execve "$T/rec" | grep -c execve) $("$real" show -e execve "$T/rec" | grep -vc -e execve -e +++)" "1 0"
is "show -c has calls" "$("$real" show -c "$T/rec" | awk '$NF == "execve" { print $4 }')" 1
ok "show -k" grep -q ' > .*libc.so.6(.*)' <("$real" show -k "$T/rec")
record -- sh -c 'kill -USR1 $$ & wait' 2>/dev/null
"$real" show --json "$T/rec" >"$T/json"
is "show --json: an object in each line, numbered" "$(jq -s '[.[].event] == [range(1; length + 1)]' "$T/json")" true
is "... with the calls' names" "$(jq -s '[.[] | select(.call == "execve" and .result == 0)] | length' "$T/json")" 1
is "... children, signals, ends" "$(jq -s '[any(.[]; .child), any(.[]; .signal == 10), any(.[]; .type == "death" and .status == 0)] | tostring' "$T/json")" '"[true,true,true]"'
"$real" show --chrome -o "$T/chrome" "$T/rec"
is "show --chrome: a slice for each call that came back" "$(jq '[.traceEvents[] | select(.ph == "X")] | length' "$T/chrome")" \
    "$(jq -s '[.[] | select(.type == "call" or .type == "leave" or .type == "instruction")] | length' "$T/json")"
is "... times that make sense" "$(jq '[.traceEvents[] | select(.ph == "X") | select(.ts < 0 or .dur <= 0 or .dur > 6e7)] | length' "$T/chrome")" 0
is "... a track for each task, on the process's page" "$(jq -c '[.traceEvents[] | select(.name == "thread_name")] | [length, ([.[] | .pid] | unique | length)]' "$T/chrome")" "[2,2]"
is "show --from, --to" "$("$real" show --json --from 3 --to 5 "$T/rec" | jq .event | tr '\n' ' ')" "3 4 5 "
is "show --task" "$("$real" show --json --task 2 "$T/rec" | jq -s '[.[].task] | unique | tostring')" '"[2]"'

# ---- another build ----

record -- "$P/parting-0" argument >/dev/null
replay "$T/rec" -- "$P/parting-0" argument >/dev/null 2>"$T/stderr"
is "the same program as another build: agrees" "$? $(report '.divergences | length')" "$(record -- "$P/parting-0" argument >/dev/null; echo $?) 0"
replay "$T/rec" -- "$P/parting-1" argument >/dev/null 2>"$T/stderr"
is "another build: diverges, status 125" "$? $(report '.divergences | length')" "125 1"
like "... it says where" "$(<"$T/stderr")" 'parting\.c:[0-9]+'
replay --divergence-exit=9 "$T/rec" -- "$P/parting-1" argument >/dev/null 2>&1
is "... --divergence-exit" "$?" 9
"$real" record -o "$T/garbage" -- "$P/article-uninit" >/dev/null
"$real" replay --expose=uninit --report="$T/report.json" "$T/garbage" >/dev/null 2>&1
is "--expose=uninit: other garbage" "$? $(report '.divergences | length')" "125 1"
record -- bash -c 'echo $$; ls /' >"$T/stdout"
is "-n 3: printed once" "$(replay -n 3 "$T/rec")" "$(<"$T/stdout")"
is "... all of them agree" "$(report '[.versions[].exit] | tostring')" "[0,0,0,0]"

# ---- files that change ----

if [ -w /usr/local/lib ] && place=$(mktemp -d /usr/local/lib/tandem-test.XXXXXX); then
    cp "$P/ticker" "$place/program"
    chmod 755 "$place" "$place/program"
    record -- "$place/program" 3 1 >"$T/stdout"
    is "a program of the system's" "$(replay "$T/rec")" "$(<"$T/stdout")"
    printf x | dd of="$place/program" bs=1 seek=100 conv=notrunc status=none
    out=$(replay "$T/rec" 2>&1)
    is "... that has changed: not replayed" "$?" 125
    like "... it is named" "$out" "tandem: $place/program has changed since the recording: the same size, other bytes"
    rm "$place/program"
    out=$(replay "$T/rec" 2>&1)
    like "... that is gone" "$? $out" "125 tandem: $place/program, which the recording needs: No such file"
    cp "$P/ticker" "$place/program"
    record --bundle -- "$place/program" 3 1 >"$T/stdout"
    rm -r "$place"
    is "... with --bundle it does not matter" "$(replay "$T/rec")" "$(<"$T/stdout")"
else
    skip "files of the system that change" "not root"
fi

# ---- a recording that ends early: within a chunk, or just behind one ----

record -- sh -c 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done' >"$T/stdout"
size=$(stat -c %s "$T/rec")
for part in 50 99; do
    head -c $((size * part / 100)) "$T/rec" >"$T/half"
    replay "$T/half" >"$T/out" 2>"$T/stderr"
    is "cut off at $part %: status" "$?" 125
    like "... it says so" "$(<"$T/stderr")" "^tandem: $T/half: the recording (was cut off|has no end: it stops) at byte [0-9]+: the replay ends after event [0-9]+$"
    ok "... what is there was printed" cmp -s "$T/out" <(head -c "$(stat -c %s "$T/out")" "$T/stdout")
    out=$("$real" show "$T/half" 2>&1 >"$T/shown")
    is "... show" "$? $(wc -l <<<"$out")" "125 1"
    ok "... shows a beginning" [ "$(wc -l <"$T/shown")" -lt "$("$real" show "$T/rec" | wc -l)" ]
done
bad=
for ((i = 0; i < $(count 5 50); i++)); do
    "$real" record -o "$T/killed" -- sh -c 'while :; do echo x; sleep 0.01; done' >"$T/stdout" 2>/dev/null &
    coord=$!
    sleep 1.$((RANDOM % 10))
    kill -KILL $coord
    wait $coord 2>/dev/null
    replay "$T/killed" >"$T/out" 2>"$T/stderr"
    [ "$?" == 125 ] && cmp -s "$T/out" <(head -c "$(stat -c %s "$T/out")" "$T/stdout") && [ -s "$T/out" ] &&
        grep -q "has no end: it stops\|was cut off" "$T/stderr" || bad+="run $i: $(<"$T/stderr") "
done
is "tandem killed while it records: what it had until then is replayed" "$bad" ""
# The limit holds for the stream as well, which has to be small then.
out=$(bash -c 'ulimit -f 2500; exec "$1" record -o "$2" --ring=1M -- sh -c "echo begin; head -c 6000000 /dev/urandom | wc -c; echo end"' \
    bash "$real" "$T/full" 2>"$T/stderr")
is "a full disk: status, and the program has all of its output" "$? $out" "125 begin
6000000
end"
like "... tandem says it" "$(<"$T/stderr")" '^tandem: cannot write the recording: File too large: the recording ends here$'
is "... what is there is replayed" "$(replay "$T/full" 2>/dev/null)" begin
out=$(replay "$T/rec" 2>&1 | head -n 1)
is "nobody reads what a replay prints" "$out" "line 0"

# ---- who replays is somebody else, somewhere else ----

record -- bash -c 'echo hello; head -c 200000 /dev/zero | tr "\0" x; exit 3' >"$T/stdout"
out=$(replay "$T/rec" 2>&1 >/dev/full)
is "a full disk where the replay prints to" "$? $out" "125 tandem: what the program printed cannot be printed again: No space left on device"
perl -MFcntl -e 'fcntl(STDOUT, F_SETFL, O_NONBLOCK) or die; exec @ARGV' "$real" replay $(lag) "$T/rec" | { sleep 1; cat; } >"$T/out"
is "a slow reader, and no blocking" "${PIPESTATUS[0]} $(cmp "$T/stdout" "$T/out")" "3 "
(trap '' INT; exec "$real" record -o "$T/long" -- sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo $i; done') >"$T/stdout"
mkfifo "$T/fifo"
exec 8<>"$T/fifo"
env --default-signal=INT "$real" replay "$T/long" >"$T/fifo" &
replay=$!
head -n 1 <&8 >/dev/null
kill -INT $replay
ok "Ctrl-C ends the replay of a program that ignored it" wait_until 10 sh -c '! kill -0 "$1" 2>/dev/null' sh $replay
kill -KILL $replay 2>/dev/null
wait $replay 2>/dev/null
exec 8<&-
rm "$T/fifo"
(ulimit -Ss 65536; exec "$real" record -o "$T/deep" -- python3 -c '
import sys, threading
sys.setrecursionlimit(10 ** 6)
def down(n): return n and 1 + down(n - 1)
print(down(30000))') >"$T/stdout" 2>&1
is "a deep stack, replayed where stacks are small" "$(ulimit -Ss 8192; replay "$T/deep" 2>&1)" "$(<"$T/stdout")"
out=$(ulimit -Ss 1024; ulimit -Hs 1024; replay "$T/deep" 2>&1)
like "... where they cannot be that large" "$? $out" '^125 tandem: .*/deep: recorded with a larger stack \(65536 KiB\) than may be had here'
"$real" record -o "$T/rec" -- "$P/call-many" maps >"$T/stdout" 2>/dev/null
is "many mapped files, few descriptors" "$(ulimit -n 64; replay "$T/rec")" "$(<"$T/stdout")"
rm -f "$T/stdout"
"$real" record -o "$T/lost" -- sh -c 'echo begun; sleep 100' >"$T/stdout" 2>"$T/stderr" &
tandem=$!
wait_until 20 grep -qs begun "$T/stdout"
kill -KILL "$(for pid in $(children_of $tandem); do echo $pid; done | head -n 1)"
wait $tandem
is "the leader's monitor killed while it records: status" "$?" 137
out=$("$real" show "$T/lost" 2>&1 >/dev/null)
like "... the recording has no end" "$? $out" '^125 tandem: .*/lost: the recording has no end'

# ---- bad input ----

# refuses NAME STATUS REGEX ARGS... - one line on stderr
refuses() {
    local name=$1 status=$2 regex=$3 out; shift 3
    out=$("$real" "$@" 2>&1 >/dev/null)
    is "$name: status, lines" "$? $(wc -l <<<"$out")" "$status 1"
    like "... $regex" "$out" "$regex"
}
refuses "record without -o" 125 'record: -o FILE is missing' record -- true
refuses "record without a program" 125 'record: no program was given' record -o "$T/x"
refuses "record into no directory" 125 "cannot write the recording /nonexistent/x: No such file" record -o /nonexistent/x -- true
refuses "record into a device" 125 "cannot write the recording /dev/null: it has to be a file" record -o /dev/null -- true
mkfifo "$T/pipe"
refuses "record into a pipe" 125 "it has to be a file" record -o "$T/pipe" -- true
cp "$P/ticker" "$T/program"
refuses "record into the program" 125 "it is the program" record -o "$T/program" -- "$T/program" 1 1
ok "... which is still there" cmp -s "$P/ticker" "$T/program"
refuses "record of no program" 127 "/no/such/program: No such file" record -o "$T/x" -- /no/such/program
refuses "record of what cannot be executed" 126 "directory" record -o "$T/x" -- /etc
ok "... which leave no recording" [ ! -e "$T/x" ]
refuses "replay of nothing" 125 'replay: no recording was given' replay
refuses "replay of no file" 125 "/no/such/file: cannot read: No such file" replay /no/such/file
refuses "replay of another file" 125 "not a recording" replay /etc/passwd
refuses "replay of a directory" 125 "Is a directory" replay /etc
refuses "replay with too many words" 125 "one word too many" replay "$T/rec" true
refuses "replay with a source that is recorded" 125 "only pid, auxv, aslr and uninit" replay --expose=tsc "$T/rec"
refuses "show of another file" 125 "not a recording" show /etc/passwd
refuses "show with two ways" 125 "not both" show --json --chrome "$T/rec"
refuses "show --from" 125 "--from takes a number from 1" show --from x "$T/rec"
: >"$T/empty"
refuses "an empty recording" 125 "too short" replay "$T/empty"
head -c 16 "$T/rec" >"$T/header"
refuses "a recording of nothing" 125 "has no end" replay "$T/header"

done_testing
