#!/bin/bash
# 86-doctor.t - tandem doctor: what this machine allows, each with its consequence.
. "$(dirname "$0")/lib.sh"

out=$(timeout --foreground -k 5 "$limit" "$TANDEM" doctor 2>"$T/stderr")
is "status where tandem can work" "$?" 0
is "nothing on stderr" "$(<"$T/stderr")" ""
for word in ptrace seccomp "rdtsc|TSC" [Cc][Pp][Uu][Ii][Dd] pidfd_getfd; do
    like "it speaks of $word" "$out" "$word"
done
ok "--json is JSON" sh -c '"$1" doctor --json | jq -e . >/dev/null' sh "$TANDEM"
ok "a limit on files does not end it" sh -c 'ulimit -f 10; "$1" doctor >doctor; [ $? -le 1 ] && grep -q ptrace doctor' sh "$TANDEM"
done_testing
