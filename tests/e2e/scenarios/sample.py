# SPDX-License-Identifier: GPL-2.0-only
"""How much a monitor gets: samples, snap lengths and budgets, each against what was sent."""
from lib import capture
from lib.account import all_came, session_counters
from lib.one import One
from lib.shell import need
from lib.tap import scenario
from lib.traffic import Rx, Tx, received, send_gently
from scenarios.fidelity import of_stream, same_lists
from scenarios.gate import sent_times

MILLION = 1_000_000
SHARE = 0.05


class Sink:
    """Drops the test's packets at a device, before any stack, and counts them."""

    def __init__(self, net, dev):
        self.net, self.dev = net, dev
        net.run("nft", f"add table netdev sink_{dev}; add chain netdev sink_{dev} c "
                f"{{ type filter hook ingress device {dev} priority 0 ; }}; "
                f"add rule netdev sink_{dev} c udp dport 7000 counter drop")

    def packets(self):
        text = self.net.out("nft", "list", "table", "netdev", f"sink_{self.dev}")
        return int(text.split("packets")[1].split()[0])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.net.run("nft", "delete", "table", "netdev", f"sink_{self.dev}", check=False)


def near(what, value, want):
    need(abs(value - want) <= SHARE * want, f"{what}: {value:.0f}, not {want:.0f} ± {SHARE:.0%}")


@scenario("sample: 1 in 100 and 1 in 256 of a million packets", One)
def packets(topo):
    host, left, right = topo.hosts[0], topo.outside["left"], topo.outside["right"]
    path = f"{topo.folders['base']}/s256.pcapng"
    # Each packet is met twice, where it enters and where it leaves: two million draws.
    both = ("--of", "A", "--filter", "udp dst port 7000")
    host.svnet("monitor", "start", "s100", *both, "--sample", "packets/100", "--to", "M:s100")
    host.svnet("monitor", "start", "s256", *both, "--sample", "packets/256", "--to", "ring")
    before = received(host.vnode(f"M/{host.name}"), "s100")
    with Sink(right, "u0") as sink, capture.Capture(host, "s256", path) as capturing:
        with Tx(left, "u0", topo.user_frame("left", "right", 1), 200_000, MILLION, fifo=True,
                cpu=1) as tx:
            sent = tx.wait()
        capturing.stop()
        need(sent["sent"] == MILLION == sink.packets(),
             f"{sent['sent']} sent, {sink.packets()} carried by production")
    came = {"s100": all_came(host, "s100", f"M/{host.name}", "s100", before),
            "s256": len(capture.Pcapng(path).packets)}
    for name, n in (("s100", 100), ("s256", 256)):
        c = session_counters(host, name)
        need(c["matched"] == 2 * MILLION, f"{name}: {c['matched']} matched of two million")
        need(c["matched"] == c["copied"] + c["shed-sample"], f"{name}: shed for other reasons: {c}")
        near(f"{name} copied", c["copied"], 2 * MILLION / n)
    need(came["s256"] == session_counters(host, "s256")["copied"], f"{came['s256']} records in the file")
    return f"{came['s100']} of 20000 came to an interface, {came['s256']} of 7812 to a ring; " \
           f"{sent['sent'] / sent['elapsed']:.0f} packets a second offered"


# ---- snap ------------------------------------------------------------------------------------------


