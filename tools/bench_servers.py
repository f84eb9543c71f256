"""Servers for tools/bench-ptrace: how each is started, asked and stopped, and what of the CPU it and its tracer took.

A server runs natively, under a pinned strace and under tandem with one follower; who asks runs beside it, outside of all
of them, and does the same each time. A server that does not come up, a reply that is wrong, a divergence and a bad end
are Failures.
"""
import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 60
ROOT = os.geteuid() == 0
POSTGRES = max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda dir: float(dir.split("/")[4]), default="/usr/bin")


class Failure(Exception):
    pass


def run(words, **more):
    """What a client wrote; it must end well."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=more.pop("timeout", PATIENCE), **more)
    except subprocess.TimeoutExpired:
        raise Failure("%s does not end" % os.path.basename(words[0]))
    if done.returncode:
        raise Failure("%s: status %d: %s" % (os.path.basename(words[0]), done.returncode, done.stdout.strip()[:500]))
    return done.stdout


def free_port():
    for port in range(20000 + os.getpid() % 10000, 32000):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise Failure("no port is free")


# ---- processes ----

def stats():
    """pid -> (parent, session, seconds of CPU of its own and of the children that it has waited for)"""
    all = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        all[int(path.split("/")[2])] = int(fields[1]), int(fields[3]), sum(map(int, fields[11:15])) / TICK
    return all


def below(root, all):
    """root and all its descendants"""
    found = [root]
    for pid in found:
        found += [p for p, (parent, *_) in all.items() if parent == pid]
    return [p for p in found if p in all]


def executable(pid):
    try:
        return os.path.realpath("/proc/%d/exe" % pid)
    except OSError:
        return None


# ---- the servers ----

class Server:
    """port is set before start; dir is empty at first, and the same for all starts."""
    unit, as_user = "requests", []
    needs = []

    def __init__(self, dir):
        self.dir, self.port = dir, None

    def prepare(self):
        """Once, before the first start."""

    def command(self):
        raise NotImplementedError

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, seconds):
        """(requests, in so many seconds)"""
        raise NotImplementedError

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path


class Redis(Server):
    title = "redis-server, `redis-benchmark -c 20 -t set,get` without pipelining"
    needs = ["redis-server", "redis-benchmark"]

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir, "--save", ""]

    def benchmark(self, n):
        said = run(["redis-benchmark", "-p", str(self.port), "-c", "20", "-n", str(n), "-t", "set,get", "--csv"])
        if re.search("error|warning", said, re.I):
            raise Failure("redis-benchmark: %s" % said.strip()[-500:])
        rates = [float(r) for r in re.findall(r'^"[SG]ET","([\d.]+)"', said, re.M)]
        if len(rates) != 2:
            raise Failure("redis-benchmark: %s" % said.strip()[-500:])
        return 2 * n, sum(n / r for r in rates)

    def ask(self, seconds):
        """It counts requests, not seconds: how many that is shows a first, shorter run."""
        n, took = self.benchmark(500)
        n, took = self.benchmark(max(500, int(n / took * seconds / 20)))
        return self.benchmark(max(500, int(n / took * seconds / 2)))


class Asked(Server):
    """by bench-client"""
    connections = 16

    def prepare(self):
        self.client = os.path.join(self.dir, "bench-client")
        run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", self.client, os.path.join(HERE, "bench-client.c")])

    def ask_with(self, kind, seconds, *more):
        words = [self.client, kind, str(self.port), str(self.connections), str(seconds), *more]
        n, took = run(words, timeout=PATIENCE + seconds).split()
        return int(n), float(took)


class Memcached(Asked):
    title = "memcached -t 4, 16 connections, a `set` and nine `get` of 100 bytes each"
    needs = ["memcached"]

    def command(self):
        return ["memcached", *(["-u", "root"] if ROOT else []), "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-t", "4"]

    def ask(self, seconds):
        return self.ask_with("memcached", seconds)


class Web(Asked):
    def prepare(self):
        super().prepare()
        os.mkdir(os.path.join(self.dir, "www"))
        self.page = self.write("www/page", "".join("%06d\n" % i for i in range(585)))

    def ask(self, seconds):
        return self.ask_with("http", seconds, "/page", self.page)


class Nginx(Web):
    title = "nginx with a master and 4 workers, 16 kept connections, a file of 4 KB"
    needs = ["nginx"]

    def command(self):
        temps = " ".join("%s_temp_path %s/tmp;" % (what, self.dir)
                         for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return ["nginx", "-p", self.dir, "-c", self.write("nginx.conf", """
