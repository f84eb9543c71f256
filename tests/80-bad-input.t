#!/bin/bash
# 80-bad-input.t - what can not be run, or was not meant: one clear line, the right status, nothing left running.
. "$(dirname "$0")/lib.sh"

unset TANDEM_RUN_OPTIONS

# refused NAME STATUS REGEX ARGS... - tandem ARGS ends with STATUS and one line on stderr that matches; nothing on stdout
refused() {
    local name=$1 want=$2 regex=$3 status lines; shift 3
    timeout --foreground -k 5 "$limit" "$TANDEM" "$@" >"$T/stdout" 2>"$T/stderr"
    status=$?
    lines=$(wc -l <"$T/stderr")
    if [ "$status" == "$want" ] && [ "$lines" == 1 ] && [[ $(<"$T/stderr") =~ ^tandem.*$regex ]] && [ ! -s "$T/stdout" ]; then
        pass "$name"
    else
        fail "$name"
        diag "status $status, expected $want; $lines lines, expected one like /$regex/:" "$(head -n 5 "$T/stderr")" \
            "stdout: $(head -n 3 "$T/stdout")"
    fi
    nobody_left || { fail "... left behind after $name"; diag "$left"; }
}

mkdir "$T/dir"
echo 'text' >"$T/not-executable"
printf '\177ELF garbage' >"$T/garbage"; chmod +x "$T/garbage"
: >"$T/empty"; chmod +x "$T/empty"
printf '#!/no/such/interpreter\n' >"$T/script"; chmod +x "$T/script"
# ELF headers of other machines: class and machine changed in a real one.
cp "$P/ticker-static" "$T/elf32"
printf '\001' | dd of="$T/elf32" bs=1 seek=4 conv=notrunc status=none
printf '\003\000' | dd of="$T/elf32" bs=1 seek=18 conv=notrunc status=none
cp "$P/ticker-static" "$T/elf-arm"
printf '\267\000' | dd of="$T/elf-arm" bs=1 seek=18 conv=notrunc status=none
head -c 200 "$P/ticker-static" >"$T/elf-short"; chmod +x "$T/elf-short"

refused "no such program" 127 'no-such-program' run -- no-such-program
refused "no such path" 127 '/no/such/path' run -- /no/such/path
refused "an empty name" 127 '' run -- ""
refused "a directory" 126 "dir" run -- "$T/dir"
refused "not executable" 126 'not-executable' run -- "$T/not-executable"
refused "an interpreter that is missing" 127 'script' run -- "$T/script"
refused "a 32-bit program" 126 'elf32.*(32|64)-bit' run -- "$T/elf32"
refused "a program for another machine" 126 'elf-arm' run -- "$T/elf-arm"
refused "garbage behind the magic" 126 'garbage' run -- "$T/garbage"
refused "a truncated program" 126 'elf-short' run -- "$T/elf-short"
refused "an empty file" 126 'empty' run -- "$T/empty"
head -c 6000 "$P/show-pid" >"$T/half"; chmod +x "$T/half"
refused "a program without its second half" 126 'half' run -- "$T/half"

# While there is no program yet signals are for tandem itself: here the kernel waits for the holder of a lease.
cp /bin/true "$T/leased"
python3 -c 'import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, lambda *_: open(sys.argv[1] + ".broken", "w"))
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open(sys.argv[1] + ".held", "w")
end = time.time() + 60
while time.time() < end: time.sleep(1)' "$T/leased" &
holder=$!
wait_until 20 test -e "$T/leased.held"
for sig in TERM HUP; do
    "$TANDEM" run -- "$T/leased" 2>"$T/stderr" &
    pid=$!
    wait_until 20 test -e "$T/leased.broken"
    sleep 0.5
    kill -$sig $pid
    { timeout 10 tail --pid=$pid -f /dev/null; } 2>/dev/null
    wait $pid 2>/dev/null
    is "SIG$sig before the program runs" "$?" $((128 + $(kill -l $sig)))
done
kill $holder
wait $holder 2>/dev/null

refused "no program" 125 '' run
refused "no program after --" 125 '' run --
refused "an unknown option" 125 'no-such-option' run --no-such-option -- true
refused "an unknown short option" 125 '' run -Q -- true
for n in 0 -1 x 1x 99999999999 ''; do
    refused "-n '$n'" 125 '' run -n "$n" -- true