@scenario("sample: a snap length keeps the head and tells the length", One)
def snap(topo):
    host, left, right = topo.hosts[0], topo.outside["left"], topo.outside["right"]
    path = f"{topo.folders['base']}/snap.pcapng"
    here = ("--of", "A", "--at", "entry", "--direction", "in")
    host.svnet("monitor", "start", "cut", *here, "--snap", "128", "--to", "M:cut")
    host.svnet("monitor", "start", "deep", *here, "--snap", "600", "--to", "M:deep")
    host.svnet("monitor", "start", "whole", *here, "--to", "M:whole")
    host.svnet("monitor", "start", "ring", *here, "--snap", "128", "--to", "ring")
    moni = host.vnode(f"M/{host.name}")
    rx = {name: Rx(moni, name, write=True, marked=True) for name in ("cut", "deep", "whole")}
    rx["sent"] = Rx(left, "u0", "out", write=True, marked=True)
    rx["production"] = Rx(right, "u0", write=True, marked=True)
    sizes = (60, 100, 127, 128, 129, 500, 601, 1514)
    streams = [(10 * size + v6, size, v6) for size in sizes for v6 in (False, True) if size >= 80
               or not v6]
    with capture.Capture(host, "ring", path) as capturing:
        for stream, size, v6 in streams:
            send_gently(left, "u0", topo.user_frame("left", "right", stream, size=size, v6=v6), 1000,
                        100, [(moni, name, 1) for name in ("cut", "deep", "whole")])
        for sniffer in rx.values():
            sniffer.stop(0.3)
        capturing.stop()
    ring = [p for p in capture.Pcapng(path).packets if b"SvT1" in p.data]
    for stream, size, _ in streams:
        want = of_stream(rx["sent"], stream)
        need(len(want) == 100 and {len(f) for f in want} == {size}, f"{len(want)} of {size} bytes sent")
        for name, keep in (("cut", 128), ("deep", 600), ("whole", 9999)):
            same_lists(f"{size} bytes, the first {keep} at {name}", [f[:keep] for f in want],
                       of_stream(rx[name], stream))
        tag = b"SvT1" + stream.to_bytes(2, "big")
        mine = [p for p in ring if tag in p.data]
        same_lists(f"{size} bytes, the first 128 in the ring", [f[:128] for f in want],
                   [p.data for p in mine])
        need({p.length for p in mine} == {size}, f"{size} bytes: the file says "
             f"{sorted({p.length for p in mine})}")
        need(len(of_stream(rx["production"], stream)) == 100, "production lost some")
        need({len(f) for f in of_stream(rx["production"], stream)} == {size}, "production was cut")
    lines = capture.tshark(path, "-T", "fields", "-e", "frame.len", "-e", "frame.cap_len")
    need(all(int(cap) == min(int(length), 128) for length, cap in map(str.split, lines)),
         "tshark sees other lengths")
    sums = rx["production"].report["csum"]
    need(not sums["bad"] and not sums["partial"], f"production's checksums: {sums}")
    return f"{len(streams)} streams of 100"


# ---- budgets ---------------------------------------------------------------------------------------


def steady_rate(copies):
    """Copies a second while packets came without a break: what a sender that was stopped for a moment did
    not send, no budget can let through. The burst at the beginning is left out."""
    times = sorted(sent_times([p.data for p in copies], 1).values())
    n, seconds, start = 0, 0, 0
    for i in range(1, len(times) + 1):
        if i < len(times) and times[i] - times[i - 1] < 5e6:
            continue
        inner = [t for t in times[start:i] if t >= times[start] + 5e7]
        if len(inner) > 1 and inner[-1] - inner[0] > 2e8:
            n, seconds = n + len(inner) - 1, seconds + (inner[-1] - inner[0]) / 1e9
        start = i
    need(seconds > 1, f"the sender was never left alone for long enough ({seconds:.2f} s)")
    return n / seconds


@scenario("sample: a budget in packets and one in bits, far below what comes", One)
def budget(topo):
    """Into the VNode and no further, so that a small machine can be offered 200,000 a second; and into
    rings, since a monitor's interface is shed first when the machine is short of CPUs."""
    host, left = topo.hosts[0], topo.outside["left"]
    size, names = 100, ("pps", "bits")
    here = ("--of", "A", "--at", "entry", "--direction", "in", "--filter", "udp dst port 7000", "--to",
            "ring")
    host.svnet("monitor", "start", "pps", *here, "--budget", "10000pps")
    host.svnet("monitor", "start", "bits", *here, "--budget", "5mbit")
    paths = {name: f"{topo.folders['base']}/{name}.pcapng" for name in names}
    with capture.Capture(host, "pps", paths["pps"]) as pps, \
            capture.Capture(host, "bits", paths["bits"]) as bits, \
            Sink(host.vnode("A/r1"), "eth0") as sink:
        with Tx(left, "u0", topo.user_frame("left", "right", 1, size=size), 200_000, seconds=3,
                fifo=True, cpu=1) as tx:
            sent = tx.wait()
        carried = sink.packets()
        for capturing in (pps, bits):
            need(capturing.stop()["lost"] == 0, "the reader was too slow")
    offered = sent["sent"] / sent["elapsed"]
    need(carried == sent["sent"], f"{sent['sent']} sent, production carried {carried}")
    need(offered > 30_000, f"the machine could only offer {offered:.0f} a second: nothing is shown")
    copies = {name: capture.Pcapng(paths[name]).packets for name in names}
    came = {}
    for name, rate in (("pps", 10_000), ("bits", 5_000_000 / 8 / size)):
        c = session_counters(host, name)
        need(c["matched"] == sent["sent"], f"{name}: {c['matched']} of {sent['sent']} matched")
        need(c["matched"] == c["copied"] + c["shed-budget"] and c["shed-budget"] > 0,
             f"{name}: shed for other reasons: {c}")
        need(len(copies[name]) == c["copied"], f"{name}: {len(copies[name])} came: {c}")
        came[name] = steady_rate(copies[name])
        near(f"{name}, copies a second", came[name], rate)
    need(any(e["type"] == "budget" for e in host.status()["events"]), "nobody was told")
    return f"{offered:.0f} a second offered, {came['pps']:.0f} and {came['bits']:.0f} copied"
