#!/bin/bash
# 64-gdb.t - gdb at a replay, and at a version that parts from the leader: breakpoints, steps, watchpoints, threads, variables.
. "$(dirname "$0")/lib.sh"

command -v gdb >/dev/null || skip_all "gdb is not installed"
source=$here/prog/debugged.c
program=$P/debugged

# with_gdb EXE COMMAND... - gdb's words in $T/gdb; who is waited for says so in $T/err, and prints to $T/out
with_gdb() {
    local exe=$1 port args=() c; shift
    for c; do args+=(-ex "$c"); done
    if ! wait_until "$limit" grep -q 'target remote' "$T/err"; then
        echo "nobody waits for gdb: $(<"$T/err")" >"$T/gdb"
        return 1
    fi
    port=$(grep -o '127\.0\.0\.1:[0-9]*' "$T/err" | tail -n 1)
    timeout --foreground -k 5 "$limit" gdb -q -batch -nx -iex 'set debuginfod enabled off' -ex 'set sysroot /' -ex 'handle SIGUSR1 nostop noprint' -ex "target remote $port" \
        "${args[@]}" "$exe" >"$T/gdb" 2>&1 </dev/null || :
}
# debug COMMAND... - of a replay of $T/rec
debug() {
    : >"$T/err"
    "$TANDEM" replay --gdb ${replay_options:-} "$T/rec" >"$T/out" 2>"$T/err" &
    replay=$!
    with_gdb "$program" "$@" || kill $replay 2>/dev/null
    { wait $replay; status=$?; } 2>/dev/null
}
gone() { ! kill -0 "$1" 2>/dev/null; }
says() { # says NAME REGEX - a line of gdb's
    if grep -Eq -- "$2" "$T/gdb"; then pass "$1"; else fail "$1"; diag "no line like /$2/ in:" "$(tail -n 40 "$T/gdb")" "$(head -n 5 "$T/err")"; fi
}
record() { "$TANDEM" record -o "$T/rec" -- "$@" >"$T/recorded" 2>"$T/err"; } 2>/dev/null

record "$program"
debug 'break count_up' 'continue' 'bt' 'print i' 'ignore 1 1000' 'continue' 'print i' 'print total' 'finish' 'next' 'next' 'print i' 'delete' 'continue'
says "a breakpoint on a function" "^Breakpoint 1, count_up \(i=0\) at .*debugged\.c:$(line_of "$source" step)"
says "... the way to it" '^#1 +0x[0-9a-f]+ in main \(argc=1'
says "continued over 1,000 calls" '^Breakpoint 1, count_up \(i=1001\)'
says "... a variable of the program" "^\\\$3 = $((1000 * 1001 / 2))\$"
says "finish, next" '^\$4 = 100[12]$'
says "its end" '^\[Inferior 1 \(Remote target\) exited with code 05\]'
is "... is the replay's" "$status" 5
ok "... which has printed what was printed then" cmp -s "$T/recorded" "$T/out"

debug 'break add if who == 3 && value == 20' 'continue' 'info threads' 'bt' 'thread apply all -q bt 1' 'print watched' 'stepi' 'info registers rip rsp fs_base eflags' \
    'print $xmm0' 'x/2i $pc' 'kill'
says "a breakpoint in a thread" 'hit Breakpoint 1(\.1)?, add \(who=3, value=20\)'
says "... where the others are" '^ +1 +Thread [0-9]+ \(task 1\) +.*(futex|join)'
says "... all of them" '^\* 4 +Thread [0-9]+ \(task 4\)'
says "registers" '^rip +0x[0-9a-f]+ '
says "... of vectors" 'uint128 = [0-9]+'
says "... instructions without the breakpoints" '^=> 0x[0-9a-f]+ <add'
! grep -q 'int3 ' "$T/gdb" && pass "... none of which is a trap" || fail "... none of which is a trap"
says "kill" 'Inferior 1 \(Remote target\) killed'
is "... is not the program's end" "$status $(grep -c 'was ended by gdb, after event' "$T/err")" "125 1"