done
refused "-n without a number" 125 '' run -n
refused "an unknown source" 125 'nonsense' run --expose=nonsense -- true
refused "--start=main without a main" 125 'no symbol main' run --start=main -- /bin/true
refused "one unknown source of two" 125 'nonsense' run --expose=pid,nonsense -- true
refused "no source" 125 '' run --expose= -- true
refused "an unknown order of threads" 125 'parallel' run --threads=parallel -- true
refused "a seed that is none" 125 'dice' run --chaos=dice -- true
refused "an unknown engine" 125 'magic' run --engine=magic -- true
refused "a ring of nothing" 125 'ring' run --ring=0 -- true
refused "a ring of words" 125 'ring' run --ring=large -- true
refused "a stack of words" 125 'stack' run --stack=deep -- true
refused "--env without a version of its own" 125 'env' run --env=A=1 -- true
refused "an empty command line" 125 '' run --with-cmd= -- true
refused "a command line with an open quote" 125 '' run --with-cmd="echo 'x" -- true
refused "an unknown answer to a divergence" 125 'shrug' run --on-divergence=shrug -- true
refused "a divergence status of 256" 125 '256' run --divergence-exit=256 -- true
refused "an unknown --when-full" 125 'cry' run --when-full=cry -- true
refused "an unknown --start" 125 'never' run --start=never -- true
refused "a fault that is none" 125 '' run --fault=nonsense -- true
refused "a lag without a seed's number" 125 '' run --fault=lag:x,y -- true
refused "a report that can not be written" 125 '/no/such/dir' run --report=/no/such/dir/report -- true
refused "a report that is a directory" 125 'dir' run --report="$T/dir" -- true
refused "a follower's program that is not there" 127 'no-such' run --with /no-such -- true
refused "a follower's program that is a directory" 126 'dir' run --with "$T/dir" -- true
refused "an unknown command" 125 'frobnicate' frobnicate
refused "trace: no program" 125 '' trace
refused "trace: no such program" 127 'no-such-program' trace -- no-such-program
refused "trace: an output that can not be written" 125 '/no/such/dir' trace -o /no/such/dir/out -- true
refused "trace -p" 125 '-p' trace -p 1
refused "trace: an unknown class" 125 'nonsense' trace -e nonsense -- true

# The program does not run when tandem could not begin.
timeout --foreground "$limit" "$TANDEM" run --report=/no/such/dir/report -- touch "$T/touched" >/dev/null 2>&1
ok "what is refused is not run" test ! -e "$T/touched"
ok "a program with a bad follower is not run" \
    sh -c '"$1" run --with /no-such -- touch "$2/touched" 2>/dev/null; test ! -e "$2/touched"' sh "$TANDEM" "$T"

# No ptrace here: a filter that answers EPERM, as in a container; set by a few instructions of a program that execs tandem.
cat >"$T/noptrace.c" <<'E'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog p = { 4, f };
    (void)argc;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
        return 99;
    execv(argv[1], argv + 1);
    return 98;
}
E
gcc -o "$T/noptrace" "$T/noptrace.c" || fail "the filter's program"
real=$TANDEM
TANDEM=$T/noptrace
refused "an environment without ptrace" 125 'ptrace' "$real" run -- true
refused "trace without ptrace" 125 'ptrace' "$real" trace -- true

# A limit that leaves no room for the stream.
cat >"$T/small" <<'E'
#!/bin/sh
ulimit -f 20; exec "$@"
E
chmod +x "$T/small"
TANDEM=$T/small
refused "ulimit -f 20" 125 'ulimit -f' "$real" run -- true
sed -i 's/ulimit .*;/ulimit -n 8;/' "$T/small"
refused "ulimit -n 8" 125 'ulimit -n' "$real" run -- true
TANDEM=$real

# Help is no error.
for command in "" run trace doctor; do
    out=$("$TANDEM" $command --help 2>"$T/stderr")
    is "tandem $command --help: status" "$?" 0
    like "... says how" "$out" '[Uu]sage'
    is "... on stdout" "$(<"$T/stderr")" ""
    [[ $command != @(run|trace) ]] ||
        is "... once" "$(grep -c 'The exit status is' <<<"$out") $(grep -o PROGRAM <<<"$out" | wc -l)" "1 1"
done
refused "a size beyond all sizes" 125 '--stack' run --stack=17179869184G -- true
refused "... of strings" 125 '-s' trace -s 18446744073709551615 -- true

# Names are bytes: a report is text and JSON all the same, and moves no terminal.
odd=$T/$(printf 'caf\351\033[2J')
mkdir "$odd"
cp "$P/article-pid" "$odd/dice"
tandem_run --expose=pid --report="$T/report.json" -- "$odd/dice" >"$T/stdout" 2>"$T/stderr"
like "a path that is no text: the report" "$(report '.versions[0].path')" 'caf\\xe9\\x1b\[2J/dice$'
ok "... on stderr, too" grep -q '^      #0 .*write' "$T/stderr"
is "... without its bytes" "$(grep -c "$(printf '\033')" "$T/stderr")" 0

like "tandem --version" "$("$TANDEM" --version)" '[0-9]'

done_testing
