# lib.sh - what every test script shares: TAP, a directory of its own, a program under tandem against the same natively.
#
#   . "$(dirname "$0")/lib.sh"
#   same "cat copies" cat /etc/passwd        runs it natively and under tandem, one test
#   done_testing
#
# A script ends with done_testing, which also tests that no process and no file is left behind. Knobs, from the environment:
#   TANDEM              the binary                        TANDEM_TEST_PROGS   where the programs of prog/ were built
#   TANDEM_RUN_OPTIONS  more options for every run        TANDEM_SOAK=1       the long counts
#   TANDEM_LAGGED=1     followers lag: fewer repetitions, more patience
#   TANDEM_TEST_SCALE   factor for every time limit (a sanitized build, a slow machine)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export TANDEM=${TANDEM:-$(dirname "$here")/build/tandem}
export TANDEM_TEST_PROGS=${TANDEM_TEST_PROGS:-$(dirname "$here")/build/tests}
P=$TANDEM_TEST_PROGS
CONTAIN=$P/contain
scale=${TANDEM_TEST_SCALE:-1}
# Seconds for one run. What hangs does so for ever; some virtual machines are five times as slow as others.
limit=$((150 * scale * (${TANDEM_LAGGED:-0} ? 2 : 1)))

if [ -z "${TANDEM_TEST_CONTAIN:-}" ]; then
    exec "$CONTAIN" $((1200 * scale)) bash "$0" "$@"
fi
unset CDPATH ENV BASH_ENV
export LC_ALL=C TZ=UTC PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=$TANDEM_TEST_DIR/home
T=$TANDEM_TEST_DIR/work
mkdir "$T" "$HOME"
cd "$T" || exit 1
ulimit -Sc 0
umask 022
exec </dev/null

# --- TAP ---

tests_run=0 tests_failed=0

diag() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }

# ok NAME CONDITION... - passes when the command CONDITION does
ok() {
    local name=$1; shift
    if "$@"; then pass "$name"; else fail "$name"; diag "failed: $*"; return 1; fi
}
pass() { echo "ok $((++tests_run)) - $1"; }
fail() { echo "not ok $((++tests_run)) - $1"; : $((++tests_failed)); }
skip() { echo "ok $((++tests_run)) - $1 # SKIP $2"; }
is() {
    if [ "$2" == "$3" ]; then pass "$1"; else fail "$1"; diag "     got: $2"; diag "expected: $3"; return 1; fi
}
like() { # like NAME TEXT EXTENDED-REGEX
    if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1"; diag "     got: $2"; diag "expected: $3"; return 1; fi
}
skip_all() { echo "1..0 # SKIP $1"; exit 0; }

# --- counts and moments ---

# count CHECK SOAK - how often to do it; a tenth, at least one, when every run may lag
count() {
    local n=$1
    [ -z "${TANDEM_SOAK:-}" ] || n=$2
    [ -z "${TANDEM_LAGGED:-}" ] || n=$((n / 10))
    echo $((n > 0 ? n : 1))
}
now_ms() { local t=$EPOCHREALTIME; echo $((${t/./} / 1000)); }

# wait_until SECONDS CONDITION...
wait_until() {
    local end=$(($(now_ms) + $1 * 1000 * scale)); shift
    until "$@"; do
        (($(now_ms) < end)) || return 1
        sleep 0.02
    done
}

# --- tandem ---

# other_lag - the next run's followers lag at other moments: `lag:MAX,SEED` in TANDEM_RUN_OPTIONS goes on to the next seed.
# Not seen by the caller of a subshell, $( ).
other_lag() {
    [[ ${TANDEM_RUN_OPTIONS:-} =~ ^(.*--fault=lag:[^,]*,)([0-9]+)(.*)$ ]] || return 0
    TANDEM_RUN_OPTIONS=${BASH_REMATCH[1]}$((BASH_REMATCH[2] + 1))${BASH_REMATCH[3]}
}

