#!/bin/bash
# 63-diff.t - tandem diff: where two runs of a program differ first, what that is, and what is no difference; bad recordings.
. "$(dirname "$0")/lib.sh"

real=$TANDEM
# twice NAME COMMAND... - $T/NAME.a and $T/NAME.b
twice() {
    local name=$1 i; shift
    for i in a b; do
        timeout --foreground -k 5 "$limit" "$real" record -o "$T/$name.$i" -- "$@" >/dev/null 2>&1
    done
}
record() { timeout --foreground -k 5 "$limit" "$real" record -o "$@" >/dev/null 2>&1; }
# diff_of ARGS... - status, text and errors of a comparison in $status, $T/out, $T/err
diff_of() {
    timeout --foreground -k 5 "$limit" "$real" diff "$@" >"$T/out" 2>"$T/err"
    status=$?
}
# json ARGS... - the same as JSON
json() { diff_of --json "$@"; }
# found FILTER - of what json printed, all lines in a list
found() { jq -cs "$1" "$T/out" 2>&1; }

# ---- no difference ----

twice same sh -c 'echo hello; cd /; pwd'
diff_of "$T/same.a" "$T/same.b"
is "two runs of the same: status" "$?$status" 00
is "... the heads, and a line of counts" "$(wc -l <"$T/out") $(grep -c '^[<>!~@]' "$T/out") $(wc -c <"$T/err")" "4 0 0"
like "... program, events, end" "$(sed -n 1p "$T/out")" "^A: $T/same.a: sh -c echo hello; cd /; pwd; 20[0-9-]+ [0-9:]+; [1-9][0-9]* events; exited with 0\$"
like "... of B as well" "$(sed -n 2p "$T/out")" "^B: $T/same.b: "
like "... counted: equal, and different by itself" "$(tail -n 1 "$T/out")" '^[1-9][0-9]+ equal, [1-9][0-9]* but for what differs by itself$'
diff_of --all "$T/same.a" "$T/same.b"
is "--all: addresses and times differ" "$status $(grep -c '^! .* brk(NULL)' "$T/out")" "1 2" || diag "$(head -n 20 "$T/out")"
diff_of --all "$T/same.a" "$T/same.a"
is "... not from itself" "$status $(grep -c '^[<>!~@]' "$T/out")" "0 0"
like "... where everything is equal" "$(tail -n 1 "$T/out")" '^[1-9][0-9]+ equal$'

# ---- one value ----

