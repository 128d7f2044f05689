# SPDX-License-Identifier: GPL-2.0-only
"""The gate: who is heard, from when on, and that it needs nobody alive."""
import struct
import time

from lib.shell import Fail, need, wait_for
from lib.tap import scenario
from lib.topo import Three
from lib.traffic import MAGIC, Rx, Tx, send, udp

DSCP_B = 8


def tos_of(frame):
    return frame[15] >> 2


def who(topo, count=50, stream=40):
    """Whom the outsides hear now: {"A"}, {"B"}, both or nobody, and how many packets of 2 × count
    came through; never a packet twice."""
    ways = (("left", "right"), ("right", "left"))
    sniffers = [Rx(topo.outside[dst], "u0", write=True, marked=True) for _, dst in ways]
    for n, (src, dst) in enumerate(ways):
        send(topo.outside[src], "u0", topo.user_frame(src, dst, stream + n), 1000, count)
    heard, unique = set(), 0
    for n, rx in enumerate(sniffers):
        got = rx.stream(stream + n)
        need(got["duplicated"] == 0, f"{got['duplicated']} packets were heard from two members")
        heard |= {"B" if tos_of(f) == DSCP_B else "A" for f in rx.frames}
        unique += got["unique"]
    return heard, unique


def heard_is(topo, name):
    heard, n = who(topo)
    need(heard == {name} and n == 100, f"{heard or 'nobody'} is heard ({n} of 100), not {name}")


def start_b(topo):
    topo.shadow(topo.mark_override())
    heard_is(topo, "A")


def live_is(topo, name):
    for host, *_ in topo.edges():
        group = host.group("web")
        need(group["live"] == name, f"{host.name} says {group['live']} is live, not {name}")


def seen_at(topo):
    """When each edge's gate let out its first frame in the new role (its own clock, ns)."""
    return {host.name: host.group("web")["seen"] for host, *_ in topo.edges()}


@scenario("gate: flip and roll back", Three)
def flip(topo):
    start_b(topo)
    first = topo.hosts[0]
    before = {h: h.dump_config() for h in topo.hosts}
    first.svnet("flip", "web", "--to", "B")
    heard_is(topo, "B")
    live_is(topo, "B")
    after = {h: h.dump_config() for h in topo.hosts}
    one_update(topo, before, after)
    first.svnet("rollback", "web")
    heard_is(topo, "A")
    live_is(topo, "A")
    first.svnet("hold", "web")
    heard, n = who(topo)
    need(not heard and not n, f"while the group holds, {heard} is heard")
    first.svnet("flip", "web", "--to", "A")
    heard_is(topo, "A")


def one_update(topo, before, after):
    """A flip is one 8-byte value on each host with an edge, and nothing anywhere else."""
    edges = {host for host, *_ in topo.edges()}
    for host in topo.hosts:
        changed = []
        for name in before[host]:
            a, b = before[host][name], after[host][name]
            changed += [(name, k, a.get(k), b.get(k)) for k in set(a) | set(b)
                        if a.get(k) != b.get(k)]
        want = 1 if host in edges else 0
        need(len(changed) == want,
             f"{host.name}: a flip changed {len(changed)} map entries, not {want}: "
             f"{[(c[0], c[1].hex()) for c in changed][:6]}")
        for name, _, old, new in changed:
            need(name == "sv_gate" and len(new or old) == 8, f"{host.name}: {name} changed")


@scenario("gate: a flip at a given time", Three)
def timed(topo):
    """Every frame carries when it was sent, so the gate is judged by what it was given and when:
    strictly, at the first attempt, however busy the machine is."""
    start_b(topo)
    first = topo.hosts[0]
    mouths = [Mouth(topo, *edge) for edge in topo.edges()]
    try:
        wall = time.time()
        first.svnet("flip", "web", "--to", "B", "--at", "+1.5s")
        words = {h.name: h.gate_words(h.gate_slot(p))[0] for h, p, *_ in topo.edges()}
        live = first.group("web")["live"]
        need(live != "B" or time.time() - wall > 1.4, "B is live before its time")
        wait_for("B to be heard", lambda: all(h.group("web")["live"] == "B" and
                                              h.group("web")["seen"]["at_ns"] >
                                              (words[h.name] >> 16) * 1000 - 1_000_000_000
                                              for h, *_ in topo.edges()), 10)
        took = time.time() - wall
        time.sleep(0.1)
        seen = seen_at(topo)
        text = [m.judge((words[m.host.name] >> 16) * 1000, seen[m.host.name]) for m in mouths]
    finally:
        for mouth in mouths:
            mouth.close()
    heard_is(topo, "B")
    return f"asked for in 1.5 s, {took:.2f} s by the wall clock; " + "; ".join(text)


