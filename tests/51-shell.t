#!/bin/bash
# 51-shell.t - bash and dash: pipelines, here-documents, traps, job control, subshells.
. "$(dirname "$0")/lib.sh"

# both NAME TEXT - with each shell
both() {
    same "dash: $1" dash -c "$2"
    same "bash: $1" bash -c "$2"
}

both "a pipeline" 'seq 1 100 | grep 7 | sort -r | head -n 5'
both "a long pipeline" 'seq 1 3000 | cat | cat | cat | cat | cat | wc -l'
both "a pipeline that ends early" 'yes | head -n 2; echo $?'
both "here-documents" 'x=5; cat <<E; cat <<"F"
value $x
E
value $x
F'
both "a large here-document" "cat <<E | wc
$(seq 1 20000)
E"
both "command substitution" 'a=$(echo one; echo two); echo "$a"; echo $(echo $(echo deep))'
both "subshells and groups" '(cd /; pwd); pwd >/dev/null; { echo a; echo b; } | wc -l; (exit 7); echo $?'
both "functions and loops" 'f() { local i=0; while [ $i -lt 5 ]; do echo "$1 $i"; i=$((i+1)); done; }; f x; for j in a b c; do f $j; done | tail -n 1'
both "a trap on exit" 'trap "echo bye" EXIT; echo hello; exit 4'
both "a trap on a signal" 'trap "echo caught" USR1; kill -USR1 $$; echo after; trap "" USR1; kill -USR1 $$; echo ignored'
both "a trap ends a wait" 'exec 2>/dev/null; trap "echo alarm" ALRM; (sleep 0.2; kill -ALRM $$) & sleep 5 & s=$!; wait $s; echo $? ; kill $s; wait 2>/dev/null'
both "background jobs" 'for i in 1 2 3; do (sleep 0.0$i; exit $i) & pids="$pids $!"; done; for p in $pids; do wait $p; echo $?; done'
both "a killed job" 'exec 2>/dev/null; sleep 100 & kill $!; wait $!; echo $?'
both "redirections" 'exec 3>three; echo three >&3; exec 3>&-; echo err >&2 2>/dev/null; cat <three; ls nothing 2>errors; wc -l <errors; echo x >|three; cat three'
both "a fifo" 'mkfifo f; (echo through the fifo >f) & cat f; wait; rm f'
both "exec" 'exec echo replaced'
both "source" 'echo "v=7; echo sourced" >lib; . ./lib; echo $v'
both "ulimit, umask, cd" 'umask 077; : >f; mkdir d; cd d; umask; cd ..; ulimit -n 100; ulimit -n'
both "not found" 'no_such_command; echo $?; /etc/passwd; echo $?'
both "set -e" 'set -e; false; echo not reached'
both "the pid is one" '[ $$ = $(sh -c "echo \$PPID") ] && echo same; [ -n "$$" ] && kill -0 $$ && echo alive'
for shell in dash bash; do
    same "$shell: kill 0 in a session of its own" setsid -w $shell -c 'trap "echo once; exit 3" TERM; kill 0; sleep 1'
done
both "times and read" 'times >/dev/null; echo "a b c" | { read x y; echo "$y-$x"; }'

same_sh "process substitution" 'diff <(seq 1 5) <(seq 2 6); cat <(echo a) <(echo b)'
same_sh "coprocess" 'coproc cat; echo hello >&${COPROC[1]}; read -u ${COPROC[0]} x; echo "got $x"; exec {COPROC[1]}>&-; wait'
same_sh "job control" 'exec 2>/dev/null; set -m; sleep 0.3 & sleep 100 & jobs -r | wc -l; kill %2; wait %1; echo $?; wait %2 2>/dev/null; echo $?'
same_sh "stop and continue" 'sleep 0.5 & p=$!; kill -STOP $p; sleep 0.1; ps -o stat= -p $p | cut -c1 | tr t T; kill -CONT $p; wait $p; echo $?'
same_sh "arrays, arithmetic, printf" 'a=(x y z); echo ${#a[@]} ${a[1]^^}; echo $((2**40)); printf "%s\n" "${a[@]/y/Y}"; printf "%(%Y)T\n" 0'
same_sh "pipefail and PIPESTATUS" 'set -o pipefail; false | true | true; echo $?; (exit 3) | (exit 4); echo ${PIPESTATUS[@]}'
same_sh "wait -n" '(sleep 0.02; exit 5) & (sleep 1; exit 6) & wait -n; echo $?; wait -n; echo $?'
same_sh "lastpipe" 'shopt -s lastpipe; echo in | read x; echo $x'
same_sh "read with a timeout" 'read -t 0.1 x < <(sleep 0.5); echo $?'
same_sh "mapfile of a large output" 'mapfile -t m < <(seq 1 5000); echo ${#m[@]} ${m[4321]}'

# Random or not the same each time: the versions agree.
agree "bash: RANDOM, SECONDS, EPOCHREALTIME" bash -c 'echo $RANDOM $SECONDS $EPOCHREALTIME $SRANDOM $$ $BASHPID $!'
agree "dash: pid" dash -c 'echo $$ $PPID'
lines=20 agree "bash: jobs that race" bash -c 'for i in 1 2 3 4; do for j in 1 2 3 4 5; do echo $i $j; done & done; wait'

# Scripts: by #!, nested, with arguments, one that deletes itself and its directory.
prepare() {
    printf '#!/bin/bash\necho "$0 $1 $#"; exec ./inner "$@"\n' >outer
    printf '#!/bin/sh -e\necho inner "$@"; false; echo never\n' >inner
    printf '#!/usr/bin/env -S awk -f\nBEGIN { print "awk", ARGC }\n' >awkscript
    printf '#!/no/such/interpreter\n' >broken
    printf 'echo no line at the top; exit 5\n' >plain
    mkdir gone
    printf '#!/bin/sh\ncd "$(dirname "$0")"\nrm -- "$0" 2>/dev/null || rm -- self\ncd ..; rmdir gone; cd -  2>/dev/null; echo still here; /bin/echo and now; exit 8\n' >gone/self
    chmod +x outer inner awkscript broken plain gone/self
}
same "a script that execs a script" ./outer one two
same "env -S" ./awkscript x
same_sh "a script whose interpreter is missing" './broken; echo $?'
same_sh "a script without #!" './plain; echo $?'
same_sh "a script that deletes itself and its directory" './gone/self; echo $?; ls'
same_sh "a script that is rewritten while it runs" 'printf "echo one\n: >started\nsleep 0.3\necho two\n" >s; sh s & until [ -e started ]; do sleep 0.01; done; printf "echo three\n" >s; wait; cat s'

done_testing
