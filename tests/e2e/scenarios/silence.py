# SPDX-License-Identifier: GPL-2.0-only
"""A shadow is silent: whatever it says, nobody outside hears it, and production does not notice."""
import os
import struct
import time

from lib import bpfmap, frames
from lib.account import Delta, begin_together, stop_between
from lib.agent import TAP_CPUS
from lib.shell import need, note, wait_for
from lib.tap import scenario
from lib.topo import Three
from lib.traffic import Production, Rx, Tx, digest, send, udp

SILENCED = {"gate-shadow", "proxied", "gate-hold"}


def speech():
    """All a shadow is made to say: frames of our own, and the captures where they are."""
    own = list(frames.own().values())
    if not frames.captures_folder():
        note("no captures folder ($CAPTURES): only frames of our own making are sent")
        return own, 0
    captured, skipped = frames.captures()
    note(f"{len(own)} frames of our own, {len(captured)} of captures; {skipped} capture frames are "
         "no Ethernet or too long to be sent")
    return own + captured, skipped


class Outside:
    """Sniffers at both edges, and what they must not see."""

    def __init__(self, topo, said):
        self.said = {digest(f) for f in said}
        self.rx = {name: Rx(topo.outside[name], "u0", write=True) for name in topo.outside}

    def heard(self):
        """name -> frames of the shadow's that came out there."""
        out = {}
        for name, rx in self.rx.items():
            rx.stop()
            out[name] = [f for f in rx.frames if digest(f) in self.said]
        return out

    def need_silence(self, what):
        for name, heard in self.heard().items():
            need(not heard, f"{what}: {len(heard)} of the shadow's frames were heard at {name}, "
                 f"first {heard[0][:64].hex() if heard else ''}")


class Mouths:
    """B's edge interfaces, watched from inside, with the counters of their attachments."""

    def __init__(self, topo):
        self.rows = []
        for host, _, name, vnode, iface in topo.edges():
            net = host.vnode(f"B/{vnode}")
            (delta,), (out,) = begin_together([(host, host.port_of(f"B/{vnode}", iface))],
                                              lambda n=net, i=iface: (Rx(n, i, "out"),))
            self.rows.append((host, name, net, iface, out, delta))

    def say(self, said, rate=1000):
        """B says everything once at both edges."""
        senders = [(name, Tx(net, iface, said, rate, len(said)))
                   for _, name, net, iface, _, _ in self.rows]
        for name, tx in senders:
            sent = tx.wait()
            need(sent["sent"] == len(said) and not sent["errors"],
                 f"B could only send {sent} of {len(said)} frames at {name}")

    def check_silenced(self):
        """Every frame that left B's VNode was dropped, for a reason that says so."""
        for host, name, _, _, out, delta in self.rows:
            before, said, after = stop_between(delta, lambda o=out: o.stop(0.3))
            check_silenced(f"{host.name} at {name}", before, said["packets"], after)


@scenario("silence: nothing of a shadow leaves, everything once it is heard", Three)
def silence(topo):
    said, _ = speech()
    topo.shadow()
    outside = Outside(topo, said)
    mouths = Mouths(topo)
    with Production(topo, rate=500) as production:
        mouths.say(said)
        carried = production.check("while the shadow spoke")
    mouths.check_silenced()
    outside.need_silence("production is heard")
    control(topo, said)
    return f"{2 * len(said)} frames of B, {carried} of production beside them"


def check_silenced(where, before, sent, now):
    silenced = sum(now[r] for r in SILENCED)
    need(before["received"] <= sent <= now["received"],
         f"{where}: received {before['received']} to {now['received']}, B sent {sent}")
    need(silenced == now["received"], f"{where}: received {now['received']}, silenced {silenced}: {now}")
    need(now["forwarded"] == 0, f"{where}: {now['forwarded']} of B's were forwarded")
    need(now["gate-shadow"] > 0, f"{where}: no gate-shadow drop")


def control(topo, said):
    """The same sniffers hear every one when the gate says B."""
    topo.hosts[0].svnet("flip", "web", "--to", "B")
    outside = Outside(topo, said)
    mouths = Mouths(topo)
    mouths.say(said)
    want = [digest(f) for f in said]
    for name, heard in outside.heard().items():
        got = [digest(f) for f in heard]
        need(got == want, f"with the gate at B {len(got)} of {len(want)} frames came out at {name}"
             + (", in another order" if sorted(got) == sorted(want) else ""))
    topo.hosts[0].svnet("flip", "web", "--to", "A")
    for net in topo.outside.values():
        net.run("ip", "neigh", "flush", "all")
    topo.ready()


def chatter(topo):
    """A program for B's edge VNodes that speaks for as long as they live, and what it says."""
    said = list(frames.own().values())
    said.append(udp("ff:ff:ff:ff:ff:ff", frames.SMAC, "10.1.0.66", "10.1.0.255", 900))
    programs = {}
    for _, _, _, vnode, iface in topo.edges():
        argv = [topo.txgen(), "--dev", iface, "--rate", "1000"]
        for frame in said:
            argv += ["--frame", frame.hex()]
        programs[vnode] = {"program": argv}
    return said, {"vnodes": programs}