# tandem_run ARGS... - `tandem run`, ended when it takes too long
tandem_run() { other_lag; timeout --foreground -k 5 "$limit" "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} "$@"; }

# report FILTER [FILE] - a value from the last report
report() { jq -r "$1" "${2:-$T/report.json}" 2>&1; }

# divergences FILE - each in a few lines
divergences() {
    jq -r 'def at: [.backtrace[:4][]? | "\(.function) \(.file // .module | tostring | split("/") | last):\(.line)"] | join(" < ");
        .divergences[] | "version \(.version), task \(.task), event \(.event), \(.kind): \(.what)\n  leader: \(.leader |
        "\(.shown // .call) at \(at)")\n  follower: \(.follower | "\(.shown // .call) at \(at)")\n  \(.difference)"' \
        "$1" 2>&1 | cut -c 1-500 | head -n 20
    [ -s "$1" ] || echo "no report"
}

# agreed [FILE] - there is a report, it knows of no divergence, and all versions ended alike; says what it knows otherwise
agreed() {
    local file=${1:-$T/report.json}
    [ "$(report '"\(.divergences | length) \([.versions[].exit] | unique | length)"' "$file")" == "0 1" ] && return
    diag "ends: $(report '[.versions[].exit] | tostring' "$file")"
    diag "report: $(divergences "$file")"
    return 1
}

# tree DIR - what is in it: names, kinds, modes, link targets, contents
tree() {
    (cd "$1" && find . -mindepth 1 \( -name "${tree_ignores:-//}" -prune -o \
        \( -type f -printf '%P %y %m %s\n' -o -printf '%P %y %m %l\n' \) \) | sort
     find . -name "${tree_ignores:-//}" -prune -o -type f -print0 | sort -z | xargs -0r sha256sum)
}

# run_in NAME COMMAND... - run it in a fresh directory, keep stdout, stderr, status and (without no_tree) the tree as NAME.*
run_in() {
    local name=$1; shift
    rm -rf "$T/here" "$T/$name".*
    mkdir "$T/here"
    (cd "$T/here" && prepare) >&2
    {
        (cd "$T/here" && exec timeout --foreground -k 5 "$limit" "$@") \
            <"${input:-/dev/null}" >"$T/$name.stdout" 2>"$T/$name.stderr"
        echo $? >"$T/$name.status"
    } 2>/dev/null # not this shell's own remark on a death
    [ -n "${no_tree:-}" ] || tree "$T/here" >"$T/$name.tree" 2>&1
    chmod -R u+rwX "$T/here"
    rm -rf "$T/here"
}
prepare() { :; }

# same NAME COMMAND... - one test: stdout, stderr, exit status and files are those of a native run, no version diverged.
# A script may define prepare (fills the directory first) and set input (a file for stdin), tree_ignores (a name pattern),
# run_options.
same() {
    local name=$1 part bad=; shift
    run_in native "$@"
    rm -f "$T/report.json"
    other_lag
    run_in tandem "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" ${run_options:-} -- "$@"
    for part in status stdout stderr tree; do
        cmp -s "$T/native.$part" "$T/tandem.$part" || bad+=" $part"
    done
    agreed || bad+=" divergence"
    if [ -z "$bad" ]; then
        pass "$name"
        return
    fi
    fail "$name"
    diag "differs:$bad; command: $(printf %.300s "$*"); options: ${TANDEM_RUN_OPTIONS:-} ${run_options:-}"
    for part in status stdout tree stderr; do
        case $bad in *divergence*) [ "$part" != stderr ] || break ;; esac # which has the report again
        case $bad in *" $part"*) diag "$part, native against tandem:" \
            "$(diff -a "$T/native.$part" "$T/tandem.$part" | head -n 6 | cut -c 1-300)" ;; esac
    done
    case $bad in *stderr*) ;; *) diag "stderr: $(head -c 1000 "$T/tandem.stderr")" ;; esac
    return 1
}

# same_sh NAME TEXT - the same for a line of shell
same_sh() { same "$1" bash -c "$2"; }

# agree NAME COMMAND... - for what prints something else every time: it ends with 0, no version diverged, every
# line is there once (`lines` says how many, or any; default 1)
agree() { agree_times 1 "$@"; }

