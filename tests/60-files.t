#!/bin/bash
# 60-files.t - what versions need of files, and what the world sees of that: nothing.
. "$(dirname "$0")/lib.sh"

same "mapped, overwritten, running, deleted" "$P/call-files"
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"

same "large, mapped, and at once unmapped, replaced, overwritten" "$P/call-large-maps"
is "... had no surprise" "$(tail -n 1 "$T/tandem.stdout")" "surprises: 0"

same_sh "cp over a large program that just ran, or was killed" 'for i in 1 2 3; do cp /bin/bash b; ./b -c "echo one"; cp /bin/true b; ./b two; cp /bin/bash b; ./b -c "kill -9 \$\$" & { wait $!; } 2>/dev/null; echo $?; cp /bin/echo b; ./b three; ./b four >b; ls -s b; rm b; done'
same_sh "cp over a program that just ran" 'cp /bin/echo e; ./e one; cp /bin/true e; ./e two; cp /bin/echo e; ./e three'
same_sh "a program that is replaced by rename" 'cp /bin/echo e; ./e one; cp /bin/false f; mv f e; ./e; echo $?'
same_sh "a program that is deleted while it runs" 'cp /bin/sleep s; ./s 0.6 & sleep 0.3; rm s; wait $!; echo $?; ls'
same_sh "a running program can not be written" 'cp /bin/sleep s; ./s 1 & sleep 0.4; echo x 2>/dev/null >>s || echo busy; wait; echo y >>s && echo free; rm s'
same_sh "a library that is replaced" 'd=$PWD; printf "int f(void) { return 1; }" >l.c; printf "#include <stdio.h>\nint f(void); int main(void) { printf(\"%%d\\n\", f()); }" >m.c; gcc -shared -o libl.so l.c; gcc -o m m.c -L. -ll -Wl,-rpath,$d; ./m; printf "int f(void) { return 2; }" >l.c; gcc -shared -o libl.so l.c; ./m; rm -f m libl.so'
same_sh "a directory that is moved while we are in it" 'mkdir a b; cd a; mv ../a ../b; echo here >f; cat f; cd ../..; ls -R'
same_sh "a deleted open file" 'exec 3<>f; echo kept >&3; rm f; cat /proc/self/fd/3; ls'
same_sh "a sparse file" 'truncate -s 10M s; echo end >>s; stat -c %s s; md5sum <s'
same_sh "hard links, symbolic links, a loop" 'echo x >a; ln a b; ln -s a c; ln -s d d; cat c; cat d; stat -c %h a'
same_sh "permissions" 'echo x >a; chmod 000 a; stat -c %a a; mkdir -m 500 d; stat -c %a d'
same_sh "times" 'touch -d @1000000 f; stat -c %Y f; find . -newer f -name g; touch -r f g; stat -c %Y g'
same_sh "many files" 'for i in $(seq 1 300); do echo $i >f$i; done; ls | wc -l; cat f* | sort -n | md5sum; rm f*'
same_sh "locks" 'echo >l; flock l sh -c "flock -n l true; echo \$?"; flock -s l flock -s l echo shared'
same_sh "extended attributes, or why not" 'echo >f; setfattr -n user.a -v b f 2>/dev/null && getfattr -n user.a f; true'
same_sh "unix sockets and fifos in the tree" 'mkfifo p; stat -c %F p'

# --- what a watcher sees ---

# events NAME COMMAND... - the inotify events of the file "watched" while the command runs
events() {
    local name=$1 pid; shift
    rm -rf "$T/w" "$T/events"; mkdir "$T/w" # the last watcher's output would say that this one watches
    printf '#!/bin/sh\necho "a script that is watched"\n' >"$T/w/watched"
    chmod +x "$T/w/watched"
    [ "$name" != program ] || cp "$P/ticker-static" "$T/w/watched"
    "$P/outside" watch "$T/w/watched" >"$T/events" &
    pid=$!
    wait_until 5 grep -q watching "$T/events"
    (cd "$T/w" && "$@") >/dev/null 2>&1
    sleep 0.2
    kill "$pid"
    wait "$pid"
    cat "$T/events"
}
watched() {
    local name=$1; shift
    local native
    native=$(events "$name" "$@")
    is "inotify: $name" "$(events "$name" tandem_run -- "$@")" "$native"
}
watched "read" cat watched
watched "script" ./watched
watched "program" ./watched 3 1
watched "mapped" python3 -c 'import mmap; f = open("watched", "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); print(m[3])'
watched "written" sh -c 'echo more >>watched'
watched "never touched" true

seq 1 2000 >"$T/leased"
same "a lease on a file that was mapped" "$P/holder" lease "$T/leased"

done_testing
