#!/bin/bash
# 67-web.t - nginx with four workers, which are replaced and open their logs anew while they serve, and lighttpd, which runs scripts:
# every answer is checked, by kept connections, in ranges, over TLS. The logs must name each request once.
. "$(dirname "$0")/lib.sh"
. "$here/servers.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"

# The files that are served: compressible or not, one longer than a socket's buffer.
mkdir "$T/www"
seq 1 2000 >"$T/www/text.html"
for size in 1 333 5000 40000 1500000; do
    openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00000000000000000000000000000000 </dev/zero 2>/dev/null |
        head -c $size >"$T/www/$size.bin"
done
# A script's answer: what it was asked, and the digest of what it was sent.
mkdir "$T/scripts"
printf '%s\n' 'printf "Content-Type: text/plain\r\n\r\n"; echo "$REQUEST_METHOD $QUERY_STRING $(md5sum | cut -c 1-32)"' >"$T/scripts/sum.sh"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -subj /CN=localhost -days 30 2>/dev/null

# logged N FILES... - how often requests were logged
logged() {
    local n=$1; shift
    is "$way: the logs name $n requests" "$(cat "$@" | wc -l)" "$n"
}

# --- nginx ---

configure() { # configure ANSWER
    cat >nginx.conf <<C
user root; worker_processes 4; pid $dir/nginx.pid; error_log $dir/error.log; daemon off;
events { worker_connections 256; accept_mutex on; }
http {
    access_log $dir/access.log; sendfile on; tcp_nopush on; default_type text/plain; keepalive_requests 50; root $T/www;
    client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp; fastcgi_temp_path $dir/tmp; uwsgi_temp_path $dir/tmp; scgi_temp_path $dir/tmp;
    server { listen 127.0.0.1:$port; location = /which { access_log off; return 200 "$1"; } }
    server { listen unix:$dir/socket; location / { aio threads; } }
    server { listen unix:$dir/tls ssl; ssl_certificate $T/cert.pem; ssl_certificate_key $T/key.pem; }
}
C
    [ "$(id -u)" == 0 ] || sed -i 's/^user root;//' nginx.conf
}
master() { cat nginx.pid; }
workers() { children_of "$(master)" | tr ' ' '\n' | grep -c .; }
four() { [ -s nginx.pid ] && listens && [ "$(workers)" == 4 ]; }
says() { [ "$(python3 "$clients" get "$port" /which)" == "$1" ]; }
# The workers are others, and four again.
replaced() { [ "$(workers)" == 4 ] && ! children_of "$(master)" | tr ' ' '\n' | grep -qxF "$old"; }

with_workers() {
    local n=$((requests / 4)) old
    configure one
    serve nginx -p "$dir" -c "$dir/nginx.conf"
    up four || return
    client "every answer" http "$port" "$T/www" "$n"
    client "every answer by way of a UNIX socket, with threads" http "$dir/socket" "$T/www" "$n"
    # OpenSSL makes random bytes of, among others, an address.
    case $options in
    *aslr*) client "every answer once more" http "$port" "$T/www" "$n" ;;
    *) client "every answer over TLS" https "$dir/tls" "$T/www" "$n" ;;
    esac

    # While it serves: other logs, other workers.
    python3 "$clients" http-replaced "$port" "$T/www" "$n" >busy 2>&1 &
    busy=$!
    mv access.log access.1
    kill -USR1 "$(master)"
    ok "$way: SIGUSR1: a new log" wait_until 10 test -e access.log
    old=$(children_of "$(master)" | tr ' ' '\n' | grep .)
    configure two
    kill -HUP "$server"
    ok "$way: SIGHUP: four other workers" wait_until 20 replaced
    ok "$way: ... which know the new configuration" says two
    wait $busy
    is "$way: every answer meanwhile" "$? $(<busy)" "0 "
    client "every answer afterwards" http "$port" "$T/www" "$n"
    stop 0
    logged $((5 * n)) access.1 access.log
}
if command -v nginx >/dev/null; then
    each_way nginx with_workers
else
    skip "nginx" "nginx is not installed"
fi

# --- lighttpd ---

with_scripts() {
    cat >lighttpd.conf <<C
server.document-root = "$T/www"
server.bind = "127.0.0.1"
server.port = $port
server.modules = ("mod_alias", "mod_cgi", "mod_accesslog")
accesslog.filename = "$dir/access.log"
index-file.names = ()
alias.url = ("/scripts/" => "$T/scripts/")
cgi.assign = (".sh" => "/bin/sh")
C
    serve lighttpd -D -f lighttpd.conf
    up listens || return
    client "every answer" http "$port" "$T/www" "$requests"
    client "every script's answer" cgi "$port" "$scripts"
    stop 0
    logged $((requests + scripts)) access.log
}
scripts=$(count 40 1000)
if command -v lighttpd >/dev/null; then
    each_way lighttpd with_scripts
else
    skip "lighttpd" "lighttpd is not installed"
fi

done_testing