class Quiet:
    """Production runs, both outsides are watched, and at the end B was never heard."""

    def __init__(self, topo, said, rate=1000):
        self.topo, self.rate = topo, rate
        self.outside = Outside(topo, said)
        self.production = Production(topo, rate=rate)

    def end(self, what):
        carried = self.production.check(what)
        self.outside.need_silence(what)
        for name, rx in self.outside.rx.items():
            marks = rx.stream(900)["received"]
            need(not marks, f"{what}: {marks} marked frames of B's were heard at {name}")
        return carried

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.production.__exit__(*exc)
        for rx in self.outside.rx.values():
            rx.__exit__(*exc)


def spoken(topo):
    """How much of B was silenced so far, on both edges: that B does speak."""
    total = 0
    for host, _, _, vnode, iface in topo.edges():
        row = host.attachment(host.port_of(f"B/{vnode}", iface))["counters"]
        total += row["gate-shadow"]["packets"] + row["proxied"]["packets"]
    return total


@scenario("silence: the agents die and come back, the shadow speaks on", Three)
def silence_agents(topo):
    said, override = chatter(topo)
    topo.shadow(override)
    wait_for("B to speak", lambda: spoken(topo) > 200)
    before = spoken(topo)
    with Quiet(topo, said) as quiet:
        for _ in range(topo.options.rounds):
            for host in topo.hosts:
                host.kill()
            for host in topo.hosts:
                host.start(wait=False)
            for host in topo.hosts:
                host.wait()
        carried = quiet.end(f"{topo.options.rounds} restarts")
    need(spoken(topo) > before, "B fell silent by itself: nothing was shown")
    return f"{topo.options.rounds} restarts, {spoken(topo) - before} of B's silenced, " \
           f"{carried} of production's carried"


@scenario("silence: the shadow starts and ends", Three)
def silence_start(topo):
    said, override = chatter(topo)
    spoke = 0
    with Quiet(topo, said) as quiet:
        for _ in range(topo.options.rounds):
            topo.shadow(override)
            wait_for("B to speak", lambda: spoken(topo) > 10)
            spoke += spoken(topo)
            topo.hosts[0].svnet("shadow", "finish", "web")
        carried = quiet.end(f"{topo.options.rounds} times shadow start and finish")
    return f"{topo.options.rounds} starts, {spoke} of B's silenced, {carried} of production's carried"


# ---- with every map entry of the shadow taken away -----------------------------------------------


ZEROED = ("sv_dest", "sv_port", "sv_session", "sv_budget", "sv_tap_ctl", "sv_scratch")
RUNNING = ("sv_budget", "sv_scratch", "sv_tap_ctl")  # of which the data plane makes its own anew
NUMBERS = ("sv_fanout", "sv_tap", "sv_filter_xdp", "sv_filter_tc")  # maps and programs, by number


class Entry:
    """One entry of a map: taken away or zeroed, and put back."""

    def __init__(self, host, name, key, value):
        self.host, self.name, self.key, self.value = host, name, key, value
        self.fd = None
        if name in NUMBERS:  # it must outlive its entry
            kind = bpfmap.PROGRAMS if name.startswith("sv_filter") else bpfmap.MAPS
            self.fd = bpfmap.hold(kind, int.from_bytes(value, "little"))

    def remove(self):
        if self.name in ZEROED:
            self.host.map_zero(self.name, self.key)
        else:
            self.host.map_delete(self.name, self.key)

    def restore(self):
        if self.fd is not None:
            self.host.map_update_id(self.name, self.key, int.from_bytes(self.value, "little"))
        elif self.name not in RUNNING:
            self.host.map_update(self.name, self.key, self.value)

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


def u32(n):
    return n.to_bytes(4, "little")


def shadow_entries(host):
    """What B has in the maps of a host, the gate apart."""
    rows = [r for r in host.status()["attachments"] if r["vnet"] == "B"]
    maps = host.dump_config()
    keys = [("sv_scratch", u32(0))]
    slots, taps = set(), set()
    for row in rows:
        key, a = host.attach_entry(row["port"], row["vlan"])
        keys += [("sv_attach", key), ("sv_port", u32(a["id"])), ("sv_self", key[:4])]
        for n in range(a["fanout"], a["fanout"] + a["fanouts"]):
            keys += [("sv_dest", u32(n)), ("sv_fanout", u32(n))]
        keys += [("sv_point", struct.pack("=IHH", a["id"], s, 0)) for s in a["session"]]
        slots.add(a["filter"])
    for row in host.status()["sessions"]:
        if row["of"] != "B":
            continue
        number = u32(row["number"])
        keys += [("sv_session", number), ("sv_budget", number)]
        if row["to"] == "ring":
            taps.add(struct.unpack_from("=H", maps["sv_session"][number], 10)[0])
    for tap in taps:
        keys += [(name, u32(tap * TAP_CPUS + cpu)) for cpu in range(os.cpu_count())
                 for name in ("sv_tap", "sv_tap_ctl")]
    # Slot 0 is the delivery stage, for everybody whose frames pass a filter.
    keys += [(name, u32(slot)) for slot in slots - {0} for name in ("sv_filter_xdp", "sv_filter_tc")]
    # Ports and trunks are production's as well.
    own = {host.net.ifindex(r["port"]) for r in rows if not r["port"].startswith(("e", "t"))}
    entries = []
    for name, key in sorted(set(keys)):
        if name == "sv_self" and int.from_bytes(key, "little") not in own:
            continue
        value = maps[name].get(key) if name in maps else b""
        if value is not None:
            entries.append(Entry(host, name, key, value))
    return entries


