#!/bin/bash
# 25-divergence.t - two builds that part in every way there is: what tandem says, in words and in JSON, and how it goes on.
. "$(dirname "$0")/lib.sh"

# part WAY OPTIONS... - leader parting-0, one follower parting-1
part() {
    local way=$1; shift
    rm -f "$T/report.json"
    tandem_run --report="$T/report.json" -n 1 --with "$P/parting-1" "$@" -- "$P/parting-0" "$way" ${wait_ms:-} \
        >"$T/tandem.stdout" 2>"$T/tandem.stderr"
    status=$?
}

# said WAY KIND LEADER-CALL FOLLOWER-CALL LINE-MARK - the leader unharmed, one divergence, both sides named
said() {
    local way=$1 kind=$2 d='.divergences[0]'
    part "$way"
    is "$way: the leader's output" "$(<"$T/tandem.stdout")" "$("$P/parting-0" "$way")"
    "$P/parting-0" "$way" >/dev/null
    is "... its status" "$status" "$?"
    is "... one divergence" "$(report '.divergences | length')" 1
    like "... its kind" "$(report "$d.kind")" "$kind"
    is "... its version" "$(report "$d.version")" 1
    like "... its task" "$(report "$d.task")" '^[0-9]+$'
    like "... its event" "$(report "$d.event")" '^[0-9]+$'
    like "... the leader's call" "$(report "$d.leader.call")" "$3"
    like "... the follower's call" "$(report "$d.follower.call")" "$4"
    like "... stderr: one line with version, task and event" "$(grep -c . "$T/tandem.stderr") $(<"$T/tandem.stderr")" \
        'version 1, task [0-9]+, event [0-9]+'
    [ -z "${5:-}" ] || ok "... the follower's backtrace has the line" follower_at "$(line_of "$here/prog/parting.c" "$5")"
}
follower_at() {
    jq -e --argjson line "$1" '.divergences[0].follower.backtrace | any(.file != null and (.file | endswith("parting.c")) and
        .line == $line)' "$T/report.json" >/dev/null && return
    diag "line $1 is not in" "$(report '.divergences[0].follower.backtrace')"
    return 1
}

# The last few events before it are told, too.
part output
like "before a divergence: what happened before" "$(<"$T/tandem.stderr")" 'event [0-9]+, task 1: '

said call 'call' '^getuid$' '^getgid$' call
said argument 'argument' '^close$' '^close$' argument
is "... the argument that differs" "$(report '.divergences[0].difference | "\(.leader) \(.follower)"')" "100 101"
said output '^argument$' '^write$' '^write$' output
is "... the byte that differs" "$(report '.divergences[0].difference.offset')" 27
said path 'argument' '^open(at)?$' '^open(at)?$' path
said exit '^exit$' '^write$' '^exit_group$' exit
said status '^argument$' '^exit_group$' '^exit_group$' status
said crash '^crash$' '^write$' '' crash
said signal '^argument$' '^kill$' '^kill$' signal
ok "... the report has all of it" jq -e '
    (.divergences[0] | .leader.args[1] == "SIGUSR2" and .follower.args[1] != "SIGUSR2" and (.leader.result | type) == "number" and
        any(.leader.backtrace[]; .function == "main") and any(.follower.backtrace[]; .function == "main")) and
    (.versions | length == 2 and .[0].role == "leader" and .[1].role == "follower" and
        all(.[]; (.command | length) > 0) and .[1].exit == "diverged")' "$T/report.json" || diag "$(jq -c . "$T/report.json")"
said timer 'argument' '^setitimer$' '^setitimer$' timer
is "... the byte that differs" "$(report '.divergences[0].difference.offset')" 16
said mapping 'argument' '^mmap$' '^mmap$' mapping
is "... the argument that differs" "$(report '.divergences[0].difference.argument')" 5
said end 'argument' '^kill$' '^kill$' end
said length 'argument' '^chdir$' '^chdir$' length
is "... the byte that differs" "$(report '.divergences[0].difference | "\(.offset) \(.leader) \(.follower)"')" "11 0 47"
said group 'argument' '^setsockopt$' '^setsockopt$' group
is "... the byte that differs" "$(report '.divergences[0].difference | "\(.offset) \(.leader) \(.follower)"')" "7 1 2"
said hang 'hang' '^write$' '' hang
is "... the other task is shown, too" "$(report '.divergences[0].others | map("\(.task) \(any(.backtrace[]; .function == "waits_in_vain"))")[]')" \
    "2 true"

