#!/bin/bash
# 40-calls.t - the checklist's programs (prog/call-*.c): they say what they expect; natively and under tandem it is the same.
. "$(dirname "$0")/lib.sh"

for name in call-restart call-ends call-signal call-segv-state call-birth call-exec call-io call-memory call-large \
            call-entry call-files call-filter call-kill call-overlap call-proc call-epoll call-rights call-cpus call-timers; do
    run_options=
    [ "$name" != call-large ] || run_options=--ring=1G # no lag of a second can fill that
    same "$name" "$P/$name"
    is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
done
# The same in a process with threads, whose calls write to scratch memory first.
same "call-outputs" "$P/call-outputs"
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
export TEST_THREAD=1
for name in call-restart call-signal call-io call-large call-epoll call-overlap "call-vectors 3 3000000 20 1000000 1024 17000"; do
    run_options=
    case $name in call-large | call-vectors*) run_options=--ring=1G ;; esac
    same "${name%% *}, with a thread" "$P"/$name
    is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
done
unset TEST_THREAD
# A thread that wants no turn costs nothing: a call that does not sleep long is one event, not two.
events() { tandem_run --report="$T/report.json" -- "$P/call-io" >/dev/null 2>&1; jq .events "$T/report.json"; }
without=$(events) with=$(TEST_THREAD=1 events)
ok "events of call-io with a thread that sleeps: $with, $without without" [ "$with" -lt $((without + 150)) ]
# What many buffers take together: more than an event may hold, and in a layout of its own elsewhere.
for layout in "" --expose=aslr; do
    run_options="--ring=1G $layout"
    same "call-vectors $layout" "$P/call-vectors" 3 3000000 20 1000000 1024 17000
    is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
done
run_options=--expose=aslr
same "call-entry, in a layout of its own" "$P/call-entry"
same "call-filter, in a layout of its own" "$P/call-filter"
same "call-ends, in a layout of its own" "$P/call-ends"
same "call-epoll, in a layout of its own" "$P/call-epoll"
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
run_options=
for name in call-signal call-birth call-memory call-entry call-exec; do
    for flavor in static static-pie nopie; do
        same "$name-$flavor" "$P/$name-$flavor"
    done
done

# The kernel finds out when the old image is gone, and kills the task.
head -c 6000 "$P/call-exec" >"$T/half"
chmod +x "$T/half"
same "exec of a file that ends too soon" sh -c "$T/half; echo \$?"
is "... which it does" "$(<"$T/tandem.stdout")" 139
same "... without a fork" sh -c "exec $T/half"
agree_times 10 "... and nothing runs before it is dead" sh -c "exec 2>/dev/null; $T/half; echo \$?"

# Which thread comes first is open; its two lines stay together.
for flavor in "" -static -static-pie -nopie; do
    same "call-thread$flavor" sh -c '"$1" 2>lines
        awk "NR % 2 { a = \$1 } NR % 2 == 0 && (a != \$1 || \$2 != \"ends\") { bad++ } END { print NR, bad + 0 }" lines
        rm lines' sh "$P/call-thread$flavor"
    is "... lines, and pairs that were torn apart" "$(tail -n 1 "$T/tandem.stdout")" "160 0"
done

n=$(count 1000 10000)
same "call-children: $n of them, one after the other" "$P/call-children" "$n"

# What is different every time: sane in the leader, the same in all versions (stderr carries a sum of everything).
lines=32 agree "call-system" sh -c '"$1" 2>&1' sh "$P/call-system"
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
lines=1 agree "call-madvise: MADV_FREE takes effect at once" "$P/call-madvise"
for layout in "" --expose=aslr; do
    run_options=$layout lines=379 agree "call-shared $layout: processes that share memory" "$P/call-shared"
    is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
done
lines=160 agree "call-race: eight threads without a lock" "$P/call-race"
is "... wrote every line once" "$(sort -u "$T/tandem.stdout" | wc -l)" 160

