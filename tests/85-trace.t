#!/bin/bash
# 85-trace.t - tandem trace: a line per call, decoded; and the calls that make no system call.
. "$(dirname "$0")/lib.sh"

# trace ARGS... - the trace in $T/out, the program's output in $T/stdout
trace() {
    rm -f "$T/out"
    timeout --foreground -k 5 "$limit" "$TANDEM" trace -o "$T/out" "$@" >"$T/stdout" 2>"$T/stderr"
    status=$?
}
has() { # has NAME REGEX - a line of the trace
    if grep -Eq -- "$2" "$T/out"; then pass "$1"; else fail "$1"; diag "no line like /$2/ in:" "$(head -n 40 "$T/out")"; fi
}
hasnt() { if grep -Eq -- "$2" "$T/out"; then fail "$1"; diag "$(grep -E -- "$2" "$T/out" | head -n 3)"; else pass "$1"; fi; }

trace -- echo hello
is "echo: status" "$status" 0
is "... its output" "$(<"$T/stdout")" hello
is "... nothing on stderr" "$(<"$T/stderr")" ""
has "... execve" 'execve\(.*"echo".*\) += 0'
has "... write, decoded" 'write\(1, "hello\\n", 6\) += 6'
has "... openat with flags" 'openat\(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY\|O_CLOEXEC\) += 3'
has "... mmap with flags" 'mmap\(.*PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANONYMOUS, -1, 0\) += 0x'
has "... the end" 'exit(ed|_group).*0'
trace -- sh -c 'exit 7'
is "exit status" "$status" 7
trace -- sh -c 'kill -TERM $$'
is "death by a signal" "$status" 143
has "... in the trace" 'SIGTERM'
trace -- cat /no/such/file
has "errno by name" 'openat\(AT_FDCWD, "/no/such/file".*= -1 ENOENT'
trace -- sh -c 'cat /etc/hostname | cat; true'
has "children: their own lines" '^[^0-9]*[0-9]+.*execve.*"cat"'
has "... births" '(clone|fork|vfork)[3]?\('
has "... wait" 'wait4\(.*WIFEXITED|wait4\(.*= [0-9]+'

trace -- "$P/show-vdso-clock"
has "vDSO: clock_gettime" 'clock_gettime.*CLOCK_REALTIME.*vdso'
has "... gettimeofday" 'gettimeofday.*vdso'
trace -- "$P/show-getcpu"
has "... getcpu" 'getcpu.*vdso'
trace -- "$P/show-tsc"
has "rdtsc" '^([0-9]+ +)?rdtsc\(.*\[instruction\]$'
trace -- "$P/show-tscp"
has "rdtscp" '^([0-9]+ +)?rdtscp\(.*\[instruction\]$'
trace -- "$P/show-cpuid"
has "cpuid" '^([0-9]+ +)?cpuid\(.*\[instruction\]$'
if grep -qw rdrand /proc/cpuinfo; then
    trace -- "$P/show-rdrand"
    has "rdrand" '^([0-9]+ +)?rdrand\(.*\[instruction\]$'
else
    skip "rdrand" "this CPU has none"
fi
"$P/call-entry" >"$T/native.stdout"
trace -- "$P/call-entry"
if grep -q "^int 0x80: none" "$T/native.stdout"; then
    skip "int 0x80" "there is none here"
else
    has "int 0x80" 'getpid.*int 0x80'
fi
is "... the program does as it would" "$status" 0

trace -e write -- echo hello
has "-e write" 'write\('
hasnt "... nothing else" '(openat|mmap|execve)\('
trace -e trace=openat,close -- echo hello
has "-e trace=openat,close" 'openat\('
hasnt "... nothing else" '(write|mmap)\('
trace -e file -- cat /etc/hostname
has "-e file" 'openat\(.*hostname'
hasnt "... nothing else" '(brk|read)\('
trace -e memory -- true
has "-e memory" '(mmap|brk)\('
hasnt "... nothing else" 'openat\('
trace -e process -- sh -c 'true; /bin/true; true'
has "-e process" '(clone|fork|vfork|execve|wait4)'
hasnt "... nothing else" 'openat\('
trace -e time -- "$P/show-vdso-clock"
has "-e time" 'clock_gettime'
hasnt "... nothing else" 'write\('
trace -e random -- mktemp -u
hasnt "-e random: no file" 'openat\('
has "... but what is random" 'getrandom\('
trace -e signal -- "$P/dies" 10
has "-e signal" 'kill\('
trace -e network -- python3 -c 'import socket; socket.socketpair()'
has "-e network" 'socketpair\(AF_UNIX, SOCK_STREAM'

trace -s 4 -e write -- echo 0123456789
has "-s 4" 'write\(1, "0123"\.\.\., 11\)'
trace -y -e read -- sh -c 'read x </etc/hostname'
has "-y" 'read\([0-9]+</etc/hostname>'
touch "$T/a>b"
trace -y -e read -- cat "$T/a>b"
has "... whatever the name" 'read\([0-9]+<[^>]*/a\\076b>, "", '
trace -T -e write -- echo x
has "-T" '<[0-9]+\.[0-9]+>$'
trace -tt -e write -- echo x
has "-tt" '[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}'
trace -k -e write -- "$P/show-tsc"
has "-k" 'main.*show-tsc'
trace -c -- echo x
has "-c: a table" 'write'
has "... with a total" 'total'
hasnt "... and no calls" 'write\('
timeout --foreground "$limit" "$TANDEM" trace -e write -- echo hello >"$T/stdout" 2>"$T/out"
has "without -o: to stderr" 'write\(1, "hello'
is "... the program's output stays apart" "$(<"$T/stdout")" hello

# Everything is still as without.
for program in call-signal call-birth call-restart call-thread call-memory; do
    timeout --foreground -k 5 "$limit" "$TANDEM" trace -o "$T/out" -- "$P/$program" >"$T/stdout" 2>/dev/null
    is "$program under trace" "$? $(tail -n 1 "$T/stdout")" "0 surprises: 0"
    rm -f mapped private shared
done

done_testing
