# threads.py - threads that race for the interpreter's lock, a queue, a condition and a semaphore; who came when.
import queue
import random
import sys
import threading
import time

sys.setswitchinterval(0.0005)
order = []
racy = 0
jobs = queue.Queue(8)
slots = threading.Semaphore(2)
changed = threading.Condition()
turns = []


def count():
    global racy
    for i in range(20000):
        n = racy
        if i % 5000 == 0:
            order.append((threading.current_thread().name, n))
        racy = n + 1


def work():
    while (job := jobs.get()) is not None:
        with slots:
            order.append(job)
            sum(range(job % 1000))


def take_turns(me):
    for _ in range(30):
        with changed:
            changed.wait(0.0005)
            turns.append(me)
            changed.notify()


threads = [threading.Thread(target=count) for _ in range(4)]
threads += [threading.Thread(target=work) for _ in range(3)]
threads += [threading.Thread(target=take_turns, args=(i,)) for i in range(3)]
for t in threads:
    t.start()
for i in range(300):
    jobs.put(random.randrange(10000))
for _ in range(3):
    jobs.put(None)
for t in threads:
    t.join()
digest = 7
for what in [str(o) for o in order] + turns:
    for c in str(what):
        digest = (digest * 31 + ord(c)) % 2**64
print(racy, len(order), len(turns), hex(digest), hash("seed"), time.time_ns())