# Ignored when it began, in the whole run or by a program that executes it.
(trap '' SEGV TRAP; exec "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} -- "$P/call-segv-state" ignored) >"$T/tandem.stdout" 2>&1
is "call-segv-state, ignored before tandem began" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
same "call-segv-state, ignored by who executes it" sh -c 'trap "" SEGV TRAP; "$1" ignored; exec "$1" ignored' sh "$P/call-segv-state"
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"

# It finds itself traced already, as under any debugger; natively it would not.
tandem_run --report="$T/report.json" -- "$P/call-rights" ptrace >"$T/tandem.stdout" 2>"$T/tandem.stderr"
is "a program that uses ptrace itself: status" "$?" 0
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
ok "... agrees" agreed
like "... the report names the call" "$(report '.refused | tostring')" 'ptrace'

# The leader's timers alone run: a follower that is past the call that set them has none.
follower_reads() { pid=$(version_pid follower 3 "$run" "$P/call-timers") && [ -n "$pid" ] && [[ $(cat "/proc/$pid/syscall" 2>/dev/null) == "0 0x0 "* ]]; }
mkfifo "$T/line"
other_lag
"$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" -- "$P/call-timers" wait <"$T/line" >"$T/stdout" 2>"$T/tandem.stderr" &
run=$!
exec 9>"$T/line"
if wait_until 20 follower_reads; then
    leader=$(version_pid leader 3 "$run" "$P/call-timers")
    is "timers of a leader and of a follower" "$(grep -c ^ID: "/proc/$leader/timers") $(grep -c ^ID: "/proc/$pid/timers")" "1 0"
else
    skip "timers of a leader and of a follower" "nobody tells where the follower is"
fi
echo >&9
exec 9>&-
wait "$run"
is "... status" "$?" 0
ok "... agrees" agreed
rm "$T/line"

# Much of everything. What no lag of a second can fill is the stream.
run_options=--ring=1G
for what in files threads bytes maps; do
    # But only so many mapped files are kept: that the leader waits for a follower it says on stderr. See below.
    [ "$what" != maps ] || [ -z "${TANDEM_LAGGED:-}" ] || continue
    same_sh "call-many $what" "exec $P/call-many $what 2>/dev/null"
    is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"
done
# More files are mapped than are kept while a follower stands still: the leader waits, as for a full stream, and may say so.
mkdir "$T/maps"
(cd "$T/maps" && tandem_run --ring=1G --fault=stop:1@60 --report="$T/report.json" -- "$P/call-many" maps) >"$T/stdout" 2>"$T/tandem.stderr"
is "call-many maps, a follower far behind" "$? $(tail -n 1 "$T/stdout")" "0 surprises: 0"
ok "... agrees" agreed
rmdir "$T/maps"
run_options=

# Unknown to every table: executed, named. What the kernel does not know either has put nothing out; what it knows stops
# the follower.
"$P/call-unknown" >"$T/native.stdout"
tandem_run --report="$T/report.json" -- "$P/call-unknown" >"$T/tandem.stdout" 2>/dev/null
is "call-unknown: status" "$?" 0
ok "... output as natively" cmp -s "$T/native.stdout" "$T/tandem.stdout"
is "... one call stops the follower, the one that the kernel knows" \
    "$(report '[.divergences[] | .kind, .leader.call] | join(" ")')" "unsupported sysfs"
ok "... the report names the unknown ones" test "$(report '.unknown | length')" -gt 0
if "$P/call-unknown" ioctl >"$T/native.stdout"; then
    tandem_run --report="$T/report.json" -- "$P/call-unknown" ioctl >"$T/tandem.stdout" 2>/dev/null
    is "an unknown ioctl that does something: status" "$?" 0
    ok "... output as natively" cmp -s "$T/native.stdout" "$T/tandem.stdout"
    is "... it stops the follower" "$(report '[.divergences[] | .kind, .leader.call] | join(" ")')" "unsupported ioctl"
    like "... the report names it" "$(report '.unknown | tostring')" 'ioctl\(.*0x8946'
else
    for what in "an unknown ioctl that does something: status" "... output as natively" "... it stops the follower" "... the report names it"; do
        skip "$what" "this kernel has none for lo"
    done
fi

# A 32-bit child goes its way unfollowed: its end, and what it writes, are the leader's. The program is a header and
# write(1, "32\n", 3); exit(7).
python3 - "$T/elf32" <<'EOF'
import os, struct, sys
code = bytes.fromhex("b804000000bb01000000b9") + struct.pack("<I", 0x08048000 + 52 + 32 + 34) + bytes.fromhex("ba03000000cd80")
code += bytes.fromhex("b801000000bb07000000cd80") + b"32\n"
size = 52 + 32 + len(code)
head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, 0x08048000 + 84, 52, 0, 0, 52, 32, 1, 40, 0, 0)
head += struct.pack("<IIIIIIII", 1, 0, 0x08048000, 0x08048000, size, size, 5, 4096)
open(sys.argv[1], "wb").write(head + code)
os.chmod(sys.argv[1], 0o755)
EOF
if [ "$("$T/elf32" 2>/dev/null)" == 32 ]; then
    "$TANDEM" trace -o "$T/trace" -- sh -c '"$1"' sh "$T/elf32" >/dev/null
    like "trace tells where it stops looking" "$(grep execve "$T/trace" | tail -n 1)" 'elf32.* = 0 \[not followed\]$'
    same "a 32-bit child" sh -c '"$1"; echo "$?"; "$1" | cat; echo after' sh "$T/elf32"
    like "... the report names it" "$(report '.unknown | tostring')" '32-bit'
