#!/bin/bash
# 55-languages.t - python3, perl, sqlite3, openssl.
. "$(dirname "$0")/lib.sh"

have() { command -v "$1" >/dev/null; }
export PYTHONDONTWRITEBYTECODE=1

# --- python3 ---
if have python3; then
    same "python3: start" python3 -c 'print("hello")'
    same "python3: exit status" python3 -c 'import sys; sys.exit(17)'
    same "python3: an exception" python3 -c 'raise ValueError("no")'
    same "python3: imports" python3 -c 'import json, re, os, socket, decimal, datetime, email; print(json.dumps({"a": [1, 2.5, None]}))'
    same "python3: subprocess" python3 -c '
import subprocess, sys
print(subprocess.run(["sh", "-c", "echo $((6*7)); exit 3"], capture_output=True))
p = subprocess.Popen(["tr", "a-z", "A-Z"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(p.communicate(b"through a pipe")[0])
print(subprocess.check_output("seq 1 1000 | wc -l", shell=True))
sys.exit(subprocess.call([sys.executable, "-c", "import sys; sys.exit(9)"]))'
    same "python3: files" python3 -c '
import os, shutil
os.makedirs("a/b"); open("a/b/f", "w").write("x" * 100000); os.rename("a/b/f", "a/g")
shutil.copytree("a", "c"); print(sorted(os.walk("c"))); shutil.rmtree("a")
with open("c/g", "r+") as f: f.truncate(10); print(os.stat("c/g").st_size)'
    same "python3: threads" python3 -c '
import threading, queue
q = queue.Queue(); r = []
def work():
    while (x := q.get()) is not None: r.append(x * x)
t = [threading.Thread(target=work) for _ in range(4)]
[x.start() for x in t]; [q.put(i) for i in range(100)]; [q.put(None) for _ in t]; [x.join() for x in t]
print(sum(r))'
    same "python3: multiprocessing" python3 -c '
import multiprocessing as m
def f(c, x): c.send(x * x)
ends = [m.Pipe() for _ in range(4)]
kids = [m.get_context("fork").Process(target=f, args=(e[1], i)) for i, e in enumerate(ends)]
[k.start() for k in kids]; print([e[0].recv() for e in ends]); [k.join() for k in kids]; print([k.exitcode for k in kids])'
    same "python3: signals" python3 -c '
import signal, os, time
signal.signal(signal.SIGUSR1, lambda s, f: print("got", s)); os.kill(os.getpid(), signal.SIGUSR1)
signal.signal(signal.SIGALRM, lambda s, f: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(0.3); print("slept")'
    same "python3: mmap" python3 -c '
import mmap
open("m", "wb").write(b"0" * 5000)
with open("m", "r+b") as f:
    with mmap.mmap(f.fileno(), 0) as m: m[10:15] = b"hello"; m.flush()
print(open("m", "rb").read()[8:17])'
    same "python3: asyncio" python3 -c '
import asyncio
async def f(n): await asyncio.sleep(n / 100); return n
async def main():
    print(await asyncio.gather(*map(f, range(5))))
    p = await asyncio.create_subprocess_shell("echo from a child", stdout=asyncio.subprocess.PIPE); print(await p.stdout.read()); await p.wait()
asyncio.run(main())'
    same "python3: sockets on loopback" python3 -c '
import socket, threading
s = socket.create_server(("127.0.0.1", 0))
def serve():
    c, _ = s.accept(); c.sendall(c.recv(100).upper()); c.close()
t = threading.Thread(target=serve); t.start()
c = socket.create_connection(s.getsockname()); c.sendall(b"hello"); print(c.recv(100), c.recv(100)); t.join()'
    # Different every time; the versions agree.
    agree "python3: random" python3 -c 'import random; print(random.random(), random.randrange(10**9), random.sample(range(100), 5))'
    agree "python3: hash of strings, order of sets" python3 -c 'print(hash("abc"), {"a", "b", "c", "d"}, id(object()))'
    agree "python3: time" python3 -c 'import time; print(time.time(), time.monotonic_ns(), time.perf_counter(), time.process_time(), time.ctime())'
    agree "python3: os.urandom, uuid, secrets" python3 -c 'import os, uuid, secrets; print(os.urandom(8), uuid.uuid4(), uuid.uuid1(), secrets.token_hex())'
    agree "python3: tempfile" python3 -c '
import tempfile, os
with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f: print(d, f.name, os.path.exists(f.name))'
    agree "python3: pids, cpu" python3 -c 'import os; print(os.getpid(), os.getppid(), os.cpu_count(), os.sched_getaffinity(0), os.times())'
else
    skip "python3" "not installed"
fi

# --- perl ---
if have perl; then
    same "perl: one line" perl -e 'print join(",", map { $_ ** 2 } 1 .. 10), "\n"'
    same "perl: text" perl -ne 'print if /root/ .. /bin/' /etc/passwd
    same "perl: processes" perl -e '
        $| = 1; my $pid = fork; if (!$pid) { print "child\n"; exit 5 } waitpid $pid, 0; print $? >> 8, "\n";
        print `echo backticks`; open my $p, "-|", "seq 1 5"; print while <$p>; close $p; exit system("exit 3") >> 8'
    same "perl: in place" sh -c 'seq 1 5 >f; perl -i.bak -pe "s/3/three/" f; cat f'
    same "perl: signals, eval, die" perl -e '
        $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select undef, undef, undef, 5; }; print $@; kill TERM => $$; sleep 1'
    same "perl: sort of a hash" perl -e '%h = map { $_ => 1 } 1 .. 1000; print scalar(keys %h), " ", join(",", (sort keys %h)[0 .. 5]), "\n"'
    agree "perl: rand, time, order of a hash, addresses" perl -e '%h = map { $_ => 1 } 1 .. 50; print rand, " ", time, " $$ ", join(",", keys %h), " ", \%h, "\n"'
    agree "perl: Time::HiRes" perl -MTime::HiRes=time -e 'print time, "\n"'
else
    skip "perl" "not installed"
fi

# --- sqlite3 ---
if have sqlite3; then
    same "sqlite3: in memory" sqlite3 :memory: 'create table t(a); insert into t values (1),(2),(3); select sum(a) from t'
    same_sh "sqlite3: on a file" 'sqlite3 db "create table t(a, b text); insert into t values (1, \"one\"), (2, \"two\"); select * from t"; sqlite3 db "delete from t where a = 1; select count(*) from t; pragma integrity_check"; rm db'
    same_sh "sqlite3: a transaction of many" 'sqlite3 db "create table t(a); begin; with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000) insert into t select x from c; commit; select count(*), sum(a) from t"; sqlite3 db .dump | md5sum; rm db'
    same_sh "sqlite3: WAL" 'sqlite3 db "pragma journal_mode = wal; create table t(a); insert into t values (1); insert into t values (2); select * from t; pragma wal_checkpoint; insert into t values (3)"; sqlite3 db "select count(*) from t"; ls; rm -f db*'
    same_sh "sqlite3: three at once" 'sqlite3 db "create table t(a)" >/dev/null; for i in 1 2 3; do sqlite3 -cmd ".timeout 20000" db "insert into t values ($i)" & done; wait; sqlite3 db "select sum(a) from t"; rm -f db*'
    same_sh "sqlite3: an error" 'sqlite3 db "select nothing from nowhere"; echo $?; rm -f db'
    agree "sqlite3: random()" sqlite3 :memory: 'select random(), hex(randomblob(8)), julianday()'
else
    skip "sqlite3" "not installed"
fi

# --- openssl ---
if have openssl; then
    same "openssl: digests" openssl dgst -sha256 /etc/passwd
    same_sh "openssl: enc" 'seq 1 1000 | openssl enc -aes-256-cbc -pbkdf2 -k key -S 0011223344556677 | openssl enc -d -aes-256-cbc -pbkdf2 -k key -S 0011223344556677 | md5sum'
    same_sh "openssl: base64, prime" 'openssl base64 </etc/passwd | head -n 2; openssl prime 97'
    agree "openssl: rand" openssl rand -hex 16
    agree "openssl: genrsa, checked" sh -c 'openssl genrsa -out key 1024 2>/dev/null; openssl rsa -in key -noout -modulus; rm key'
    lines=1 agree "openssl: req with a new key" sh -c 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c -subj /CN=x 2>/dev/null; openssl x509 -in c -noout -fingerprint; rm k c'
else
    skip "openssl" "not installed"
fi

done_testing