# agree_times N NAME COMMAND... - one test of N runs; what they printed is in $T/all.stdout, one after the other
agree_times() {
    local times=$1 name=$2 no_tree=1 run n; shift 2
    : >"$T/all.stdout"
    for ((run = 1; run <= times; run++)); do
        rm -f "$T/report.json"
        other_lag
        run_in tandem "$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$T/report.json" ${run_options:-} -- "$@"
        n=$(wc -l <"$T/tandem.stdout")
        cat "$T/tandem.stdout" >>"$T/all.stdout"
        [ "${lines:-1}" != any ] || n=any
        agreed && [ "$(<"$T/tandem.status")" == 0 ] && [ "$n" == "${lines:-1}" ] && [ ! -s "$T/tandem.stderr" ] && continue
        fail "$name"
        diag "run $run of $times: status $(<"$T/tandem.status"), $n lines (${lines:-1} expected); command: $*;" \
            "options: ${TANDEM_RUN_OPTIONS:-} ${run_options:-}"
        diag "stdout: $(head -c 500 "$T/tandem.stdout")" "stderr: $(head -c 1000 "$T/tandem.stderr")"
        return 1
    done
    pass "$name"
}

# differs COMMAND... - natively it soon prints something else than before; else its agreement would say nothing
differs() {
    local no_tree=1 i
    run_in first "$@"
    [ "$(<"$T/first.status")" == 0 ] || { diag "natively: status $(<"$T/first.status"), $(head -c 500 "$T/first.stderr")"; return 1; }
    for ((i = 0; i < 10; i++)); do
        run_in native "$@"
        cmp -s "$T/first.stdout" "$T/native.stdout" || return 0
    done
    diag "natively it prints $(head -c 200 "$T/first.stdout") all the time"
    return 1
}

# parted NAME CALL FILE LINE - one test about the last report: a divergence at CALL, made at FILE:LINE in both versions
parted() {
    local filter='[.divergences[] | select(.leader.call == $call and .follower.call == $call
        and any(.leader.backtrace[]; (.file // "" | endswith($file)) and .line == $line)
        and any(.follower.backtrace[]; (.file // "" | endswith($file)) and .line == $line))] | length'
    local n
    n=$(jq --arg call "$2" --arg file "$3" --argjson line "$4" "$filter" "$T/report.json" 2>&1)
    if [[ $n =~ ^[1-9] ]]; then
        pass "$1"
        return
    fi
    fail "$1"
    diag "no divergence of $2 at $3:$4 ($n); report: $(divergences "$T/report.json")" \
        "stderr: $(head -n 3 "$T/tandem.stderr" 2>/dev/null)"
    return 1
}

# line_of FILE MARK - the number of the line that carries the comment MARK
line_of() { grep -n "/\* $2 \*/" "$1" | cut -d: -f1; }

# --- who is who while a run goes on ---

children_of() {
    [ ! -e "/proc/$1/task/$1/children" ] || { cat "/proc/$1/task/"*/children 2>/dev/null; return; }
    awk -v p="$1" 'FNR == 1 { sub(/.*\) /, ""); if ($2 == p) { split(FILENAME, a, "/"); print a[3] } }' \
        /proc/[0-9]*/stat 2>/dev/null
}

# versions_of COORDINATOR PROGRAM - lines "leader|follower MONITOR PID": a monitor is a child of the coordinator that has
# a version below it; the leader runs PROGRAM's file, a follower an image that tandem built
versions_of() {
    local monitor pid
    for monitor in $(children_of "$1"); do
        for pid in $(children_of "$monitor"); do
            if [ "$(readlink "/proc/$pid/exe")" == "$2" ]; then
                echo "leader $monitor $pid"
            else
                echo "follower $monitor $pid"
            fi
        done
    done
}

# version_pid ROLE COLUMN COORDINATOR PROGRAM - column 2: the monitor, 3: the version's first process
version_pid() { versions_of "$3" "$4" | awk -v r="$1" -v c="$2" '$1 == r { print $c; exit }'; }

# --- the end ---

nobody_left() { left=$("$CONTAIN" --left "$TANDEM_TEST_CONTAIN"); }
nothing_left() { files=$(find "$TANDEM_TEST_DIR/tmp" "$TANDEM_TEST_DIR/shm" -mindepth 1 | head); [ -z "$files" ]; }

done_testing() {
    wait
    # What was just killed may need a moment to be gone.
    wait_until 2 nobody_left && pass "no process is left behind" || { fail "no process is left behind"; diag "$left"; }
    nothing_left && pass "no file is left behind" || { fail "no file is left behind"; diag "$files"; }
    echo "1..$tests_run"
    exit $((tests_failed > 0))
}