else
    skip "a 32-bit child" "this kernel runs none"
    skip "... the report names it" "this kernel runs none"
fi

# The group that a program is in holds tandem, too: what it sends there reaches it once.
is "kill 0 arrives once" "$(setsid -w "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} -- sh -c 'trap "echo caught" TERM; kill -TERM 0; sleep 0.2; echo end')" "caught
end"

# More versions than two.
run_options="-n 5"
same "five versions: births" "$P/call-birth"
same "five versions: signals" "$P/call-signal"
same "five versions: memory" "$P/call-memory"
run_options="-n 8"
same "eight versions: a pipeline" sh -c 'seq 1 2000 | grep 7 | sort -r | md5sum'
same "eight versions: interrupted calls" "$P/call-restart"
run_options=

# Where numbers are others than the monitor's.
if unshare -Urpf true 2>"$T/unshare"; then
    same "a pid namespace" unshare -Urpf sh -c 'echo $$; date +%Y; (echo sub; date +%Y) | cat; sh -c "echo \$PPID"'
    same "one in another" unshare -Urpf unshare -pf sh -c 'echo $$; date +%Y; unshare -pf bash -c "date +%Y; sleep 0.1 & wait; kill -0 1; echo \$?"'
    same "robust locks in it" unshare -Urpf sh -c '"$1" 2>/dev/null' sh "$P/call-thread" # whose lines there come in any order
else
    skip "a pid namespace" "$(head -n 1 "$T/unshare")"
fi

# Where paths begin elsewhere.
if [ "$(id -u)" == 0 ]; then
    mkdir -p "$T/root/bin" "$T/root/lib64" "$T/root/lib/x86_64-linux-gnu"
    cp /bin/dash "$T/root/bin/sh"
    cp /lib64/ld-linux-x86-64.so.2 "$T/root/lib64/"
    cp /lib/x86_64-linux-gnu/libc.so.6 "$T/root/lib/x86_64-linux-gnu/"
    same "programs in a chroot" chroot "$T/root" /bin/sh -c 'echo hi; /bin/sh -c "echo sub; exit 3"; echo $?; exec /bin/sh -c "echo end"'
    rm -rf "$T/root"
fi

# Limits that the program lives with.
same "an unlimited stack" sh -c 'ulimit -s unlimited; exec "$1"' sh "$P/call-signal"
same "a small stack" sh -c 'ulimit -s 8192; exec "$1" 3 1' sh "$P/ticker"
same "few descriptors" sh -c 'ulimit -n 16; exec "$1" 3 1' sh "$P/ticker-static"

# The same limits where tandem itself was given them: they are the program's.
for limit_of in n:24 f:1 t:1000 v:4000000; do
    if ! (ulimit -S"${limit_of%:*}" "${limit_of#*:}"; "$TANDEM" --version >/dev/null 2>&1); then
        skip "ulimit -S${limit_of/:/ } around tandem" "a sanitizer takes more than that"
        continue
    fi
    ulimit -S"${limit_of%:*}" "${limit_of#*:}"
    same "ulimit -S${limit_of/:/ } around tandem" sh -c 'ulimit -Sn; ulimit -Sf; ulimit -St; ulimit -Sv; echo; head -c 5000 /dev/zero >f'
    ulimit -S"${limit_of%:*}" "$(ulimit -H"${limit_of%:*}")"
done

done_testing
