#!/bin/bash
# 90-user.t - what is special for an ordinary user: programs that gain rights, memory that may not be read, /tmp's sticky bit.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" == 0 ]; then
    # The copies must be where nobody can read them.
    copy=$TANDEM_TEST_DIR/copy
    mkdir "$copy" "$copy/tests"
    cp "$TANDEM" "$copy/tandem"
    cp "$P"/call-* "$P"/ticker* "$P/show-tsc" "$copy/tests/"
    chmod -R go+rX "$copy"
    chmod 777 "$T"
    TANDEM=$copy/tandem P=$copy/tests
    as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups --)
else
    as=()
fi

# same_as NAME COMMAND... - native and under tandem, both as the ordinary user
same_as() {
    local name=$1 part bad=; shift
    mkdir -p "$T/out"; chmod 777 "$T/out"; rm -f "$T/out"/*
    (cd "$T/out" && timeout --foreground -k 5 "$limit" "${as[@]}" "$@") >"$T/native.out" 2>"$T/native.err"; echo $? >"$T/native.st"
    other_lag
    rm -rf "$T/out"; mkdir "$T/out"; chmod 777 "$T/out"
    (cd "$T/out" && timeout --foreground -k 5 "$limit" "${as[@]}" "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/out/report.json" -- "$@") \
        >"$T/tandem.out" 2>"$T/tandem.err"; echo $? >"$T/tandem.st"
    for part in out err st; do cmp -s "$T/native.$part" "$T/tandem.$part" || bad+=" $part"; done
    agreed "$T/out/report.json" || bad+=" divergence"
    [ -z "$bad" ] && { pass "$name"; return; }
    fail "$name"
    diag "differs:$bad" "$(for part in st out err; do diff -a "$T/native.$part" "$T/tandem.$part" | head -n 5; done)"
}

same_as "who am I" sh -c 'id -u; id -g; echo $HOME'
same_as "a file that may not be read" sh -c 'cat /etc/shadow; echo $?'
same_as "a process that may not be signalled" sh -c 'kill -0 1; echo $?'
same_as "PR_SET_DUMPABLE(0)" python3 -c '
import ctypes, os
libc = ctypes.CDLL(None)
print(libc.prctl(4, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0))
pid = os.fork()
if pid == 0: os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
libc.prctl(4, 1, 0, 0, 0); print(libc.prctl(3, 0, 0, 0, 0))'
same_as "a program that uses ptrace itself" python3 -c '
import ctypes; libc = ctypes.CDLL(None, use_errno=True); libc.ptrace(16, 1, 0, 0); print(ctypes.get_errno())'
same_as "threads" "$P/call-exec"
same_as "memory" "$P/call-memory"
same_as "signals" "$P/call-signal"

# A program with the set-user-ID bit runs, with the rights of who started it: a monitor without privileges may follow no other.
if [ "$(id -u)" == 0 ]; then
    cp /usr/bin/id "$T/id"
    chmod 4755 "$T/id"
fi
if [ "$("${as[@]}" "$T/id" -u 2>&1)" == 0 ]; then
    rm -f "$T/report.json"; : >"$T/report.json"; chmod 666 "$T/report.json"
    is "a set-user-ID program gains nothing" \
        "$("${as[@]}" "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" -- sh -c '"$1" -u; exec "$1" -u' sh "$T/id" 2>&1 | sort -u)" \
        "$("${as[@]}" id -u)"
    ok "... its versions agree" agreed
else
    skip "a set-user-ID program gains nothing" "there is none to be had"
    skip "... its versions agree" "there is none to be had"
fi

# The kernel shows the memory of such a program to nobody but root: there is nothing to follow it with.
if [ "$(id -u)" == 0 ]; then
    cp "$P/ticker" "$T/unreadable"
    chmod 711 "$T/unreadable"
    out=$("${as[@]}" "$TANDEM" run -- "$T/unreadable" 3 1 2>&1)
    is "a program that may be run but not read: status" "$?" 126
    is "... one line" "$(wc -l <<<"$out")" 1
    like "... says why" "$out" 'tandem.*unreadable.*read'
    same_as "another program starts it" sh -c '"$1" 3 1; echo $?; (exec "$1" 2 1); date +%Y' sh "$T/unreadable"
    is "... which the report names" "$(jq -r '.unknown | length > 0' "$T/out/report.json")" true
    is "... without the trap that it must not have" "$("${as[@]}" "$TANDEM" run --expose=tsc -- sh -c '"$1" 3 1; echo $?' sh "$T/unreadable" 2>&1)" \
        "$("${as[@]}" sh -c '"$1" 3 1; echo $?' sh "$T/unreadable")"
    # It cannot be executed either, which shows late: traps are back then.
    echo "no program" >"$T/unreadable"
    rm -f "$T/report.json"
    "${as[@]}" "$TANDEM" run --report="$T/out/tsc.json" -- "$P/show-tsc" "$T/unreadable" >"$T/stdout" 2>"$T/stderr"
    is "an exec that fails: status" "$?" 0
    ok "... rdtsc is matched after it" agreed "$T/out/tsc.json"
    rm -rf "$copy"
fi

done_testing
