#!/bin/bash
# 45-terminal.t - on a terminal: output once, job control, Ctrl-C and Ctrl-Z once, window size.
. "$(dirname "$0")/lib.sh"

# The versions of a run in a terminal of their own: script(1) makes one.
command -v script >/dev/null || skip_all "script(1) is not installed"

# on_tty COMMAND-LINE - what the terminal shows, and the status
on_tty() {
    timeout -k 5 "$limit" script -qec "$1" /dev/null </dev/null | tr -d '\r'
    echo "status ${PIPESTATUS[0]}"
}
next_run() { other_lag; run="$TANDEM run ${TANDEM_RUN_OPTIONS:-} --report=$T/report.json --"; }
next_run

# same_tty NAME COMMAND-LINE
same_tty() {
    local native under
    native=$(on_tty "$2")
    rm -f "$T/report.json"
    next_run
    under=$(on_tty "$run $2")
    is "$1" "$under" "$native"
    ok "... with no divergence" agreed
}

same_tty "echo" "echo hello"
like "-v tells how far it is" "$(on_tty "$TANDEM run -v -- sh -c 'sleep 1; sleep 1'")" '[0-9]+ events, version 1'
is "... to a terminal only" "$("$TANDEM" run -v -- sleep 1.2 2>&1 | cat)" ""
same_tty "tty, size" "sh -c 'test -t 1 && echo a terminal; stty size; stty -a | head -n 2'"
same_tty "ls in colour, by columns" "ls --color=auto -C /usr/share/doc/bash"
same_tty "job control: two jobs" "bash -c 'set -m; (exit 3) & wait \$!; echo \$?; sleep 0.1 & jobs; wait; echo done'"
same_tty "an exit status" "sh -c 'exit 9'"
same_tty "python on a terminal" "python3 -c 'import sys, os; print(sys.stdout.isatty(), os.isatty(0))'"

# keys TEXT COMMAND-LINE - type TEXT half a second after the word "ready" is on the terminal
keys() {
    perl -e '
        use strict; use IO::Handle; my ($text, $cmd, $limit) = @ARGV;
        require POSIX;
        open my $m, "+<", "/dev/ptmx" or die "ptmx: $!";
        my $n = pack("i", 0); ioctl($m, 0x40045431, $n) or die; ioctl($m, 0x80045430, $n) or die; # TIOCSPTLCK, TIOCGPTN
        my $tty = "/dev/pts/" . unpack("i", $n);
        my $pid = fork;
        if (!$pid) {
            POSIX::setsid(); open STDIN, "+<", $tty or die; ioctl(STDIN, 0x540e, 0); # TIOCSCTTY
            open STDOUT, ">&STDIN"; open STDERR, ">&STDIN"; close $m; exec "/bin/bash", "-c", $cmd; exit 127;
        }
        my ($all, $typed, $ended, $status) = ("", 0, 0, 0);
        my $end = time + $limit;
        for (;;) {
            my $r = ""; vec($r, fileno $m, 1) = 1;
            if (select($r, undef, undef, 0.1)) { my $got = sysread $m, my $b, 4096; last if !$got; $all .= $b }
            if (!$typed && $all =~ /ready/) { select undef, undef, undef, 0.5; syswrite $m, $text; $typed = 1 }
            if (waitpid($pid, POSIX::WNOHANG()) > 0) { $status = $?; $ended = 1 }
            last if $ended && !select(my $q = $r, undef, undef, 0.1);
            if (time > $end) { kill KILL => -$pid, $pid; $all .= "timed out\n"; last }
        }
        waitpid $pid, 0 if !$ended; $status = $? if !$ended;
        $all =~ s/\r//g; print $all, "status ", $status >> 8, " ", $status & 127, "\n";' -- "$1" "$2" "$limit"
}
same_keys() {
    local native under
    native=$(keys "$2" "exec $3")
    rm -f "$T/report.json"
    next_run
    under=$(keys "$2" "exec $run $3")
    is "$1" "$under" "$native"
    ok "... with no divergence" agreed
}
same_keys "Ctrl-C, trapped: once" $'\003' "bash -c 'n=0; trap \"n=\$((n+1))\" INT; echo ready; sleep 2; echo interrupts \$n; exit 4'"
same_keys "Ctrl-C kills" $'\003' "sh -c 'echo ready; sleep 20; echo not reached'"
same_keys "Ctrl-\\ kills" $'\034' "sh -c 'ulimit -c 0; echo ready; sleep 20; echo not reached'"
same_keys "a line is typed" $'typed words\n' "sh -c 'echo ready; read a b; echo \"\$b \$a\"'"
same_keys "end of file is typed" $'one\n\004' "sh -c 'echo ready; cat; echo end'"
same_keys "no echo, as for a password" $'secret\n' "bash -c 'stty -echo; echo ready; read -r x; stty echo; echo \${#x}'"
same_keys "Ctrl-Z stops a job of a shell, fg goes on" $'\032' \
    "bash -c 'set -m; (echo ready; sleep 1.5; echo slept); echo stopped \$?; fg %1 >/dev/null; echo finished \$?'"

done_testing
