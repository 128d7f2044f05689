# SPDX-License-Identifier: GPL-2.0-only
"""A copy is the packet: byte for byte and in order, for monitors and shadows."""
import json
import subprocess

from lib.shell import need, wait_for
from lib.tap import scenario
from lib.tcp import PY
from lib.topo import Three
from lib.traffic import Rx, digest, received, send_gently


class Jumbo(Three):
    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath, mtu=9000)


def same_lists(what, a, b):
    """Two lists of frames: equal, in order."""
    a, b = [digest(f) for f in a], [digest(f) for f in b]
    if a == b:
        return
    first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    order = "; the same in another order" if sorted(a) == sorted(b) else ""
    need(False, f"{what}: {len(a)} and {len(b)} frames, first difference at {first}{order}")


def of_stream(rx, number):
    tag = b"SvT1" + number.to_bytes(2, "big")
    return [f for f in rx.frames if tag in f[:256]]


def copies(topo, sizes, count=500):
    """What users send, what the VNode got, what the monitor and the shadow got; and at the exit."""
    h1, h3 = topo.hosts[0], topo.hosts[2]
    left, right = topo.outside["left"], topo.outside["right"]
    first = topo.hosts[0]
    topo.shadow()
    first.svnet("monitor", "start", "min", "--of", "A", "--at", "entry", "--direction", "in")
    first.svnet("monitor", "start", "mout", "--of", "A", "--at", "exit", "--direction", "out")
    rx = {"sent": Rx(left, "u0", "out", write=True, marked=True),
          "A/r1": Rx(h1.vnode("A/r1"), "eth0", write=True, marked=True),
          "B/r1": Rx(h1.vnode("B/r1"), "eth0", write=True, marked=True),
          "monitor in": Rx(h1.vnode(f"min/{h1.name}"), "min", write=True, marked=True),
          "A/r3": Rx(h3.vnode("A/r3"), "eth1", "out", write=True, marked=True),
          "monitor out": Rx(h3.vnode(f"mout/{h3.name}"), "mout", write=True, marked=True),
          "received": Rx(right, "u0", write=True, marked=True)}
    plan = [(100 * n + v6, size, v6) for n, size in enumerate(sizes, 1) for v6 in (False, True)
            if not (v6 and size < 80)]
    receivers = [(h1.vnode("B/r1"), "eth0", 1), (h1.vnode(f"min/{h1.name}"), "min", 1),
                 (h3.vnode(f"mout/{h3.name}"), "mout", 1), (right, "u0", 1)]
    for stream, size, v6 in plan:
        frame = topo.user_frame("left", "right", stream, size=size, v6=v6)
        need(len(frame) == size, f"{len(frame)} bytes instead of {size}")
        send_gently(left, "u0", frame, 2000, count, receivers)
    for sniffer in rx.values():
        sniffer.stop(0.3)
    for stream, size, _ in plan:
        want = of_stream(rx["sent"], stream)
        need(len(want) == count, f"the sniffer at the sender saw {len(want)}")
        for name in ("A/r1", "B/r1", "monitor in"):
            same_lists(f"{size} bytes, sent and {name}", want, of_stream(rx[name], stream))
        out = of_stream(rx["A/r3"], stream)
        need(len(out) == count, f"{size} bytes: {len(out)} left A/r3")
        for name in ("monitor out", "received"):
            same_lists(f"{size} bytes, A/r3 and {name}", out, of_stream(rx[name], stream))
    sums = rx["received"].report["csum"]
    need(not sums["bad"] and not sums["partial"], f"checksums at the receiver: {sums}")
    return f"{len(plan)} streams of {count}"


@scenario("fidelity: copies equal what was sent, 60 and 1514 bytes", Three)
def small(topo):
    return copies(topo, (60, 1514))


@scenario("fidelity: copies equal what was sent, 9014 bytes", Jumbo, ("tc",))
def jumbo(topo):
    return copies(topo, (60, 1514, 9014), 300)


@scenario("fidelity: an attachment with a jumbo MTU goes by TC by itself", Jumbo, ("auto",))
def jumbo_auto(topo):
    for host in topo.hosts:
        for row in host.status()["attachments"]:
            need(row["datapath"] == "tc" and row["why"], f"{row}")
    return copies(topo, (9014,), 100)