part none
is "builds that do the same: status" "$status" 0
ok "... agree" agreed
is "... nothing on stderr" "$(<"$T/tandem.stderr")" ""

# What to do then.
part output --divergence-exit=77
is "--divergence-exit=77" "$status" 77
part none --divergence-exit=77
is "... not without a divergence" "$status" 0
part status --divergence-exit=0
is "--divergence-exit=0 hides the leader's status" "$status" 0
part argument --on-divergence=drop
is "--on-divergence=drop: the leader goes on" "$(<"$T/tandem.stdout")" "before
after"
wait_ms=3000
part argument --on-divergence=kill
wait_ms=
is "--on-divergence=kill: the report has it" "$(report '.divergences | length')" 1
is "... the leader was not let on" "$(<"$T/tandem.stdout")" before
ok "... and the status tells" test "$status" != 0

# A report for people, without --report, and one follower of several that parts.
out=$(tandem_run -n 2 --with "$P/parting-1" -- "$P/parting-0" argument 2>&1 >/dev/null)
like "one of two followers parts: it is version 2" "$out" 'version 2, task'
like "... both calls stand there" "$out" 'close.*100'
like "... and the other's" "$out" '101'
tandem_run -n 2 --with "$P/parting-1" --report="$T/report.json" -- "$P/parting-0" argument >/dev/null 2>&1
is "... the report knows three versions" "$(report '.versions | length')" 3
is "... one divergence" "$(report '.divergences | length')" 1

# Dynamic builds; the same file under another name.
rm -f "$T/report.json"
tandem_run -n 1 --with "$P/parting-dynamic-1" --report="$T/report.json" -- "$P/parting-dynamic-0" output >/dev/null 2>"$T/tandem.stderr"
parted "dynamic builds part at their line" write parting.c "$(line_of "$here/prog/parting.c" output)"
cp "$P/parting-0" "$T/other"
rm -f "$T/report.json"
tandem_run -n 1 --with "$T/other" --report="$T/report.json" -- "$P/parting-0" output >/dev/null
ok "a copy under another name agrees" agreed

# Another command line for one version.
rm -f "$T/report.json"
tandem_run -n 1 --with-cmd "$P/parting-0 status" --report="$T/report.json" -- "$P/parting-0" status >"$T/tandem.stdout" 2>&1
is "--with-cmd with the same words: status" "$?" 3
ok "... agrees" agreed
tandem_run -n 1 --with-cmd "$P/parting-0 exit" --report="$T/report.json" -- "$P/parting-0" status >/dev/null 2>&1
is "--with-cmd with another word: the leader's status" "$?" 3
is "... parts" "$(report '.divergences | length')" 1

# Several at once, each in its own way.
tandem_run -n 2 --engine=ptrace --threads=serial --start=exec --with "$T/other" --with-cmd "$P/parting-0 status" --env W=1 \
    --report="$T/report.json" -- "$P/parting-0" status >/dev/null 2>&1
is "four versions, two of them others: status" "$?" 3
is "... the report has them" "$(report '.versions | map(.path | split("/") | last) | join(" ")')" \
    "parting-0 parting-0 other parting-0"
ok "... agrees" agreed

# Little of the stack: the backtrace says that it is cut.
rm -f "$T/report.json"
tandem_run -n 1 --stack=64 --with "$P/parting-1" --report="$T/report.json" -- "$P/parting-0" output >/dev/null 2>&1
is "--stack=64: the leader's backtrace is cut" "$(report '.divergences[0].leader.truncated')" true

