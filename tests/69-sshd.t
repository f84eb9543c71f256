#!/bin/bash
# 69-sshd.t - sshd with keys and a configuration of its own: commands whose output, status and input are checked, copies of files.
# Each connection is two processes more, one of them in a filter of its own.
. "$(dirname "$0")/lib.sh"
. "$here/servers.sh"

for tool in sshd ssh sftp ssh-keygen python3; do
    command -v $tool >/dev/null || skip_all "$tool is not installed"
done
if [ "$(id -u)" == 0 ] && [ ! -d /run/sshd ]; then
    # Ours alone: the test has its own view of the mounts.
    [ -z "${TANDEM_TEST_SHARED_TMP:-}" ] && mount -t tmpfs none /run 2>/dev/null && mkdir /run/sshd || skip_all "there is no /run/sshd"
fi

ssh-keygen -q -t ed25519 -N '' -f "$T/host"
ssh-keygen -q -t ecdsa -N '' -f "$T/host2"
ssh-keygen -q -t ed25519 -N '' -f "$T/user"
cp "$T/user.pub" "$T/allowed"
seq 1 200000 >"$T/numbers"

to() { ssh -F "$dir/client.conf" it "$@" 2>&1; }
answers() { [ "$(to echo ready)" == ready ]; }
connections() {
    local i who
    for ((i = 0; i < $1; i++)); do
        for who in 1 2 3; do
            [ "$(to "echo $who; exit $i")" == $who ] || echo "command $i of $who"
        done &
        [ "$(to "echo $i; echo error >&2; exit $((i % 100))"; echo $?)" == "$i"$'\nerror\n'"$((i % 100))" ] || echo "connection $i"
        wait
    done
}
streams() {
    [ "$(to md5sum <"$T/numbers")" == "$(md5sum <"$T/numbers")" ] || echo "input"
    [ "$(to "cat '$T/numbers'" | md5sum)" == "$(md5sum <"$T/numbers")" ] || echo "output"
    [ "$(to 'while read x; do echo "<$x>"; done' <<<$'a\nb')" == $'<a>\n<b>' ] || echo "both"
    [ "$(to -tt 'tty >/dev/null && echo terminal' | tr -d '\r')" == terminal ] || echo "terminal"
    [ "$(to 'kill -TERM $$'; echo $?)" == 255 ] || echo "a signal"
}
files() {
    printf 'put %s copy\nget copy back\nls copy\nrm copy\n' "$T/numbers" | sed "s, copy, $dir/copy," | (cd "$dir" && sftp -q -F client.conf -b - it) >/dev/null || echo "sftp"
    cmp "$T/numbers" "$dir/back"
}
export -f to connections streams files; export dir T

work() {
    # SHLVL: bash reads the user's .bashrc in its first level only.
    cat >sshd.conf <<C
ListenAddress 127.0.0.1:$port
HostKey $T/host
HostKey $T/host2
PidFile none
AuthorizedKeysFile $T/allowed
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PrintLastLog no
MaxStartups 100
SetEnv SHLVL=5
Subsystem sftp internal-sftp
C
    cat >client.conf <<C
Host it
HostName 127.0.0.1
Port $port
User $(id -un)
IdentityFile $T/user
IdentitiesOnly yes
IdentityAgent none
StrictHostKeyChecking accept-new
UserKnownHostsFile $dir/known
GlobalKnownHostsFile none
LogLevel ERROR
C
    serve "$(command -v sshd)" -D -e -f "$dir/sshd.conf"
    if [ "$way" == "sshd, natively" ]; then
        wait_until 5 answers || skip_ssh "$(to echo ready) $(<"$dir/stderr")"
    fi
    up answers || return
    does "commands" bash -c 'connections "$1"' bash "$(count 6 200)"
    does "input and output" bash -c streams
    does "copies of files" bash -c files
    stop 0
}
skip_ssh() {
    kill -KILL "$server"
    skip_all "sshd does not let us in here: $(head -n 1 <<<"$1")"
}
# sshd's processes send one another structures with pointers in them: other addresses are seen.
ways=("${ways[@]:0:3}")
each_way sshd work

done_testing
