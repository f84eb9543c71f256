#!/bin/bash
# 59-runtimes.t - node, Java, Go, python3, perl, ruby: programs (runtime/*) whose result is of scheduling, of chance, of time.
. "$(dirname "$0")/lib.sh"
# Points carry memory, and a follower may wait for its core: nothing is to be said of a full stream.
TANDEM_RUN_OPTIONS="${TANDEM_RUN_OPTIONS:-} --ring=256M"

n=$(count 2 20)
programs=$here/runtime
export PYTHONDONTWRITEBYTECODE=1 GOCACHE=$T/go-cache GOFLAGS=-trimpath GOTELEMETRY=off

# runs RUNTIME NAME COMMAND... - natively each run prints another line
runs() {
    local name="$1: $2, $n runs"; shift 2
    if differs "$@"; then agree_times "$n" "$name" "$@"; else fail "$name"; fi
}

# has RUNTIME NAMES... - or else a test each is skipped
has() {
    local name runtime=$1; shift
    command -v "$runtime" >/dev/null && return
    for name; do skip "$runtime: $name" "not installed"; done
    return 1
}

if has node timers workers crypto; then
    for name in timers workers crypto; do
        runs node $name node "$programs/$name.js"
    done
fi

if has javac Threads Garbage "from source"; then
    if javac -d "$T/java" "$programs"/*.java >"$T/javac" 2>&1; then
        runs java Threads java -cp "$T/java" Threads
        runs java Garbage java -Xmx24m -cp "$T/java" Garbage
        runs java "Threads, compiled to machine code at once" java -Xcomp -XX:TieredStopAtLevel=1 -cp "$T/java" Threads
        agree "java: from source" java "$programs/Threads.java"
        rm -rf "$TANDEM_TEST_DIR"/tmp/hsperfdata_* # which Java leaves there natively, too
    else
        fail "javac"
        diag "$(<"$T/javac")"
    fi
fi

if has go goroutines garbage; then
    for name in goroutines garbage; do
        if (cd "$programs" && go build -o "$T/$name" $name.go) >"$T/go" 2>&1; then
            runs go $name "$T/$name"
            # Where nothing traps, its instructions are found by its own table of functions.
            TANDEM_NO_TSC_TRAPS=1 TANDEM_NO_CPUID_FAULTING=1 agree "go: $name, by patches" "$T/$name"
            is "... none is left" "$(report .counts.unverified_instructions)" 0
        else
            fail "go build $name"
            diag "$(<"$T/go")"
        fi
    done
fi

if has python3 threads processes tasks; then
    for name in threads processes tasks; do
        runs python3 $name python3 "$programs/$name.py"
    done
fi

! has perl processes || runs perl processes perl "$programs/processes.pl"
! has ruby threads || runs ruby threads ruby "$programs/threads.rb"

done_testing
