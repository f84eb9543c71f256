#!/bin/bash
# 86-doctor.t - tandem doctor: what this machine allows, each with its consequence.
. "$(dirname "$0")/lib.sh"

out=$(timeout --foreground -k 5 "$limit" "$TANDEM" doctor 2>"$T/stderr")
is "status where tandem can work" "$?" 0
is "nothing on stderr" "$(<"$T/stderr")" ""
for word in ptrace seccomp "rdtsc|TSC" [Cc][Pp][Uu][Ii][Dd] pidfd_getfd; do
    like "it speaks of $word" "$out" "$word"
done
done_testing
