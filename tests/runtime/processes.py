# processes.py - multiprocessing: a pool, a queue, shared values with and without a lock, an event; the order of what comes back.
import multiprocessing as mp
import os
import random
import time


def square(x):
    time.sleep(random.random() / 1000)
    return x * x, os.getpid()


def count(safe, racy, q, started, me):
    started.wait()
    for i in range(300):
        with safe.get_lock():
            safe.value += 1
        racy.value += 1
        if i % 100 == 0:
            q.put((me, i, racy.value))


if __name__ == "__main__":
    ctx = mp.get_context("fork")
    with ctx.Pool(3) as pool:
        results = list(pool.imap_unordered(square, range(60)))
        pool.close()
        pool.join()
    pids = {p for _, p in results}
    names = {p: i for i, p in enumerate(sorted(pids))}
    assert sorted(r for r, _ in results) == [x * x for x in range(60)]
    safe, racy = ctx.Value("i", 0), ctx.RawValue("i", 0)
    q, started = ctx.Queue(), ctx.Event()
    kids = [ctx.Process(target=count, args=(safe, racy, q, started, i)) for i in range(3)]
    for k in kids:
        k.start()
    started.set()
    got = [q.get() for _ in range(9)]
    for k in kids:
        k.join()
    assert safe.value == 900 and all(k.exitcode == 0 for k in kids)
    digest = 7
    for c in str([(r, names[p]) for r, p in results]) + str(got):
        digest = (digest * 31 + ord(c)) % 2**64
    print(racy.value, len(names), hex(digest))
