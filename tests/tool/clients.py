#!/usr/bin/env python3
"""clients.py - clients that check each reply. They say what was wrong, and nothing if all was right.

    clients.py port FIRST                         print a free port of 127.0.0.1, the first from FIRST on
    clients.py redis ADDRESS REQUESTS             clients.py redis-verify ADDRESS REQUESTS   (all is there afterwards)
    clients.py memcached ADDRESS REQUESTS         clients.py beanstalkd ADDRESS REQUESTS
    clients.py beanstalkd-leave ADDRESS JOBS      clients.py beanstalkd-find ADDRESS JOBS
    clients.py http ADDRESS ROOT REQUESTS         clients.py https ADDRESS ROOT REQUESTS     (the files below ROOT)
    clients.py http-replaced ADDRESS ROOT REQUESTS                                           (kept connections may be closed)
    clients.py cgi ADDRESS REQUESTS               clients.py get ADDRESS PATH                (print it)

ADDRESS is a port of 127.0.0.1 or the path of a UNIX socket. What is asked, and what must be answered, comes from a seed:
eight connections, each with a model of its own of what the server has to know.
"""
import hashlib, http.client, os, random, socket, ssl, sys, threading

CONNECTIONS = 8
problems = []


def problem(text):
    problems.append(text)


def connect(address):
    if "/" in address:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(120)
        s.connect(address)
    else:
        s = socket.create_connection(("127.0.0.1", int(address)), timeout=120)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def in_parallel(one, *args):
    """Call one(k, *args) for each connection, each in a thread."""
    def guarded(k):
        try:
            one(k, *args)
        except Exception as e:
            problem(f"connection {k}: {type(e).__name__}: {e}")
    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(CONNECTIONS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def share(k, n):
    """How many of n requests connection k makes: n in all."""
    return n // CONNECTIONS + (k < n % CONNECTIONS)


def some_bytes(rng, rare=500000):
    """Mostly short, now and then longer than what one read returns."""
    dice = rng.random()
    size = rng.randrange(200) if dice < 0.95 else rng.randrange(20000) if dice < 0.998 else rng.randrange(rare)
    return rng.randbytes(size)


def expect(what, got, wanted):
    if got != wanted:
        show = lambda v: f"{v!r:.200}" + (f" ({len(v)} long)" if hasattr(v, "__len__") else "")
        problem(f"{what}: got {show(got)}, expected {show(wanted)}")
        if len(problems) > 20:
            raise RuntimeError("too many problems")


def free_port(first):
    for port in range(int(first), 65536):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


# ---- redis ----

class Error(str):
    pass


class Redis:
    def __init__(self, address):
        self.socket = connect(address)
        self.file = self.socket.makefile("rb")

    def send(self, *commands):
        out = []
        for c in commands:
            out.append(b"*%d\r\n" % len(c))
            for word in c:
                word = word if isinstance(word, bytes) else str(word).encode()
                out.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(out))

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Error(rest.decode().split()[0])
        if kind == b":":
            return int(rest)
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if rest == b"-1":
            return None
        data = self.file.read(int(rest) + 2)
        return data[:-2]

    def ask(self, *command):
        self.send(command)
        return self.reply()


