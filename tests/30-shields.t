#!/bin/bash
# 30-shields.t - each shield both ways: with it the versions agree, without it they part at the line that shows the source.
. "$(dirname "$0")/lib.sh"

runs=$(count 5 100)

# shielded NAME PROGRAM ARGS...
shielded() {
    local name=$1 i bad=0 status; shift
    for ((i = 0; i < runs && bad == 0; i++)); do
        rm -f "$T/report.json"
        tandem_run -n 3 --report="$T/report.json" -- "$@" >"$T/stdout" 2>"$T/tandem.stderr"
        status=$?
        [ "$status" == 0 ] && [ "$(wc -l <"$T/stdout")" == 1 ] && [ ! -s "$T/tandem.stderr" ] && agreed || bad=1
    done
    is "$name: $runs runs agree" "$bad" 0 || diag "status $status; stdout: $(<"$T/stdout"); stderr: $(head -n 5 "$T/tandem.stderr")"
}

# exposed NAME SOURCE FILE PROGRAM ARGS... - the leader's output unharmed, the divergence where the value is shown
exposed() {
    local name=$1 source=$2 file=$3; shift 3
    rm -f "$T/report.json"
    tandem_run --expose="$source" --report="$T/report.json" -- "$@" >"$T/stdout" 2>"$T/tandem.stderr"
    is "$name, --expose=$source: status" "$?" 0
    is "... one line printed" "$(wc -l <"$T/stdout")" 1
    parted "... parts where it shows" write "$file.c" "$(line_of "$here/prog/$file.c" shown)"
    is "... the report names what was exposed" "$(report '.exposed | join(",")')" "$source"
}

# both NAME SOURCE PROGRAM ARGS...
both() {
    local name=$1 source=$2 program=$3; shift 3
    shielded "$name" "$P/$program" "$@"
    exposed "$name" "$source" "${program%%[-]static*}" "$P/$program" "$@"
}

has() { grep -qw "$1" /proc/cpuinfo; }
# Sources that are the number of a core show only when versions can sit on different ones.
cores=$(nproc)

both "clocks of the vDSO" vdso show-vdso-clock
both "clocks of the vDSO, static" vdso show-vdso-clock-static
both "AT_RANDOM" auxv show-auxv
both "AT_RANDOM, static" auxv show-auxv-static
both "AT_RANDOM, static-pie" auxv show-auxv-static-pie
for kind in stack heap mmap function brk libc; do
    both "address of $kind" aslr show-aslr $kind
done
both "address of the stack, static" aslr show-aslr-static stack
both "address of a function, static-pie" aslr show-aslr-static-pie function
shielded "address of a function, non-PIE" "$P/show-aslr-nopie" function
both "rdtsc" tsc show-tsc
both "rdtsc, static" tsc show-tsc-static
both "rdtscp" tsc show-tscp
both "pids" pid show-pid
both "parent's pid" pid show-ppid
is "... in the second task" "$(report '.divergences[0].task')" 2
both "freed memory" uninit show-uninit-heap

# what NAME FLAG SOURCE PROGRAM - shielded in any case, exposed where the machine can show it
per_core() {
    shielded "$1" "$P/$3"
    if [ "$cores" -gt 1 ]; then exposed "$1" "$2" "${3%%-static*}" "$P/$3"; else skip "$1, exposed" "one core"; fi
}
for flavor in "" -static -static-pie -nopie; do
    shielded "cpuid leaf 1$flavor" "$P/show-cpuid$flavor"
done
per_core "cpuid leaf 1" cpuid show-cpuid
per_core "cpuid leaf 1, static" cpuid show-cpuid-static
per_core "cpu number from rseq" rseq show-rseq
per_core "cpu number from the vDSO's getcpu" vdso show-getcpu
if has rdpid; then per_core "rdpid" cpu show-rdpid; else skip "rdpid" "this CPU has none"; fi
per_core "lsl" cpu show-lsl
is "rseq is not registered" "$(tandem_run -- "$P/show-rseq")" "rseq is not registered"

if has rdrand; then
    both "rdrand" rand show-rdrand
    both "rdrand, static" rand show-rdrand-static
else
    skip "rdrand" "this CPU has none"
fi
if has rdseed; then both "rdseed" rand show-rdseed; else skip "rdseed" "this CPU has none"; fi

# What is promised to be zero stays so.
run_options=--expose=uninit
same "calloc and fresh pages while uninit is exposed" "$P/show-calloc"
run_options=

# The leader's randomization stays on.
a=$(tandem_run -- "$P/show-aslr" mmap) b=$(tandem_run -- "$P/show-aslr" mmap) c=$(tandem_run -- "$P/show-aslr" mmap)
ok "the leader keeps its randomization" test "$a $b" != "$b $c"

# beside NAME PROGRAM... - a version of another executable, which is mapped by itself, is shielded as well
beside() {
    local name=$1 other=$T/other-${2##*/}; shift
    cp "$P/$1" "$other"
    lines=1 run_options="--with=$other" agree "another executable: $name" "$P/$1"
    rm -f "$other"
}
beside "clocks of the vDSO" show-vdso-clock
beside "rdtsc, static" show-tsc-static
beside "pids" show-pid
beside "lsl" show-lsl
for flavor in "" -static; do
    if has rdrand; then beside "rdrand$flavor" "show-rdrand$flavor"; else skip "rdrand$flavor" "this CPU has none"; fi
    beside "cpuid$flavor" "show-cpuid$flavor"
done
if has rdpid; then beside "rdpid" show-rdpid; else skip "rdpid" "this CPU has none"; fi

# Machines without CPUID faulting: cpuid is found by scan, and patched.
export TANDEM_NO_CPUID_FAULTING=1
for flavor in "" -static -static-pie -nopie; do
    beside "cpuid by patches$flavor" "show-cpuid$flavor"
done
for flavor in "" -static; do
    lines=1 agree "cpuid by patches$flavor" "$P/show-cpuid$flavor"
done
tandem_run --expose=cpuid -n 1 -- true
is "... and nothing is patched when it is exposed" "$?" 0
unset TANDEM_NO_CPUID_FAULTING

# Virtual machines on which rdtsc does not trap, whatever the kernel is told: likewise.
export TANDEM_NO_TSC_TRAPS=1
for flavor in "" -static -static-pie -nopie; do
    lines=1 agree "rdtsc by patches$flavor" "$P/show-tsc$flavor"
    beside "rdtsc by patches$flavor" "show-tsc$flavor"
done
lines=1 agree "rdtscp by patches" "$P/show-tscp"
tandem_run --report="$T/report.json" --expose=tsc -- "$P/show-tsc" >/dev/null 2>&1
is "... exposed: the divergence" "$(report '.divergences[].follower.call')" write
unset TANDEM_NO_TSC_TRAPS

done_testing
