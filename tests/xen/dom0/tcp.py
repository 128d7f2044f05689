# SPDX-License-Identifier: GPL-2.0-only
"""TCP of domains: what their interfaces leave to do (checksums, segments) is done by somebody before it arrives."""
import hashlib
import random
import re
import subprocess

from chain import Chain
from lib.shell import need, run
from lib.tap import scenario
from lib.tcp import PORT, PY, tcp_server, tcp_transfer
from lib.traffic import Rx

SIZE = 300_000
# Sends what it makes, once.
SOURCE = """
import random, socket, sys
s = socket.create_server(("", int(sys.argv[1])))
print("ready", flush=True)
c, _a = s.accept()
c.sendall(random.Random(7).randbytes(int(sys.argv[2])))
c.close()
"""


def upload(chain, vnode, outside, address):
    """A guest's own bytes to a machine behind an edge."""
    with tcp_server(outside, 1):
        said = chain.tell(vnode, f"head -c {SIZE} /dev/urandom >/tmp-tcp; sha256sum /tmp-tcp",
                          f"nc {address} {PORT} </tmp-tcp; rm /tmp-tcp")
    had, arrived = re.search(r"([0-9a-f]{64})  /tmp-tcp", said), re.search(rf"{SIZE} ([0-9a-f]{{64}})", said)
    need(had and arrived and had.group(1) == arrived.group(1), f"{vnode} to {address}: {said[-300:]}")


def download(chain, vnode, outside, address):
    server = outside.popen(PY, "-c", SOURCE, PORT, SIZE, stdout=subprocess.PIPE, text=True)
    try:
        need(server.stdout.readline() == "ready\n", "the TCP server did not start")
        said = chain.tell(vnode, f"nc {address} {PORT} </dev/null | sha256sum")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    need(hashlib.sha256(random.Random(7).randbytes(SIZE)).hexdigest() in said, f"{address} to {vnode}: {said[-300:]}")


@scenario("domains: TCP of their own and through them, with offloads and without", Chain, ("auto",))
def tcp(chain):
    left, right = chain.outside["left"], chain.outside["right"]
    seen = []
    for offloads in ("on", "off"):
        for dev in ("e1", "t1"):
            run("ethtool", "-K", dev, "tx", offloads, "tso", offloads, "gso", offloads)
        with Rx(left, "u0") as at_left, Rx(right, "u0") as at_right:
            for vnode, net, address in (("A/r1", left, "10.1.0.100"), ("A/r2", right, "10.3.0.100")):
                upload(chain, vnode, net, address)
                download(chain, vnode, net, address)
            tcp_transfer(left, right, ["10.3.0.100"], SIZE)
            tcp_transfer(right, left, ["10.1.0.100"], SIZE)
            sums = [rx.stop(0.3)["csum"] for rx in (at_left, at_right)]
        for name, of in zip(("left", "right"), sums):
            need(not of["bad"] and of["ok"] + of["partial"] > 100, f"offloads {offloads}: checksums at {name}: {of}")
        seen.append(f"{offloads}: {sums}")
    return "; ".join(seen)