twice date date +%N
json "$T/date.a" "$T/date.b"
is "date: status" "$status" 1
is "... what it wrote differs, and nothing before it" "$(found '.[0] | [.kind, .task, (.a.text | startswith("write(1, ")), .differs[0].what, .differs[0].argument, .differs[0].where, .a.event == .b.event]')" \
    '["values",1,true,"did",2,"argument 2 (buf)",true]' || diag "$(<"$T/out")"
is "... the summary is the last line" "$(found '.[-1].summary | [.differences, .counts.did, .counts.only_a, .counts.only_b, .a_whole, .b_whole, (.tasks | length)]')" \
    '[1,1,0,0,true,true,1]'
diff_of "$T/date.a" "$T/date.b"
is "... as text: both calls, one below the other" "$(grep -c '^! [0-9]* write(1, "' "$T/out")" 2
like "... from which byte on" "$(grep '^!  ' "$T/out")" '^!   did: argument 2 \(buf\), from byte [0-8] on: "[0-9]+\\n", "[0-9]+\\n"$'
is "... three lines before it" "$(sed -n '/^@@/,/^!/p' "$T/out" | grep -c '^[ ~] [0-9]')" 3
is "... the clock is named" "$(sed -n '/^What differs by itself/,$p' "$T/out" | grep -c '^~ .*clock_gettime(CLOCK_REALTIME')" 2
diff_of -C 0 "$T/date.a" "$T/date.b"
is "-C 0: none" "$(sed -n '/^@@/,/^!/p' "$T/out" | grep -c '^[ ~] [0-9]')" 0
diff_of -s 3 "$T/date.a" "$T/date.b"
is "-s 3" "$(grep -cE '^! [0-9]+ write\(1, "[0-9]{3}"\.\.\., 10\)' "$T/out")" 2

twice random python3 -c 'import random; print(random.random())'
json -n 0 "$T/random.a" "$T/random.b"
is "python3, random numbers: only what it wrote" "$status $(found '[.[] | select(.kind == "values" and .differs[0].what == "did") | .a.text[:9]]')" '1 ["write(1, "]' ||
    diag "$(cut -c 1-300 "$T/out")"

# ---- the world ----

mkdir "$T/dir"
touch "$T/dir/one"
record "$T/ls.a" -- ls "$T/dir"
touch "$T/dir/two"
record "$T/ls.b" -- ls "$T/dir"
json "$T/ls.a" "$T/ls.b"
is "ls, a file more: what it got comes before what it did" \
    "$status $(found '[.[] | select(.kind == "values") | [.differs[0].what, (.a.text | split("(")[0])]] | [map(select(.[1] == "getdents64" or .[1] == "write"))[] | join(" ")]')" \
    '1 ["got getdents64","did write"]' || diag "$(<"$T/out")"
echo first >"$T/file"
record "$T/cat.a" -- cat "$T/file"
echo third >"$T/file"
record "$T/cat.b" -- cat "$T/file"
json "$T/cat.a" "$T/cat.b"
is "a file with other bytes" "$(found '[.[] | select(.kind == "values") | .differs[] | [.what, .where, .offset, .a, .b]]')" \
    '[["got","argument 2 (buf)",0,"\"first\\n\"","\"third\\n\""],["did","argument 2 (buf)",0,"\"first\\n\"","\"third\\n\""]]'
rm "$T/file"
record "$T/cat.b" -- cat "$T/file"
json "$T/cat.a" "$T/cat.b"
is "a file that is gone" "$(found '.[0] | [(.a.text | startswith("openat(")), .differs[0].what, .differs[0].a, .differs[0].b]')" \
    '[true,"got","no error","ENOENT"]'
is "... what is only in one of them" "$(found '[.[-1].summary.counts | .only_a > 0, .only_b > 0] | tostring')" '"[true,true]"'

# ---- aligned ----

cat >"$T/script" <<'SH'
echo begin
[ -z "$MORE" ] || cd "$MORE"
cd /
echo end
SH
MORE= record "$T/more.a" -- sh "$T/script"
MORE=/tmp record "$T/more.b" -- sh "$T/script"
json "$T/more.a" "$T/more.b"
is "a call more: it alone, but for the environment" "$(found '[.[:-1][] | [.kind, (.a.text // .b.text | split("(")[0])]]')" \
    '[["values","execve"],["only-b","chdir"]]' || diag "$(cut -c 1-300 "$T/out")"
json "$T/more.b" "$T/more.a"
is "... the other way round" "$(found '[.[:-1][] | [.kind, (.a.text // .b.text | split("(")[0])]]')" '[["values","execve"],["only-a","chdir"]]'
diff_of "$T/more.a" "$T/more.b"
is "... as text" "$(grep -c '^> [0-9]* chdir("/tmp") = 0$' "$T/out") $(grep -c '^<' "$T/out")" "1 0"

seq 400 >"$T/lines.a"
sed -e '100,199d' -e '300s/$/ and more/' -e '350i between' "$T/lines.a" >"$T/lines.b"
loop='while read -r line; do echo "$line"; done'
for i in a b; do
    record "$T/loop.$i" -- sh -c "exec <$T/lines.$i; $loop"
done
json -n 0 "$T/loop.a" "$T/loop.b"
is "a hundred writes less, one more, one other" \
    "$(found '[.[] | select((.a.text // .b.text // "") | startswith("write(")) | .kind] | group_by(.) | map([.[0], length])')" \
    '[["only-a",100],["only-b",1],["values",1]]' || diag "$(found '.[-1]')"
is "-n: so many, and the summary counts all" "$(json -n 5 "$T/loop.a" "$T/loop.b"; found '[length, .[-1].summary.differences > 100]')" "[6,true]"
diff_of -n 1 "$T/loop.a" "$T/loop.b"
is "... as text" "$(grep -c '^! [0-9]* execve' "$T/out") $(grep -c '^[<>!] [0-9]' "$T/out") $(grep -c '^[1-9][0-9]* more (-n 0 shows all)$' "$T/out")" "2 2 1"

# ---- several tasks ----

twice race "$P/call-race"
json "$T/race.a" "$T/race.b"
is "threads: their tasks are compared" "$(found '.[-1].summary.tasks | length > 3')" true
is "... ids are no difference" "$(found '[.[] | select((.a.text // "") | test("^(clone|getpid|gettid|set_tid)"))] | length')" 0
twice pipe bash -c 'echo $RANDOM | cat; exit 3'
json "$T/pipe.a" "$T/pipe.b"
is "processes: who wrote it, who read it" "$(found '[.[] | select(.kind == "values" and (.a.text | test("^(read|write)"))) | .differs[0].what] | unique')" '["did","got"]' ||
    diag "$(cut -c 1-300 "$T/out")"
diff_of "$T/pipe.a" "$T/pipe.b"
like "... the count of a task, and of all" "$(tail -n 3 "$T/out")" $'task [0-9]+: [0-9]+ equal.*\nall tasks: [0-9]+ equal'
record "$T/pipe.b" -- bash -c 'echo $RANDOM | cat; exit 4'
json "$T/pipe.a" "$T/pipe.b"
is "another end" "$(found '[.[] | select(.kind == "values" and .differs[0].where == "status")] | length')" 1
{ record "$T/killed" -- sh -c 'kill -9 $$'; } 2>/dev/null
diff_of "$T/same.a" "$T/killed"
like "killed by a signal" "$(sed -n 2p "$T/out")" 'killed by SIGKILL$'

# ---- what is long ----

head -c 3000000 /dev/zero >"$T/zeros"
cp "$T/zeros" "$T/zeros.b"
printf x | dd of="$T/zeros.b" bs=1 seek=2999990 conv=notrunc status=none
record "$T/long.a" -- dd if="$T/zeros" of=/dev/null bs=3000000 count=1
record "$T/long.b" -- dd if="$T/zeros.b" of=/dev/null bs=3000000 count=1
json "$T/long.a" "$T/long.b"
is "a byte far behind what an event holds" "$(found '[.[] | select(.kind == "values" and (.a.text | startswith("read(")))] | length')" 1
is "... and in what was written" "$(found '[.[] | select(.kind == "values" and (.a.text | startswith("write(1"))) | .differs[0].offset]')" "[2998272]"

# ---- bad input, and damaged ----

# refused NAME REGEX ARGS... - status 125, and one line
refused() {
    local name=$1 regex=$2; shift 2
    diff_of "$@"
    like "$name" "$status $(wc -l <"$T/err") $(wc -c <"$T/out") $(<"$T/err")" "^125 1 0 tandem: $regex"
}
refused "no recordings" "diff: no recordings were given"
refused "only one" "diff: a second recording is missing" "$T/same.a"
refused "three" "diff: '$T/same.c' is one word too many" "$T/same.a" "$T/same.b" "$T/same.c"
refused "one that is not there" "$T/nowhere: cannot read: No such file" "$T/same.a" "$T/nowhere"
refused "no recording" "$T/script: not a recording" "$T/script" "$T/same.a"
refused "-C without a number" "diff: -C takes a number from 0" -C x "$T/same.a" "$T/same.b"
refused "-n below 0" "diff: -n takes a number from 0" -n -1 "$T/same.a" "$T/same.b"

record "$T/cut.a" -- dd if=/dev/zero of=/dev/null bs=1 count=5000
record "$T/cut.b" -- dd if=/dev/zero of=/dev/null bs=1 count=5000
head -c $(($(stat -c %s "$T/cut.a") / 2)) "$T/cut.a" >"$T/cut"
# What was written in less than a second may be one chunk; then all of its events are lost.
for other in "$T/cut.b" "$T/same.a"; do
    diff_of "$T/cut" "$other"
    like "cut off, against $(basename "$other"): it says so" "$(<"$T/err")" "^tandem: $T/cut: the recording was cut off at byte [0-9]+: what comes before is compared, up to event [0-9]+$"
done
size=$(stat -c %s "$T/same.a")
head -c $((size - 10)) "$T/same.a" >"$T/cut"
for sides in "$T/cut $T/same.b" "$T/same.b $T/cut"; do
    diff_of $sides
    is "the end is missing, no difference: status" "$status $(grep -c '^[<>!]' "$T/out") $(grep -c 'cut off$' "$T/out")" "125 0 1"
done
head -c $(($(stat -c %s "$T/date.a") - 10)) "$T/date.a" >"$T/cut"
diff_of "$T/cut" "$T/date.b"
is "... with a difference before that" "$status $(grep -c '^! ' "$T/out")" "1 3"
# Three seconds: at least two chunks of events, of which one is lost.
twice slow sh -c 'echo early; sleep 1.5; echo late; sleep 1.5; echo end'
"$real" show --json "$T/slow.a" >"$T/json"
size=$(stat -c %s "$T/slow.a")
head -c $((size - 1500)) "$T/slow.a" >"$T/cut"
for sides in "$T/cut $T/slow.b" "$T/slow.b $T/cut"; do
    json $sides
    is "an end that is lost: what comes behind is no difference" "$status $(found '[.[-1].summary | .differences, .counts.equal > 50, .counts.beyond > 0] | tostring')" '125 "[0,true,true]"'
done
cp "$T/slow.a" "$T/cut"
printf '\377\377\377' | dd of="$T/cut" bs=1 seek=$((size - 1500)) conv=notrunc status=none
diff_of "$T/cut" "$T/slow.b"
like "a byte that was turned" "$status $(<"$T/err")" "^125 tandem: $T/cut: the recording is damaged at byte [0-9]+: what comes before is compared"
"$real" diff "$T/date.a" "$T/date.b" >/dev/full 2>"$T/err"
like "a full disk" "$? $(<"$T/err")" "^125 tandem: cannot write the output: No space left"
done_testing