class RedisModel:
    """What connection k has asked for, and what must be known then."""
    def __init__(self, k):
        self.k, self.rng, self.known = k, random.Random(k), {}

    def key(self, kind):
        return f"{kind}:{self.k}:{self.rng.randrange(30)}"

    def request(self):
        """One command and its reply."""
        rng, known = self.rng, self.known
        kind = rng.choice(["str", "str", "str", "num", "list", "hash", "set", "zset", "wrong", "script"])
        key = self.key(kind)
        value = some_bytes(rng)
        if kind == "str":
            old = known.get(key)
            which = rng.randrange(6)
            if which < 2:
                known[key] = value
                return ("SET", key, value), "OK"
            if which < 4:
                return ("GET", key), old
            if which == 4:
                known[key] = (old or b"") + value[:200]
                return ("APPEND", key, value[:200]), len(known[key])
            known.pop(key, None)
            return ("DEL", key), int(old is not None)
        if kind == "num":
            by = rng.randrange(-1000, 1000)
            known[key] = known.get(key, 0) + by
            return ("INCRBY", key, by), known[key]
        if kind == "list":
            items = known.setdefault(key, [])
            which = rng.randrange(4)
            if which < 2:
                items.append(value)
                return ("RPUSH", key, value), len(items)
            if which == 2:
                a = rng.randrange(20)
                return ("LRANGE", key, a, a + 9), items[a:a + 10]
            return ("LPOP", key), items.pop(0) if items else None
        if kind == "hash":
            fields = known.setdefault(key, {})
            field = b"f%d" % rng.randrange(200)
            if rng.random() < 0.6:
                new = field not in fields
                fields[field] = value
                return ("HSET", key, field, value), int(new)
            return ("HGET", key, field), fields.get(field)
        if kind == "set":
            members = known.setdefault(key, set())
            member = b"%d" % rng.randrange(300)
            new = member not in members
            if rng.random() < 0.7:
                members.add(member)
                return ("SADD", key, member), int(new)
            return ("SISMEMBER", key, member), int(not new)
        if kind == "zset":
            scores = known.setdefault(key, {})
            member = b"m%d" % rng.randrange(300)
            if rng.random() < 0.7:
                new = member not in scores
                scores[member] = rng.randrange(10000)
                return ("ZADD", key, scores[member], member), int(new)
            ordered = sorted(scores, key=lambda m: (scores[m], m))
            return ("ZRANGE", key, 0, 9), ordered[:10]
        if kind == "wrong":
            return rng.choice([(("NOSUCH", key), Error("ERR")), (("GET",), Error("ERR")), (("EXISTS", "no:" + key), 0)])
        number = rng.randrange(1000)
        return ("EVAL", "return {KEYS[1], ARGV[1] * 2, redis.call('exists', KEYS[1])}", 1, "no:" + key, number), \
            [b"no:" + key.encode(), number * 2, 0]

    def check(self, redis):
        for key, value in self.known.items():
            if isinstance(value, bytes):
                got = redis.ask("GET", key)
            elif isinstance(value, int):
                got, value = redis.ask("GET", key), b"%d" % value
            elif not value:
                got, value = redis.ask("EXISTS", key), 0
            elif isinstance(value, list):
                got = redis.ask("LRANGE", key, 0, -1)
            elif isinstance(value, set):
                got = set(redis.ask("SMEMBERS", key))
            elif key.startswith("zset"):
                got = redis.ask("ZRANGE", key, 0, -1, "WITHSCORES")
                got = {m: int(s) for m, s in zip(got[::2], got[1::2])}
            else:
                got = redis.ask("HGETALL", key)
                got = dict(zip(got[::2], got[1::2]))
            expect(key, got, value)


def redis_one(k, address, n):
    redis, model, left = Redis(address), RedisModel(k), share(k, n)
    while left > 0:
        size = min(left, model.rng.choice([1, 4, 16, 50]))
        batch = [model.request() for _ in range(size)]
        commands, replies = [c for c, _ in batch], [r for _, r in batch]
        if model.rng.random() < 0.2 and not any(isinstance(r, Error) for r in replies):
            commands = [("MULTI",), *commands, ("EXEC",)]
            replies = ["OK", *["QUEUED"] * size, replies]
        redis.send(*commands)
        for c, r in zip(commands, replies):
            expect(f"connection {k}: {c!r:.100}", redis.reply(), r)
        left -= size
    # One waits for what its neighbour sends.
    redis.send(("RPUSH", f"mail:{(k + 1) % CONNECTIONS}", f"from {k}"), ("BLPOP", f"mail:{k}", 60))
    redis.reply()
    mail = [b"mail:%d" % k, b"from %d" % ((k - 1) % CONNECTIONS)]
    expect("BLPOP", redis.reply(), mail)


def redis(address, n):
    in_parallel(redis_one, address, int(n))
    listener = Redis(address)
    listener.ask("SUBSCRIBE", "news")
    for i in range(20):
        expect("PUBLISH", Redis(address).ask("PUBLISH", "news", i), 1)
        expect("a message", listener.reply(), [b"message", b"news", b"%d" % i])


def redis_verify(address, n):
    def one(k):
        model, left = RedisModel(k), share(k, int(n))
        while left > 0:
            size = min(left, model.rng.choice([1, 4, 16, 50]))
            batch = [model.request()[1] for _ in range(size)]
            model.rng.random()
            left -= size
        model.check(Redis(address))
    in_parallel(one)


# ---- memcached ----