for way in "" TANDEM_NO_WATCHPOINTS=1; do
    export TANDEM_NO_WATCHPOINTS=${way#*=}
    [ -n "$way" ] || unset TANDEM_NO_WATCHPOINTS
    debug 'break thread' 'continue' 'delete' 'watch watched' 'continue' 'continue' 'bt 1' 'print watched' 'delete' 'continue'
    says "a watchpoint ${way:+by steps}" '^Old value = 0$'
    says "... who wrote" "add \(who=[123], value=[12]\) at .*debugged\.c:($(line_of "$source" watched)|$(($(line_of "$source" watched) + 1)))"
    is "... then its end" "$status" 5
done
unset TANDEM_NO_WATCHPOINTS

debug 'break in_child' 'continue' 'print n' 'continue'
says "a breakpoint is not in the way of a child" '^\$1 = 2$'
debug 'handle SIGUSR1 stop print' 'continue' 'break on_signal' 'continue' 'bt 3' 'delete' 'continue'
says "a signal" 'received signal SIGUSR1'
says "... its handler" 'signal handler called|on_signal \(sig=10\)'
debug 'break main' 'continue' 'print total' 'print total=7' 'print total' 'continue'
says "the program cannot be changed" '^\$1 = 0$'
says "... gdb is told" 'cannot be changed|Cannot access memory|error'
ok "... it prints what it printed" cmp -s "$T/recorded" "$T/out"

debug 'monitor event' 'monitor goto 700' 'continue' 'monitor event' 'monitor why-here' 'monitor goto 3' 'monitor maps' 'monitor' 'detach'
says "monitor event" '^before event [0-9]+; the last one was:'
says "monitor goto" '^before event 700; '
says "monitor why-here" '^event 699, task 1: getppid\(\) = [0-9]+'
says "... not back" '^event 3 has been: a replay does not go back'
says "monitor maps" "r.x [0-9a-f]+ $program"
says "monitor tells its commands" '^monitor why-here'
is "detach: the replay goes on to its end" "$status $(cmp "$T/recorded" "$T/out")" "5 "
replay_options='--at 800' debug 'monitor event' 'continue'
says "--at" '^before event 800; '

record "$program" crash
debug 'continue' 'bt' 'print nowhere' 'continue'
says "a crash" "^Program received signal SIGSEGV|received signal SIGSEGV"
says "... its place" "end \(how=.*crash.*\) at .*debugged\.c:$(line_of "$source" crash)"
says "... and what it had" '^\$1 = \(int \*\) 0x0'
says "... its end" 'terminated with signal SIGSEGV'
record "$program" abort
debug 'continue' 'bt' 'continue'
says "an abort" 'received signal SIGABRT'
says "... its place" "debugged\.c:$(line_of "$source" abort)"
record "$program" exec
debug 'catch exec' 'continue' 'break count_up' 'continue' 'print i' 'kill'
says "an exec" "exec'd $program"
says "... breakpoints in the new program" '^\$1 = 0$'
record "$program-static"
program=$P/debugged-static
debug 'break count_up' 'continue' 'continue 100' 'print i' 'delete' 'continue'
says "a static program" '^\$1 = 100$'
program=$P/debugged
# gdb goes, at once or in the middle.
record "$program"
debug 'break count_up' 'continue' 'shell kill -KILL $PPID'
is "gdb is killed: the replay goes on to its end" "$status $(cmp "$T/recorded" "$T/out")" "5 "
# ... or while the program runs, with breakpoints and a watchpoint in it.
: >"$T/err"
"$TANDEM" replay --gdb "$T/rec" >"$T/out" 2>"$T/err" &
replay=$!
wait_until "$limit" grep -q 'target remote' "$T/err"
gdb -q -batch -nx -ex 'set sysroot /' -ex "target remote $(grep -o '127\.0\.0\.1:[0-9]*' "$T/err")" -ex 'break count_up if i < 0' \
    -ex 'watch watched if watched < 0' -ex 'continue' "$program" >"$T/gdb" 2>&1 </dev/null &
debugger=$!
sleep 1.5
kill -KILL $debugger || diag "gdb was faster: $(tail -n 3 "$T/gdb")"
{ wait $debugger; } 2>/dev/null
wait $replay
is "gdb is killed while it runs: the replay goes on to its end" "$? $(cmp "$T/recorded" "$T/out")" "5 "
record python3 -c 'import os; os.posix_spawn("/bin/echo", ["echo", "spawned"], {}); os.wait(); print("done", flush=True)'
program=/usr/bin/python3
debug 'break main' 'continue' 'break execve' 'break exit' 'continue' 'delete' 'continue'
is "breakpoints are not in the way of a child that borrows the memory" "$status $(cmp "$T/recorded" "$T/out")" "0 "
program=$P/debugged
mkdir -p "$T/$(printf 'a%.0s' {1..200})"
cp "$program" "$T/$(printf 'a%.0s' {1..200})/debugged"
record "$T/$(printf 'a%.0s' {1..200})/debugged" exec
debug 'catch exec' 'continue' 'break count_up' 'continue' 'print i' 'kill'
says "an exec of a long path" '^\$1 = 0$'
record "$program"
"$TANDEM" replay --gdb "$T/rec" >"$T/out" 2>"$T/err" &
replay=$!
wait_until 20 grep -q 'target remote' "$T/err"
kill -TERM $replay
wait $replay 2>/dev/null
is "nobody comes, and the replay is ended" "$?" 143
# Somebody who does not speak the protocol.
"$TANDEM" replay --gdb "$T/rec" >"$T/out" 2>"$T/err" &
replay=$!
wait_until 20 grep -q 'target remote' "$T/err"
port=$(grep -o '127\.0\.0\.1:[0-9]*' "$T/err" | cut -d: -f2)
(exec 3<>"/dev/tcp/127.0.0.1/$port"; head -c 300000 /dev/urandom >&3; printf '$qSupported#00$m0,zz#00$Zx#1f$vCont;s:zz;#00' >&3; sleep 0.2) 2>/dev/null
wait_until "$limit" sh -c '! kill -0 "$1" 2>/dev/null' sh $replay || kill -KILL $replay
wait $replay 2>/dev/null
is "noise instead of gdb: the replay goes on to its end" "$? $(cmp "$T/recorded" "$T/out")" "5 "

# ---- where versions part ----

: >"$T/err"
"$TANDEM" run --on-divergence=stop -n 1 --with "$P/parting-1" -- "$P/parting-0" argument >"$T/out" 2>"$T/err" &
run=$!
with_gdb "$P/parting-1" 'bt' 'frame function another_argument' 'monitor why-here' 'detach'
wait $run
is "run --on-divergence=stop: the leader's status" "$?" "$("$P/parting-0" argument >/dev/null; echo $?)"
like "... the report" "$(<"$T/err")" 'version 1, task 1, event [0-9]+: close: the follower makes the call with another argument'
says "... gdb stands there" 'another_argument'
says "... the events before" '^event [0-9]+, task 1: write\(1, "before'
"$TANDEM" run --on-divergence=stop -n 1 --with "$P/parting-1" -- "$P/parting-0" argument >"$T/out" 2>"$T/err" &
run=$!
wait_until "$limit" grep -q 'target remote' "$T/err"
sleep 0.5
kill -TERM $run
ok "... who waits there is ended by SIGTERM" wait_until 20 gone $run
wait $run
"$TANDEM" record -o "$T/rec" -- "$P/parting-0" argument >"$T/recorded"
: >"$T/err"
"$TANDEM" replay --gdb "$T/rec" -- "$P/parting-1" argument >"$T/out" 2>"$T/err" &
replay=$!
with_gdb "$P/parting-1" 'continue' 'bt' 'continue'
wait $replay
is "a replay of another build stops where it parts: status" "$?" 125
says "... gdb is told" 'makes the call with another argument'
says "... and stands there" 'another_argument'

out=$("$TANDEM" replay --gdb -n 2 "$T/rec" 2>&1)
is "--gdb with several replays" "$? $out" "125 tandem: replay: --gdb looks at one replay, not at 2 (tandem replay --help tells more)"
out=$("$TANDEM" replay --at 3 "$T/rec" 2>&1)
is "--at without --gdb" "$? $out" "125 tandem: replay: --at is for --gdb (tandem replay --help tells more)"
out=$("$TANDEM" run --on-divergence=never -- true 2>&1)
is "--on-divergence with another word" "$? $out" "125 tandem: run: --on-divergence takes drop, kill or stop, not 'never' (tandem run --help tells more)"

done_testing