%s worker_processes 4; pid %s/nginx.pid; error_log %s/error.log; daemon off;
events { worker_connections 256; }
http {
    access_log %s/access.log; sendfile on; default_type text/plain; keepalive_requests 100000000; root %s/www; %s
    server { listen 127.0.0.1:%d; }
}
""" % ("user root;" if ROOT else "", self.dir, self.dir, self.dir, self.dir, temps, self.port))]


class Lighttpd(Web):
    title = "lighttpd, 16 kept connections, a file of 4 KB"
    needs = ["lighttpd"]

    def command(self):
        return ["lighttpd", "-D", "-f", self.write("lighttpd.conf", """
server.document-root = "%s/www"
server.bind = "127.0.0.1"
server.port = %d
server.modules = ("mod_accesslog")
server.max-keep-alive-requests = 65535
accesslog.filename = "%s/access.log"
index-file.names = ()
""" % (self.dir, self.port, self.dir))]


class Postgres(Server):
    title = "PostgreSQL without fsync, `pgbench -c 4 -j 2`; a request is a transaction"
    unit = "transactions"
    needs = [os.path.join(POSTGRES, tool) for tool in ("initdb", "postgres", "pgbench", "pg_isready")]

    def __init__(self, dir):
        super().__init__(dir)
        if ROOT:
            # It refuses root.
            nobody = pwd.getpwnam("nobody")
            self.as_user = ["setpriv", "--reuid=%d" % nobody.pw_uid, "--regid=%d" % nobody.pw_gid, "--clear-groups", "--"]
            os.chown(dir, nobody.pw_uid, nobody.pw_gid)
        self.data = os.path.join(dir, "data")

    def tool(self, name):
        return os.path.join(POSTGRES, name)

    def command(self):
        return [self.tool("postgres"), "-D", self.data, "-k", self.dir, "-h", "127.0.0.1", "-p", str(self.port),
                "-c", "fsync=off", "-c", "autovacuum=off", "-c", "max_wal_size=4GB"]

    def to(self, name, *words):
        return [self.tool(name), "-h", self.dir, "-p", str(self.port), "-U", "postgres", *words]

    def prepare(self):
        run([*self.as_user, self.tool("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "--locale=C", "-N"],
            cwd=self.dir)
        with Start(self, "native", None):
            run(self.to("pgbench", "-i", "-q", "-s", "4", "postgres"))

    def listens(self):
        return subprocess.run(self.to("pg_isready", "-q")).returncode == 0

    def ask(self, seconds):
        seconds = max(1, round(seconds))
        said = run(self.to("pgbench", "-n", "-c", "4", "-j", "2", "-T", str(seconds), "postgres"), timeout=PATIENCE + seconds)
        n = re.search(r"actually processed: (\d+)", said)
        rate = re.search(r"tps = ([\d.]+) \(without", said)
        if not n or not rate or not re.search("failed transactions: 0 ", said):
            raise Failure("pgbench: %s" % said.strip()[-500:])
        return int(n.group(1)), int(n.group(1)) / float(rate.group(1))


SERVERS = {"redis": Redis, "memcached": Memcached, "nginx": Nginx, "lighttpd": Lighttpd, "postgres": Postgres}

WAYS = {"native": "native", "pinned": "`strace -f -o /dev/null`, pinned to one core", "tandem": "`tandem run`, one follower"}


# ---- one start of a server ----

class Start:
    """with Start(...) as s: the server is up; it must end well, and must not have diverged."""

    def __init__(self, server, way, tandem, pin="0"):
        self.server, self.way, self.report = server, way, os.path.join(server.dir, "report.json")
        self.words = server.as_user + {
            "native": [],
            "pinned": ["taskset", "-c", pin, "strace", "-f", "-o", "/dev/null"],
            "tandem": [tandem, "run", "-n", "2", "--divergence-exit=99", "--report=" + self.report, "--"],
        }[way]

    def __enter__(self):
        s = self.server
        if os.path.exists(self.report):
            os.unlink(self.report)
        s.port = free_port()
        words = self.words + s.command()
        self.program = os.path.realpath(shutil.which(s.command()[0]))
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(words, cwd=s.dir, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                      start_new_session=True)
        try:
            end = time.time() + PATIENCE
            while not s.listens():
                if self.child.poll() is not None or time.time() > end:
                    raise Failure("it does not come up: %s" % self.said())
                time.sleep(0.05)
        except BaseException:
            self.kill()
            raise
        return self

    def said(self):
        """What the server wrote last, or what tandem has to say of a version."""
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace").strip()
        report = re.search("^tandem: version", text, re.M)
        return text[report.start():][:1500] if report else text[-500:]

    def kill(self):
        """Whoever is left: of its session, and below those; PostgreSQL's processes have sessions of their own."""
        all = stats()
        session = [p for p in all if all[p][1] == self.child.pid]
        for pid in {p for s in session for p in below(s, all)}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()

    def sides(self):
        """Seconds of CPU: of the server, of who traces it, of the follower and its monitor."""
        all, root = stats(), self.child.pid
        time_of = lambda pids: sum(all[p][2] for p in pids)
        children = [p for p in all if all[p][0] == root]
        if self.way == "native":
            return time_of(below(root, all)), 0, 0
        if self.way == "pinned":
            return time_of(p for p in below(root, all) if p != root), time_of([root]), 0
        leads = [m for m in children for p in all if all[p][0] == m and executable(p) == self.program]
        if len(leads) != 1:
            raise Failure("the leader is not there")
        leader = [p for p in below(leads[0], all) if p != leads[0]]
        rest = [p for m in children if m != leads[0] for p in below(m, all)]
        return time_of(leader), time_of([root, leads[0]]), time_of(rest)

    def measure(self, seconds):
        """Requests per second; microseconds of CPU for each, by side."""
        self.server.ask(seconds / 5)
        time.sleep(0.2)
        before = self.sides()
        requests, took = self.server.ask(seconds)
        time.sleep(0.2)     # followers come after; processes that end are counted with those who wait for them
        after = self.sides()
        return requests / took, [1e6 * (a - b) / requests for a, b in zip(after, before)]

    def __exit__(self, kind, what, _):
        try:
            if kind is None:
                self.stop()
            elif kind is Failure:
                raise Failure("%s; it said: %s" % (what, self.said()))
        finally:
            self.kill()
            self.errors.close()

    def stop(self):
        # strace does not pass signals on.
        servers = [p for p, (parent, *_) in stats().items() if parent == self.child.pid]
        for pid in servers if self.way == "pinned" else [self.child.pid]:
            os.kill(pid, signal.SIGTERM)
        try:
            status = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure("it does not end after SIGTERM: %s" % self.said())
        if status:
            raise Failure("status %d: %s" % (status, self.said()))
        if self.way == "tandem":
            with open(self.report) as f:
                report = json.load(f)
            if report["divergences"] or len({str(v["exit"]) for v in report["versions"]}) != 1:
                raise Failure("a version diverged: %s" % self.said())


