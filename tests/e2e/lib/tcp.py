# SPDX-License-Identifier: GPL-2.0-only
"""TCP from one machine to another, every byte of it compared."""
import contextlib
import subprocess

from .shell import need

PORT = 7100
SERVER = """
import socket, sys, hashlib
s = socket.create_server(("", int(sys.argv[2])), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
for _ in range(int(sys.argv[1])):
    c, _a = s.accept()
    h, n = hashlib.sha256(), 0
    while True:
        d = c.recv(65536)
        if not d: break
        h.update(d); n += len(d)
    c.sendall(f"{n} {h.hexdigest()}\\n".encode()); c.close()
"""
CLIENT = """
import socket, sys, hashlib, random
data = random.Random(7).randbytes(int(sys.argv[2]))
c = socket.create_connection((sys.argv[1], int(sys.argv[3])), timeout=20)
c.sendall(data); c.shutdown(socket.SHUT_WR)
got = c.makefile().readline().strip()
want = f"{len(data)} {hashlib.sha256(data).hexdigest()}"
sys.exit(0 if got == want else f"{got} is not {want}")
"""
PY = "/usr/bin/python3"


@contextlib.contextmanager
def tcp_server(net, connections):
    """Answers so many connections with the length and the SHA-256 of what came."""
    proc = net.popen(PY, "-c", SERVER, connections, PORT, stdout=subprocess.PIPE, text=True)
    try:
        need(proc.stdout.readline() == "ready\n", "the TCP server did not start")
        yield
        proc.wait(timeout=10)
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


def tcp_transfer(client, server, addresses, size=3_000_000):
    """Real connections, one an address, whose bytes must all arrive."""
    with tcp_server(server, len(addresses)):
        for address in addresses:
            done = client.run(PY, "-c", CLIENT, address, size, PORT, check=False, timeout=60)
            need(done.returncode == 0,
                 f"TCP from {client.name} to {address}: {done.stderr.strip()[-200:]}")