def memcached_one(k, address, n):
    s, rng, known = connect(address), random.Random(k), {}
    f = s.makefile("rb")
    line = lambda: f.readline()[:-2]

    def values():
        got = {}
        while (head := line()) != b"END":
            word = head.split()
            if not word or word[0] != b"VALUE":
                raise ConnectionError(f"not a value: {head!r:.100}")
            got[word[1]] = f.read(int(word[3]) + 2)[:-2]
        return got

    for i in range(share(k, n)):
        key, value = b"k%d:%d" % (k, rng.randrange(50)), some_bytes(rng)
        old = known.get(key)
        which = rng.randrange(10)
        if which < 3:
            s.sendall(b"set %s %d 0 %d\r\n%s\r\n" % (key, k, len(value), value))
            expect("set", line(), b"STORED")
            known[key] = value
        elif which < 6:
            keys = [key] + [b"k%d:%d" % (k, rng.randrange(50)) for _ in range(rng.randrange(4))]
            s.sendall(b"get %s\r\n" % b" ".join(keys))
            expect("get", values(), {a: known[a] for a in keys if a in known})
        elif which == 6:
            s.sendall(b"add %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))
            expect("add", line(), b"NOT_STORED" if old is not None else b"STORED")
            known.setdefault(key, value)
        elif which == 7:
            s.sendall(b"delete %s\r\n" % key)
            expect("delete", line(), b"DELETED" if old is not None else b"NOT_FOUND")
            known.pop(key, None)
        elif which == 8:
            # Many at once, of which only the last is answered.
            number = b"n%d" % k
            s.sendall(b"set %s 0 0 1 noreply\r\n7\r\n" % number + b"incr %s 5 noreply\r\n" % number * 20 + b"decr %s 3\r\n" % number)
            expect("decr", line(), b"104")
        else:
            s.sendall(b"gets %s\r\n" % key)
            head = line()
            if old is None:
                expect("gets", head, b"END")
                continue
            unique = int(head.split()[4])
            expect("gets", f.read(len(old) + 2)[:-2], old)
            expect("gets", line(), b"END")
            s.sendall(b"cas %s 0 0 3 %d\r\nnew\r\ncas %s 0 0 3 %d\r\nbad\r\n" % (key, unique, key, unique))
            expect("cas", (line(), line()), (b"STORED", b"EXISTS"))
            known[key] = b"new"
    for key, value in known.items():
        s.sendall(b"get %s\r\n" % key)
        expect("at last", values(), {key: value})


def memcached(address, n):
    in_parallel(memcached_one, address, int(n))


# ---- beanstalkd ----

class Beanstalk:
    def __init__(self, address):
        self.socket = connect(address)
        self.file = self.socket.makefile("rb")

    def ask(self, text, body=None):
        self.socket.sendall(text.encode() + b"\r\n" + (b"" if body is None else body + b"\r\n"))
        return self.reply()

    def reply(self):
        words = self.file.readline().decode().split()
        if not words:
            raise ConnectionError("the server closed the connection")
        if words[0] in ("RESERVED", "FOUND", "OK"):
            words.append(self.file.read(int(words[-1]) + 2)[:-2])
        return words


def beanstalkd_one(k, address, n):
    b, rng = Beanstalk(address), random.Random(k)
    expect("use", b.ask(f"use tube{k}"), ["USING", f"tube{k}"])
    expect("watch", b.ask(f"watch tube{k}"), ["WATCHING", "2"])
    expect("ignore", b.ask("ignore default"), ["WATCHING", "1"])
    for i in range(share(k, n) // 3):
        body = some_bytes(rng, 60000)
        head, job = b.ask(f"put {rng.randrange(9)} 0 60 {len(body)}", body)
        expect("put", head, "INSERTED")
        if i % 7 == 0:
            urgent = b.ask("put 0 0 60 6", b"urgent")[1] if i else None
            if urgent:
                # Of equal priority the older one may come first.
                got = b.ask("reserve")
                expect("reserve", got[1] in (job, urgent), True)
                expect("release", b.ask(f"release {got[1]} 20 0"), ["RELEASED"])
                expect("delete", b.ask(f"delete {urgent}"), ["DELETED"])
        expect("reserve", b.ask("reserve"), ["RESERVED", job, str(len(body)), body])
        if i % 5 == 0:
            expect("bury", b.ask(f"bury {job} 1"), ["BURIED"])
            expect("peek", b.ask("peek-buried"), ["FOUND", job, str(len(body)), body])
            expect("kick", b.ask("kick 10"), ["KICKED", "1"])
            expect("again", b.ask("reserve-with-timeout 5"), ["RESERVED", job, str(len(body)), body])
        if i % 50 == 0:
            expect("stats", b"\nstate: reserved\n" in b.ask(f"stats-job {job}")[-1], True)
        expect("delete", b.ask(f"delete {job}"), ["DELETED"])
    expect("nothing", b.ask("reserve-with-timeout 0"), ["TIMED_OUT"])
    # A job that comes later, and one that somebody else waits for.
    b.ask("put 0 1 60 5", b"later")
    expect("later", b.ask("reserve")[-1], b"later")
    other = Beanstalk(address)
    other.ask(f"watch mail{k}")
    other.socket.sendall(b"reserve\r\n")
    b.ask(f"use mail{k}")
    b.ask("put 0 0 60 4", b"mail")
    expect("mail", other.reply()[-1], b"mail")


def beanstalkd(address, n):
    in_parallel(beanstalkd_one, address, int(n))


def left_jobs(n):
    rng = random.Random(1)
    return [some_bytes(rng, 60000) for _ in range(int(n))]


def beanstalkd_leave(address, n):
    b = Beanstalk(address)
    b.ask("use left")
    for body in left_jobs(n):
        expect("put", b.ask(f"put 5 0 60 {len(body)}", body)[0], "INSERTED")


def beanstalkd_find(address, n):
    b = Beanstalk(address)
    b.ask("watch left")
    for body in left_jobs(n):
        got = b.ask("reserve-with-timeout 5")
        expect("what was left", got[-1], body)
        expect("delete", b.ask(f"delete {got[1]}"), ["DELETED"])
    expect("no more", b.ask("reserve-with-timeout 0"), ["TIMED_OUT"])


# ---- http ----

class Connection(http.client.HTTPConnection):
    def __init__(self, address, tls):
        super().__init__("127.0.0.1")
        self.address, self.tls = address, tls

    def connect(self):
        self.sock = connect(self.address)
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock)


def http_one(k, address, files, n, tls, may_close):
    rng, c, names = random.Random(k), None, sorted(files)
    for i in range(share(k, n)):
        if c is None:
            c, kept = Connection(address, tls), False
        name = rng.choice(names)
        data = files[name]
        which = rng.randrange(8)
        path, method, headers, wanted, body = f"/{name}", "GET", {}, 200, data
        if which == 0:
            path, wanted, body = "/none" + path, 404, None
        elif which == 1:
            method, body = "HEAD", b""
        elif which == 2:
            a = rng.randrange(len(data))
            z = rng.randrange(a, len(data))
            headers, wanted, body = {"Range": f"bytes={a}-{z}"}, 206, data[a:z + 1]
        if rng.random() < 0.05:
            headers["Connection"] = "close"
        try:
            c.request(method, path, headers=headers)
            r = c.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            # A worker that goes closes what it has kept; the request was not looked at.
            if not may_close or not kept:
                raise
            c = Connection(address, tls)
            c.request(method, path, headers=headers)
            r = c.getresponse()
        got, kept = r.read(), True
        expect(f"{method} {path} {headers}: status", r.status, wanted)
        if body is not None:
            expect(f"{method} {path} {headers}", hashlib.md5(got).digest() + b"%d" % len(got),
                   hashlib.md5(body).digest() + b"%d" % len(body))
        if method == "HEAD":
            expect("the length", r.getheader("Content-Length"), str(len(data)))
        if "Connection" in headers:
            c.close()
            c = None


def http_any(address, root, n, tls=None, may_close=False):
    files = {}
    for name in os.listdir(root):
        with open(os.path.join(root, name), "rb") as f:
            files[name] = f.read()
    in_parallel(http_one, address, files, int(n), tls, may_close)


def https(address, root, n):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    http_any(address, root, n, tls)


def get(address, path):
    c = Connection(address, None)
    c.request("GET", path)
    print(c.getresponse().read().decode())


def cgi_one(k, address, n):
    rng = random.Random(k)
    for i in range(share(k, n)):
        c, body = Connection(address, None), some_bytes(rng, 100000)
        c.request("POST", f"/scripts/sum.sh?{k}-{i}", body)
        r = c.getresponse()
        expect("a script", r.read().decode().strip(), f"POST {k}-{i} {hashlib.md5(body).hexdigest()}")


kinds = {"port": lambda first: print(free_port(first)), "redis": redis, "redis-verify": redis_verify, "memcached": memcached,
         "beanstalkd": beanstalkd, "beanstalkd-leave": beanstalkd_leave, "beanstalkd-find": beanstalkd_find,
         "http": http_any, "http-replaced": lambda *args: http_any(*args, may_close=True), "https": https, "get": get,
         "cgi": lambda address, n: in_parallel(cgi_one, address, int(n))}
kinds[sys.argv[1]](*sys.argv[2:])
for text in problems[:20]:
    print(text)
sys.exit(bool(problems))