# ---- the tables ----

def spread(values, digits):
    if not values:
        return "failed"
    return "%.*f (%.*f..%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def table(server, measured):
    """measured: way -> one result for each round, None where it failed"""
    print("\n%s:\n" % server.title)
    print("| | %s/s | server's CPU, µs each | tracer's | together | follower's | to native | to pinned strace |" % server.unit)
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for way, title in WAYS.items():
        good = [m for m in measured[way] if m]
        cells = [title, spread([m[0] for m in good], 0), spread([m[1][0] for m in good], 1)]
        cells.append("" if way == "native" else spread([m[1][1] for m in good], 1))
        cells.append(spread([m[1][0] + m[1][1] for m in good], 1))
        cells.append(spread([m[1][2] for m in good], 1) if way == "tandem" else "")
        for to in ("native", "pinned"):
            if way == to or way == "native":
                cells.append("1" if way == to else "")
                continue
            both = [(a[0] / b[0]) for a, b in zip(measured[way], measured[to]) if a and b]
            cells.append(spread(both, 3 if to == "native" else 2))
        print("| %s |" % " | ".join(cells))
    sys.stdout.flush()


def missing(names):
    return [tool for n in names for tool in ["strace", "taskset", "gcc", *SERVERS[n].needs] if not shutil.which(tool)]


def bench(name, tandem, pin, rounds, seconds):
    """A table of one server; what went wrong, as lines."""
    wrong = []
    # A server that must not be root must get there.
    with tempfile.TemporaryDirectory(dir="/tmp" if ROOT else None) as dir:
        os.chmod(dir, 0o755)
        tandem = shutil.copy(tandem, os.path.join(dir, "tandem"))
        os.mkdir(os.path.join(dir, "server"))
        server = SERVERS[name](os.path.join(dir, "server"))
        measured, order = {w: [] for w in WAYS}, list(WAYS)
        try:
            server.prepare()
        except Failure as e:
            return ["%s: %s" % (name, e)]
        for round in range(rounds):
            for way in order[round % len(order):] + order[:round % len(order)]:
                result = None
                try:
                    with Start(server, way, tandem, pin) as s:
                        result = s.measure(seconds)
                except Failure as e:
                    wrong.append("%s, %s, round %d: %s" % (name, way, round + 1, e))
                    result = None
                measured[way].append(result)
        table(server, measured)
    return wrong