class Mouth:
    """A's and B's VNode at one edge, both speaking at a steady rate, and who hears them outside."""
    RATE = 2000

    def __init__(self, topo, host, port, name, vnode, iface):
        self.host, self.open = host, []
        outside = topo.outside[name]
        self.tx = {}
        b = host.vnode(f"B/{vnode}")
        self.presented = self._keep(Rx(b, iface, "out", write=True, marked=True))
        self.heard = self._keep(Rx(outside, "u0", write=True, marked=True))
        src, dst = ("10.1.0.1", "10.1.0.100") if port == "e1" else ("10.3.0.1", "10.3.0.100")
        for n, vnet in enumerate("AB"):
            net = host.vnode(f"{vnet}/{vnode}")
            frame = udp("02:5e:00:00:00:99", net.mac(iface), src, dst, 41 + n)
            self.tx[vnet] = self._keep(Tx(net, iface, frame, self.RATE, fifo=True,
                                          cpu=int(port[1:])))

    def _keep(self, what):
        self.open.append(what)
        return what

    def judge(self, at_ns, seen):
        """The gate's own clock at the first frame it let through, against the frames around it."""
        for tx in self.tx.values():
            tx.stop()
        self.presented.stop()
        self.heard.stop()
        name = self.host.name
        given = sent_times(self.presented.frames, 42)
        out = sent_times(self.heard.frames, 42)
        old = sent_times(self.heard.frames, 41)
        need(at_ns > 0, f"{name}: the gate word has no time")
        need(out and old, f"{name}: {len(old)} frames of A and {len(out)} of B were heard")
        n = min(out)
        need(n > min(given) and n - 1 in given, f"{name}: B was heard from its first frame on")
        need(seen["at_ns"] >= at_ns, f"{name}: heard {at_ns - seen['at_ns']} ns before its time")
        need(out[n] <= seen["at_ns"],
             f"{name}: the gate's first frame is not B's first frame that was heard")
        need(given[n - 1] < at_ns, f"{name}: frame {n - 1}, presented {given[n - 1] - at_ns} ns after "
             "the instant, was still silenced")
        need(sorted(out) == [q for q in sorted(given) if q >= n],
             f"{name}: not every frame of B after the first was heard")
        interval = given[n] - given[n - 1]
        late = seen["at_ns"] - at_ns
        need(late < interval + 1_000_000, f"{name}: the first frame was let out {late} ns after the "
             f"instant; the frames around it were {interval} ns apart")
        last = max(old.values())
        need(last < at_ns, f"{name}: a frame of A presented {last - at_ns} ns after it was heard")
        return f"{name} {late / 1000:.0f} us after it, frames {interval / 1000:.0f} us apart"

    def close(self):
        for what in self.open:
            what.__exit__(Fail)


def sent_times(frames, stream):
    """{number: CLOCK_BOOTTIME when it was sent} of a stream's frames."""
    mark, times = MAGIC + struct.pack("!H", stream), {}
    for frame in frames:
        at = frame.find(mark)
        if at >= 0:
            number, when = struct.unpack_from("!IQ", frame, at + 6)
            times[number] = when
    return times


@scenario("gate: a flip that nobody confirms comes back, with every agent dead", Three)
def unconfirmed(topo):
    start_b(topo)
    first = topo.hosts[0]
    start = time.monotonic()
    first.svnet("flip", "web", "--to", "B", "--confirm", "5s")
    for host in topo.hosts:
        host.kill()
    heard_is(topo, "B")
    slots = {h: h.gate_slot(p) for h, p, *_ in topo.edges()}
    until = {h: h.gate_words(slot)[0] >> 16 for h, slot in slots.items()}

    def back():
        need(all(not h.alive() for h in topo.hosts), "an agent is alive")
        return who(topo)[0] == {"A"}
    wait_for("A to be heard again", back, 12, 0.2)
    wall = time.monotonic() - start
    for host, slot in slots.items():
        seen = host.dump("sv_gate_seen").get(struct.pack("=I", slot))
        at_ns = struct.unpack_from("=Q", seen)[0]
        need(at_ns >= until[host] * 1000, f"{host.name}: came back before its time")
    for host in topo.hosts:
        host.start(wait=False)
    for host in topo.hosts:
        host.wait()
    live_is(topo, "A")
    heard_is(topo, "A")
    return f"back after {wall:.1f} s"


@scenario("gate: a confirmed flip stays", Three)
def confirmed(topo):
    start_b(topo)
    first = topo.hosts[0]
    first.svnet("flip", "web", "--to", "B", "--confirm", "2s")
    words = [h.gate_words(h.gate_slot(p)) for h, p, *_ in topo.edges()]
    first.svnet("confirm", "web")
    until = max(w[0] >> 16 for w in words) / 1e6
    wait_for("the time to confirm to be over",
             lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > until + 0.3)
    heard_is(topo, "B")
    live_is(topo, "B")


@scenario("gate: one map update without an agent flips, and the agent adopts it", Three)
def by_hand(topo):
    start_b(topo)
    role = {}
    for host, port, *_ in topo.edges():
        vnode = {"e1": ("B/r1", "eth0"), "e3": ("B/r3", "eth1")}[port]
        role[host] = (host.gate_slot(port), host.attach_entry(host.port_of(*vnode))[1]["role"])
    for host in topo.hosts:
        host.kill()
    for host, (slot, b) in role.items():
        host.map_update("sv_gate", struct.pack("=I", 2 * slot), struct.pack("=Q", b << 8 | b))
    heard_is(topo, "B")
    before = {h: h.dump_config() for h in topo.hosts}
    for host in topo.hosts:
        host.start(wait=False)
    for host in topo.hosts:
        host.wait()
    live_is(topo, "B")
    heard_is(topo, "B")
    time.sleep(0.5)
    after = {h: h.dump_config() for h in topo.hosts}
    for host in topo.hosts:
        for name in before[host]:
            need(before[host][name] == after[host][name],
                 f"{host.name}: the restarted agent rewrote {name}")
