#!/bin/bash
# 10-smoke.t - the thinnest line: output, exit status, signals, stdin, several versions.
. "$(dirname "$0")/lib.sh"

same "echo" echo hello, world
same "a static program" "$P/ticker-static" 5 1
same "a dynamic program" "$P/ticker" 5 1
same "true" true
same "false" false
for n in 0 1 2 77 124 125 126 127 128 200 255; do
    same "exit status $n" sh -c "exit $n"
done
same "stderr" sh -c 'echo out; echo err >&2; echo more'
same "no output at all" sh -c :

# The exact way to die: a shell shows only 128 + signal.
death() { perl -e 'open STDERR, ">", "/dev/null"; system(@ARGV); print $? & 127, " ", $? >> 8, "\n"' -- "$@"; }
for how in segv abrt fpe kill pipe 1 2 15 10 14 31 34; do
    native=$(death "$P/dies" "$how")
    is "death by $how" "$(death "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" -- "$P/dies" "$how")" "$native"
    ok "... with no divergence" agreed
done
same "a child dies" "$P/dies" segv child
same "a child is killed" "$P/dies" kill child

# A core file, where one is asked for: one, and the program's; who waits for the program is told.
pattern=$(cat /proc/sys/kernel/core_pattern 2>&1)
if [[ $pattern != */* && $pattern != \|* ]] && [ "$(ulimit -Hc)" == unlimited ]; then
    for how in segv abrt kill; do
        mkdir "$T/cores"
        is "a core file of $how" "$(cd "$T/cores" && ulimit -Sc unlimited && death "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} -n 3 -- "$P/dies" "$how" >"$T/death"
            ls | wc -l; cat * 2>/dev/null | grep -aqF "$P/dies" && echo "the program's")" "$([ $how == kill ] && echo 0 || printf "1\nthe program's")"
        rm -rf "$T/cores"
    done
    same_sh "a child's core file" 'ulimit -Sc unlimited; perl -e "system(@ARGV); print \$? & 255, qq(\n)" "$TANDEM_TEST_PROGS/dies" segv; ls | wc -l; rm -f core*'
    same_sh "... and none without a limit" 'perl -e "system(@ARGV); print \$? & 255, qq(\n)" "$TANDEM_TEST_PROGS/dies" segv; ls | wc -l'
else
    for how in "a core file of segv" "a core file of abrt" "a core file of kill" "a child's core file" "... and none without a limit"; do
        skip "$how" "core files go elsewhere, or are forbidden"
    done
fi

# Standard input is read once, by the leader alone.
seq 1 2000 >"$T/numbers"
input=$T/numbers
same "cat of stdin" cat
same "stdin in two parts" sh -c 'head -c 100 >/dev/null; cat'
same "shell's read and what is left" bash -c 'read a; read b; echo "$a $b"; wc -l'
input=
is "stdin from a pipe" "$(seq 5 | tandem_run -- cat)" "$(seq 5)"
is "stdout to a pipe that ends early" "$(tandem_run -- seq 1 100000 2>/dev/null | head -n 3)" "$(seq 3)"
is "stdin closed" "$(tandem_run -- sh -c 'read x; echo $?' 2>/dev/null <&-)" "$(sh -c 'read x; echo $?' 2>/dev/null <&-)"
is "stdout closed" "$(tandem_run -- sh -c 'echo x; echo $? >&2' 2>&1 >&- | tail -n 1)" \
    "$(sh -c 'echo x; echo $? >&2' 2>&1 >&- | tail -n 1)"

rm -f "$T/report.json"
tandem_run --report="$T/report.json" -- sh -c 'exit 7' <&- >&-
is "both closed: status" "$?" 7
is "... and the report is in its file" "$(report '.versions | length')" 2
tandem_run --divergence-exit=9 --expose=pid -- "$P/article-pid" <&- >&- 2>"$T/stderr"
is "... a divergence is told" "$? $(grep -c '^tandem: version 1' "$T/stderr")" "9 1"

# One file, appended to by everything: each byte once, in order.
append() { rm -f log; "$@" sh -c 'for i in 1 2 3; do echo "line $i"; echo "error $i" >&2; done' >>log 2>&1; cat log; }
is "stdout and stderr in one file" "$(append tandem_run --)" "$(append)"

for n in 1 2 3 4 5 6 7 8; do
    run_options="-n $n"
    same "$n versions of a shell" sh -c 'echo "$1"; exit 3' sh "$n"
    is "... and the report names them" "$(report '.versions | length')" "$n"
done
run_options=
is "one leader, the others follow" "$(report '[.versions[].role] | join(" ")')" \
    "leader follower follower follower follower follower follower follower"
same "two versions are the default" true
is "... says the report" "$(report '.versions | length')" 2
ok "events are counted" test "$(report .events)" -gt 5
for key in unknown exposed; do
    is "nothing is $key" "$(report ".$key | length")" 0
done
is "nothing is refused but rseq" "$(report '[.refused[] | select(startswith("rseq") | not)] | length')" 0

tandem_run --report="$T/report.json" -- python3 -c 'import ctypes; ctypes.CDLL(None).syscall(425, 1, 0)' 2>/dev/null
like "a refused call is named" "$(report '.refused | tostring')" 'io_uring_setup'
ok "... and no reason to part" agreed

# Options after the program belong to the program.
same "options of the program" echo -n --report=x --expose=pid
is "without --" "$(tandem_run echo -n hello)" hello
same "an empty argument" printf '<%s>' "" a ""
same "the environment" env -i A=1 B= sh -c 'env | sort'
same "the working directory" pwd
same "a deep one, deleted" sh -c 'mkdir a; cd a; rmdir ../a; pwd; ls; echo $?'
same "umask" sh -c 'umask 027; umask; touch f; mkdir d'
same "a program by its relative path" sh -c 'cp /bin/echo ./e; ./e relative'

done_testing