WANTED = ("sv_attach", "sv_dest", "sv_port", "sv_session", "sv_point", "sv_tap", "sv_tap_ctl",
          "sv_budget", "sv_filter_xdp", "sv_filter_tc", "sv_scratch")


@scenario("silence: every map entry of the shadow removed, one by one", Three)
def silence_entries(topo):
    said, override = chatter(topo)
    first = topo.hosts[0]
    topo.shadow(override)
    first.svnet("monitor", "start", "mb", "--of", "B")
    first.svnet("monitor", "start", "mf", "--of", "B", "--filter", "udp or arp or ip6", "--budget",
                "500pps", "--snap", "128")
    first.svnet("monitor", "start", "mr", "--of", "B", "--to", "ring", "--filter", "ip or ip6")
    wait_for("B to speak", lambda: spoken(topo) > 100)
    entries = [e for host in topo.hosts for e in shadow_entries(host)]
    for kind in WANTED:
        need(any(e.name == kind for e in entries), f"B has no {kind} entry")
    for host in topo.hosts:
        host.kill()
    with Quiet(topo, said) as quiet:
        for entry in entries:
            entry.remove()
            time.sleep(0.01)
            entry.restore()
        for entry in sorted(entries, key=lambda e: e.name == "sv_attach"):
            entry.remove()
            time.sleep(0.01)
        time.sleep(0.3)
        carried = quiet.end("entries removed")
    for entry in entries:
        entry.close()
    gates_zeroed(topo, said)
    for host in topo.hosts:
        host.start(wait=False)
    for host in topo.hosts:
        host.wait()
    return f"{len(entries)} entries, {carried} of production's carried"


def gates_zeroed(topo, said):
    """An empty gate holds: then not even production is heard, and still nothing of B."""
    outside = Outside(topo, said)
    slots = [(host, host.gate_slot(port)) for host, port, _, _, _ in topo.edges()]
    for host, slot in slots:
        words = host.gate_words(slot)
        for n in (0, 1):
            host.map_update("sv_gate", (2 * slot + n).to_bytes(4, "little"), bytes(8))
        time.sleep(0.2)
        for n in (1, 0):
            host.map_update("sv_gate", (2 * slot + n).to_bytes(4, "little"),
                            words[n].to_bytes(8, "little"))
    outside.need_silence("gate words zeroed")


@scenario("a shadow without neighbours forwards its first packet", Three)
def neighbours(topo):
    """Production knows the neighbour, the shadow does not, and may not ask aloud."""
    right = topo.outside["right"]
    h3 = topo.hosts[2]
    topo.shadow()
    topo.hosts[0].svnet("monitor", "start", "m3", "--of", "B", "--at", "exit", "--direction", "out")
    for v6 in (False, True):
        address = topo.address("right", v6)
        # The edge learns what comes in; the neighbour has just been talking to production.
        right.run("ping", "-c1", "-W2", "fd00:3::1" if v6 else "10.3.0.1")
        port = h3.port_of("B/r3", "eth1")
        for vnode, host in (("B/r1", topo.hosts[0]), ("B/r2", topo.hosts[1]), ("B/r3", h3)):
            for dev in ("eth0", "eth1"):
                host.vnode(vnode).run("ip", "neigh", "flush", "dev", dev)
        need(address not in h3.vnode("B/r3").out("ip", "neigh", "show", "dev", "eth1"),
             "B still knows the neighbour")
        delta = Delta(h3, port)
        with Rx(h3.vnode(f"m3/{h3.name}"), "m3", direction="in") as tap, Rx(right, "u0") as rx:
            send(topo.outside["left"], "u0", topo.user_frame("left", "right", 31, v6=v6), 10, 1)
            wait_for(f"{'v6' if v6 else 'v4'}: B to resolve its neighbour",
                     lambda d=delta: d.get()["proxied"], 4)
            seen = tap.stop(0.5)["streams"].get("31", {}).get("received", 0)
            outside = rx.stream(31)["received"]
        need(seen == 1, f"{address}: the tap saw the packet {seen} times")
        need(outside == 1, f"{address}: outside it was seen {outside} times, by production alone 1")
    return "v4 and v6"