# A handler runs while the leader computes, and there is no call for a second.
for layout in "" --expose=aslr; do
    rm -f "$T/report.json"
    tandem_run $layout --report="$T/report.json" -- \
        perl -e '$SIG{ALRM} = sub { $done = 1 }; alarm 1; 1 while !$done && $i++ < 2e9; exit 7' >/dev/null 2>&1
    is "a signal while it computes $layout: the leader's status" "$?" 7
    if [ -z "$layout" ]; then
        ok "... the follower gets it at the same place" agreed
        ok "... a point, of some size" test "$(report '.counts | .points > 0 and .point_bytes > 100000')" == true
    else
        is "... the follower cannot be put there: it is let go" "$(report '[.divergences[].kind] | join(" ")')" signal
    fi
done

# What was counted, for people.
tandem_run --stats --report="$T/report.json" -- "$P/point-register" itimer 5 >/dev/null 2>"$T/stats.stderr"
is "--stats: the points" "$(sed -nE 's/^tandem: points +([0-9]+)$/\1/p' "$T/stats.stderr")" "$(report .counts.points)"
is "... and as many lines as counts" "$(wc -l <"$T/stats.stderr")" "$(report '.counts | length')"
like "... and the time" "$(head -n 1 "$T/stats.stderr")" '^tandem: events +[0-9]+ in [0-9]+\.[0-9]{3} s$'

# Turns by chance: what depends on their order differs from seed to seed, and never between versions.
for seed in 1 2 3 4 5 6; do
    rm -f "$T/report.json"
    tandem_run --chaos=$seed --report="$T/report.json" -- "$P/call-race" 2>"$T/chaos.stderr" | md5sum >>"$T/chaos"
    ok "--chaos=$seed: agreed" agreed
    is "... says the seed" "$(<"$T/chaos.stderr") $(report .chaos)" "tandem: --chaos=$seed $seed"
done
ok "... with other orders each time" test "$(sort -u "$T/chaos" | wc -l)" -gt 3
tandem_run --chaos -- true 2>"$T/chaos.stderr"
like "--chaos: chooses a seed, and says which" "$(<"$T/chaos.stderr")" '^tandem: --chaos=[0-9]+$'

# Memory that somebody else writes to is named, with who that is; but not memory that only the program has.
"$P/outside" share "$T/shared" 60000 >"$T/mapped" &
writer=$!
wait_until 10 grep -q mapped "$T/mapped"
for file in shared alone; do
    tandem_run --report="$T/report.json" -- "$P/outside" share "$T/$file" 300 >/dev/null 2>"$T/shared.stderr"
    is "$file: the warnings" "$(report '.warnings[]')" "$([ $file == alone ] || echo "$T/shared is shared with process \
$writer (outside), which is not of the program: what that writes there, no follower sees")"
    is "... on stderr as well" "$(<"$T/shared.stderr")" "$([ $file == alone ] || report '"tandem: " + .warnings[0]')"
done
tandem_run -- sh -c '"$1" share "$2" 500 & "$1" share "$2" 500; wait' sh "$P/outside" "$T/alone" >/dev/null 2>"$T/shared.stderr"
is "... nor memory of two of its processes" "$(<"$T/shared.stderr")" ""
kill "$writer"

# An environment of its own.
export V=one
tandem_run -n 1 --with /usr/bin/printenv --env V=one --report="$T/report.json" -- printenv V >"$T/tandem.stdout" 2>&1
is "--env with the same value" "$(<"$T/tandem.stdout")" one
ok "... agrees" agreed
tandem_run -n 1 --with /usr/bin/printenv --env V=two --report="$T/report.json" -- printenv V >"$T/tandem.stdout" 2>/dev/null
is "--env with another value: the leader's is its own" "$(<"$T/tandem.stdout")" one
is "... parts where it is written" "$(report '.divergences | map(.leader.call) | join(" ")')" write
tandem_run -n 2 --with /usr/bin/printenv --env V=two --report="$T/report.json" -- printenv V >/dev/null 2>&1
is "... and only the version that it was meant for" "$(report '.divergences | map(.version) | join(" ")')" 2

done_testing