# ---- TCP from inside a VNode ---------------------------------------------------------------------

ECHO = """
import socket, sys
s = socket.create_server(("", 7200), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
for _ in range(int(sys.argv[1])):
    c, _a = s.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        head = c.recv(4, socket.MSG_WAITALL)
        if len(head) < 4: break
        data = c.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        c.sendall(data[:700])
    c.close()
"""
# One request at a time: no two segments ever wait side by side to be merged on the way.
ASK = """
import socket, sys
c = socket.create_connection((sys.argv[1], 7200), timeout=20)
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for n in range(int(sys.argv[2])):
    data = bytes((n + i) & 255 for i in range(int(sys.argv[3])))
    c.sendall(len(data).to_bytes(4, "big") + data)
    got = c.recv(min(700, len(data)), socket.MSG_WAITALL)
    if got != data[:700]: sys.exit("wrong answer")
"""


def converse(client, server, address, rounds, size):
    proc = server.popen(PY, "-c", ECHO, 1, stdout=subprocess.PIPE, text=True)
    try:
        need(proc.stdout.readline() == "ready\n", "the TCP server did not start")
        done = client.run(PY, "-c", ASK, address, rounds, size, check=False, timeout=60)
        need(done.returncode == 0, f"TCP to {address}: {done.stderr.strip()[-200:]}")
        proc.wait(timeout=10)
    finally:
        proc.kill()
        proc.wait()


def tcp_only(frames, side, port=7200):
    """TCP frames of our conversation, of one direction: side 0 from the server, 1 to it."""
    want = port.to_bytes(2, "big")
    out = []
    for f in frames:
        l4 = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(f[12:14])
        proto = {b"\x08\x00": 23, b"\x86\xdd": 20}.get(f[12:14])
        if l4 and f[proto] == 6 and f[l4 + 2 * side:l4 + 2 * side + 2] == want:
            out.append(f)
    return out


def passed(net, dev):
    """Frames that a device has sent or received so far."""
    stats = json.loads(net.out("ip", "-j", "-s", "link", "show", "dev", dev))[0]["stats64"]
    return stats["rx"]["packets"] + stats["tx"]["packets"]


@scenario("fidelity: TCP from inside a VNode, offloads on and off", Three)
def tcp(topo):
    h1 = topo.hosts[0]
    right = topo.outside["right"]
    topo.hosts[0].svnet("monitor", "start", "mt", "--of", "A", "--at", "r1:eth1")
    r1, monitor = h1.vnode("A/r1"), h1.vnode(f"mt/{h1.name}")
    cases = [("as the agent set them", None, 1200)]
    if topo.datapath == "tc":
        cases += [("on", ["tso", "on", "gso", "on", "gro", "on", "tx", "on"], 1200),
                  ("on, bulk", None, 12000)]
    cases += [("off", ["tso", "off", "gso", "off", "tx", "off"], 1200)]
    frames = 0
    for name, offloads, size in cases:
        copies, frames_before = received(monitor, "mt"), passed(r1, "eth1")
        if offloads:
            r1.run("ethtool", "-K", "eth1", *offloads)
        with Rx(r1, "eth1", None, write=True) as inside, Rx(monitor, "mt", write=True) as copy, \
                Rx(right, "u0") as outer:
            for address in ("10.3.0.100", "fd00:3::100"):
                converse(r1, right, address, 100, size)
            wait_for("the last copies", lambda: received(monitor, "mt") - copies >=
                     passed(r1, "eth1") - frames_before, 15)
            for sniffer in (inside, copy, outer):
                sniffer.stop(0.3)
        for side in (0, 1):
            a, b = tcp_only(inside.frames, side), tcp_only(copy.frames, side)
            need(len(a) >= 200, f"offloads {name}: only {len(a)} TCP frames inside")
            same_lists(f"offloads {name}, VNode and monitor", a, b)
            frames += len(a)
        sums = outer.report["csum"]
        need(not sums["bad"], f"offloads {name}: checksums at the receiver: {sums}")
    return f"{frames} TCP frames"
