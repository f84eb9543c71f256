#!/bin/bash
# 66-queues.t - memcached, which has threads, and beanstalkd, which has a log: each reply is checked.
. "$(dirname "$0")/lib.sh"
. "$here/servers.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"
user=()
[ "$(id -u)" != 0 ] || user=(-u root)

over_tcp() {
    serve memcached "${user[@]}" -l 127.0.0.1 -p "$port" -U 0 -t 4 -m 256
    up listens || return
    client "every reply" memcached "$port" "$requests"
    stop 0
}
over_unix() {
    serve memcached "${user[@]}" -s "$dir/socket" -t 4 -m 256
    up test -S socket || return
    client "every reply" memcached "$dir/socket" "$requests"
    stop 0
}
if command -v memcached >/dev/null; then
    each_way memcached over_tcp
    each_way "memcached, UNIX socket" over_unix
else
    skip "memcached" "memcached is not installed"
fi

start() {
    serve beanstalkd -l 127.0.0.1 -p "$port" -b "$dir/log" -f 0 -s 200000
    up listens
}
with_a_log() {
    mkdir log
    start || return
    client "every reply" beanstalkd "$port" "$requests"
    client "jobs are left" beanstalkd-leave "$port" 50
    stop 143
    start || return
    client "they are there after a restart" beanstalkd-find "$port" 50
    stop 143
}
if command -v beanstalkd >/dev/null; then
    each_way beanstalkd with_a_log
else
    skip "beanstalkd" "beanstalkd is not installed"
fi

done_testing
