# tasks.py - asyncio: sleeps, a server and its clients on a Unix socket, a pool of threads, a subprocess, a signal; who came when.
import asyncio
import os
import random
import signal
import tempfile

order = []


async def naps(i):
    await asyncio.sleep(random.random() / 50)
    order.append(f"n{i}")


async def serve(reader, writer):
    line = await reader.readline()
    order.append("s" + line.decode().strip())
    writer.write(line.upper())
    await writer.drain()
    writer.close()


async def client(path, i):
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(f"c{i}\n".encode())
    assert await reader.readline() == f"C{i}\n".encode()
    writer.close()
    order.append(f"c{i}")


async def child(i):
    p = await asyncio.create_subprocess_exec("echo", str(i), stdout=asyncio.subprocess.PIPE)
    out, _ = await p.communicate()
    order.append("p" + out.decode().strip())


def blocks(i):
    total = sum(range(20000 * (i % 3)))
    order.append(f"b{i}")
    return total


async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, order.append, "usr1")
    with tempfile.TemporaryDirectory() as d:
        path = d + "/socket"
        server = await asyncio.start_unix_server(serve, path)
        jobs = [naps(i) for i in range(30)] + [client(path, i) for i in range(20)] + [child(i) for i in range(3)]
        jobs += [loop.run_in_executor(None, blocks, i) for i in range(20)]
        loop.call_later(0.01, os.kill, os.getpid(), signal.SIGUSR1)
        await asyncio.gather(*jobs, asyncio.sleep(0.03))
        server.close()
        await server.wait_closed()
    assert len(order) == 30 + 40 + 3 + 20 + 1
    print(" ".join(order))

asyncio.run(main())
