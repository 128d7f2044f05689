# SPDX-License-Identifier: GPL-2.0-only
"""Copies to remote collectors, by VXLAN and ERSPAN: what arrives decodes to what was sent."""
import json
import os
import struct
import tempfile
import time

from lib import netns
from lib.account import session_counters
from lib.one import One
from lib.shell import need, out, wait_for
from lib.tap import scenario
from lib.tcp import tcp_transfer
from lib.traffic import MAGIC, Production, Rx, Tcpdump, digest, marked, send_gently, udp

HERE, THERE = "10.99.0.1", "10.99.0.2"
OUTER = 50
VXLAN, ERSPAN = f"vxlan:{THERE}/77", f"erspan:{THERE}/345"


class Collector(One):
    """A management network beside the ports, and a collector on it: mg0 of the host, c0 of the other."""

    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath)
        host = self.hosts[0].net
        self.collector = self.namespace(f"{prefix}oc")
        netns.veth(host, "mg0", self.collector, "c0", 1600)
        host.run("ip", "address", "add", f"{HERE}/24", "dev", "mg0")
        self.collector.run("ip", "address", "add", f"{THERE}/24", "dev", "c0")
        for net, dev in ((host, "mg0"), (self.collector, "c0")):
            net.run("sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1")
            net.run("ip", "link", "set", dev, "up")
        # It listens, and answers nobody.
        self.collector.run("nft", "add table ip t; add chain ip t in { type filter hook input priority"
                           " 0 ; }; add rule ip t in udp dport 4789 drop; add rule ip t in ip protocol"
                           " gre drop")

    def start(self, name, *args):
        self.hosts[0].svnet("monitor", "start", name, "--of", "A", *args)

    def sniff(self):
        """What comes to the collector, outer headers and all."""
        return Tcpdump(self.collector, "c0", f"src host {HERE} and (udp port 4789 or ip proto 47)",
                       "in")


# ---- decoding ------------------------------------------------------------------------------------


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def tshark(frames, *fields, options=()):
    """What tshark makes of frames: for each where its inner Ethernet begins, and the fields."""
    fd, path = tempfile.mkstemp(suffix=".pcap")
    os.close(fd)
    os.chmod(path, 0o666)
    write_pcap(path, frames)
    wanted = ("frame.protocols", "_ws.malformed", "ip.checksum.status") + fields
    try:
        text = out("tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=;",
                   *[a for o in ("ip.check_checksum:TRUE", *options) for a in ("-o", o)], *[a for f in wanted for a in ("-e", f)])
        raw = json.loads(out("tshark", "-n", "-r", path, "-T", "json", "-x", "--no-duplicate-keys",
                             "-j", "eth"))
    finally:
        os.unlink(path)
    rows = [dict(zip(wanted, line.split(";"))) for line in text.splitlines()]
    need(len(rows) == len(raw) == len(frames), f"tshark read {len(rows)} of {len(frames)} packets")
    for row, packet in zip(rows, raw):
        eth = packet["_source"]["layers"]["eth_raw"]
        need(isinstance(eth[0], list) and len(eth) == 2, f"no Ethernet inside: {row}")
        row["at"] = eth[1][1]
    return rows


def check_outer(row, kind, whole):
    protocols = "eth:ethertype:ip:udp:vxlan:eth" if kind == "vxlan" else "eth:ethertype:ip:gre:erspan:eth"
    need(row["frame.protocols"].startswith(protocols), f"tshark takes it for {row}")
    need(not whole or not row["_ws.malformed"], f"malformed: {row}")
    need(row["ip.checksum.status"].split(",")[0] == "1", f"the outer IP checksum is wrong: {row}")
    need(row["at"] == OUTER, f"the copy begins at {row['at']}")


def decode(frames, kind, *fields, whole=True):
    """The copies in marked packets, byte for byte, with the rows of fields. Not whole: tshark misses
    the end of what is inside."""
    frames = [f for f in frames if marked(f[OUTER:])]
    rows = tshark(frames, *fields)
    for row in rows:
        check_outer(row, kind, whole)
    return [f[row["at"]:] for f, row in zip(frames, rows)], rows


def same(what, want, got):
    need(len(want) == len(got), f"{what}: {len(got)} copies of {len(want)} frames")
    for n, (a, b) in enumerate(zip(want, got)):
        need(digest(a) == digest(b), f"{what}: frame {n}: {a[:80].hex()} became {b[:80].hex()}")


def check_fields(what, rows, **fields):
    for name, value in fields.items():
        name = name.replace("_", ".", 1)
        seen = {row[name] for row in rows}
        need(seen == {value}, f"{what}: {name} is {seen} instead of {value}")


def check_sequence(what, packets):
    """Of all packets: what devices say of their own accord is copied and counted too. In any order: the thread that
    sends them may be moved to another CPU, and what still waits on the old one comes later."""
    numbers = sorted(int.from_bytes(packet[38:42], "big") for packet in packets)
    wrong = [(a, b) for a, b in zip(numbers, numbers[1:]) if b != a + 1]
    need(numbers and not wrong, f"{what}: of {len(numbers)} GRE sequence numbers these are neighbours: {wrong[:10]}")


# ---- traffic -------------------------------------------------------------------------------------


def tagged(frame, *tags):
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


def from_outside(topo):
    """Sizes and families, and tags that are the sender's own business."""
    frames = [topo.user_frame("left", "right", 1, size=n) for n in (60, 61, 300, 1514)]
    frames += [topo.user_frame("left", "right", 2, size=n, v6=True) for n in (100, 1514)]
    plain = topo.user_frame("left", "right", 3, size=200)
    frames += [tagged(plain, (0x88a8, 5)), tagged(plain, (0x8100, 0xe000)),
               tagged(plain, (0x88a8, 5), (0x8100, 6))]
    return frames


def from_inside(topo):
    """A VNode's interface may carry any tags."""
    net = topo.hosts[0].vnode("A/r1")
    plain = udp("02:00:00:00:99:99", net.mac("eth1"), "10.3.0.1", "10.3.0.100", 4, size=200)
    return [plain, tagged(plain, (0x8100, 7)), tagged(plain, (0x8100, 0xe007), (0x8100, 8)),
            tagged(plain, (0x88a8, 7), (0x8100, 8)), tagged(plain, (0x8100, 1), (0x8100, 2), (0x8100, 3))]


def exported(topo, name):
    """The counters of the export port of a session."""
    host = topo.hosts[0]
    number = next(s["number"] for s in host.status()["sessions"] if s["name"] == name)
    for port in host.status()["ports"]:
        if port["name"] == f"svy{number}":
            return port["counters"]
    return None


def check_sums(topo, name):
    """All that the session copied went to the collector, or is counted with its reason. What the pair
    had no room for while its thread was kept from a CPU is the device's to count."""
    host = topo.hosts[0]
    device = f"svx{number_of(host, name)}"

    def closed():
        gone = sum(v for k, v in exported(topo, name).items() if k.startswith("export"))
        stats = json.loads(host.net.out("ip", "-j", "-s", "link", "show", "dev", device))[0]["stats64"]
        return session_counters(host, name)["copied"] == gone + stats["tx"]["dropped"]
    wait_for(f"the sums of {name} to close", closed, 3)


def number_of(host, name):
    return next(s["number"] for s in host.status()["sessions"] if s["name"] == name)


def send_and_sniff(topo, net, dev, frames, count):
    """(what was sent, what came to the collector)"""
    with Rx(net, dev, "out", write=True, marked=True) as sent:
        sniffer = topo.sniff()
        send_gently(net, dev, frames, 1000, count * len(frames), [(topo.collector, "c0", 1)])
        packets = sniffer.stop()
        sent.stop()
    return sent.frames, packets


# ---- scenarios -----------------------------------------------------------------------------------


@scenario("export: VXLAN copies decode to what was sent, tags and all", Collector)
def vxlan(topo):
    topo.start("in", "--at", "entry", "--direction", "in", "--to", VXLAN)
    sent, packets = send_and_sniff(topo, topo.outside["left"], "u0", from_outside(topo), 20)
    copies, rows = decode(packets, "vxlan", "vxlan.vni", "ip.src", "ip.dst", "ip.flags.df", "ip.ttl",
                          "udp.dstport", "udp.srcport", "udp.checksum")
    same("from outside", sent, copies)
    check_fields("VXLAN", rows, vxlan_vni="77")
    for row in rows:
        first = {k: v.split(",")[0] for k, v in row.items() if k != "at"}
        need((first["ip.src"], first["ip.dst"], first["udp.dstport"]) == (HERE, THERE, "4789"),
             f"outer addresses: {row}")
        need(first["ip.flags.df"] in ("1", "True") and int(first["udp.checksum"], 0) == 0,
             f"outer headers: {row}")
        need(int(first["udp.srcport"]) >= 49152, f"source port: {row}")
    check_sums(topo, "in")
    topo.hosts[0].svnet("monitor", "stop", "in")
    topo.start("out", "--at", "r1:eth1", "--direction", "out", "--to", VXLAN)
    sent, packets = send_and_sniff(topo, topo.hosts[0].vnode("A/r1"), "eth1", from_inside(topo), 20)
    copies, _ = decode(packets, "vxlan")
    same("from a VNode", sent, copies)
    check_sums(topo, "out")
    return f"{len(rows)} and {len(copies)} packets"


@scenario("export: ERSPAN copies decode to what was sent, in sequence", Collector)
def erspan(topo):
    topo.start("in", "--at", "entry", "--direction", "in", "--to", ERSPAN)
    fields = ("erspan.version", "erspan.spanid", "erspan.vlan",
              "erspan.truncated", "erspan.encap")
    sent, packets = send_and_sniff(topo, topo.outside["left"], "u0", from_outside(topo), 20)
    copies, rows = decode(packets, "erspan", *fields)
    same("from outside", sent, copies)
    check_fields("ERSPAN", rows, erspan_version="1", erspan_spanid="345", erspan_vlan="0",
                 erspan_truncated="0")
    for row, copy in zip(rows, copies):
        tag = copy[12:14] in (b"\x81\x00", b"\x88\xa8")
        need(int(row["erspan.encap"]) == (3 if tag else 0), f"encapsulation type: {row}")
    check_sequence("from outside", packets)
    check_sums(topo, "in")
    topo.hosts[0].svnet("monitor", "stop", "in")
    topo.start("out", "--at", "r1:eth1", "--direction", "out", "--to", ERSPAN)
    sent, packets = send_and_sniff(topo, topo.hosts[0].vnode("A/r1"), "eth1", from_inside(topo), 20)
    copies, _ = decode(packets, "erspan")
    same("from a VNode", sent, copies)
    check_sequence("from a VNode", packets)
    check_sums(topo, "out")
    return f"{len(copies)} packets"


def stream_of(frame):
    at = frame.find(MAGIC)
    return int.from_bytes(frame[at + 4:at + 6], "big") if at >= 0 else 0


@scenario("export: a snap length cuts copies, and ERSPAN says so", Collector)
def snap(topo):
    frames = [topo.user_frame("left", "right", 11, size=n) for n in (60, 127, 128, 129, 1514)]
    for kind, to in (("vxlan", VXLAN), ("erspan", ERSPAN)):
        topo.start("cut", "--at", "entry", "--direction", "in", "--snap", 128, "--to", to)
        with Production(topo, rate=500) as production:
            sent, packets = send_and_sniff(topo, topo.outside["left"], "u0", frames, 20)
            production.check("beside a session with a snap length")
        sent = [f for f in sent if stream_of(f) == 11]
        copies, rows = decode([p for p in packets if stream_of(p) == 11], kind, "erspan.truncated",
                              whole=False)
        same(f"snap, {kind}", [f[:128] for f in sent], copies)
        for frame, row in zip(sent, rows):
            need(kind == "vxlan" or int(row["erspan.truncated"]) == (len(frame) > 128),
                 f"{len(frame)} bytes: {row}")
        check_sums(topo, "cut")
        topo.hosts[0].svnet("monitor", "stop", "cut")


@scenario("export: every copy arrives while the agent is killed and comes back", Collector)
def agent_away(topo):
    host = topo.hosts[0]
    topo.start("all", "--at", "entry", "--to", ERSPAN)
    with Production(topo, rate=1000) as production:
        sniffer = topo.sniff()
        for _ in range(3):
            time.sleep(0.7)
            host.kill()
            time.sleep(0.7)
            host.start()
        time.sleep(1.5)
        packets = sniffer.stop()
        sent = production.check("beside a session with a collector")
    check_sequence("with the agent away", packets)
    need(len(packets) > 1000, f"{sent} sent, only {len(packets)} copies came")
    check_sums(topo, "all")
    return f"{len(packets)} copies in sequence beside {sent} frames"


def refused(topo, what, *words, to=VXLAN):
    """A session that cannot be is refused with these words, and nothing is left of it."""
    host = topo.hosts[0]
    code, _, text = host.try_svnet("monitor", "start", "no", "--of", "A", "--at", "entry", "--to", to)
    try:
        need(code == 1, f"{what}: exit {code}: {text}")
        for word in words:
            need(word in text, f"{what}: the message does not say {word}: {text}")
        need("svx" not in host.net.out("ip", "-br", "link"), f"{what}: there is a pair all the same")
    finally:
        host.try_svnet("monitor", "stop", "no")
    wait_for("the host to be without errors", lambda: not host.status()["errors"], 20)


@scenario("export: what cannot reach its collector is refused when it is made", Collector, ("xdp",))
def refusals(topo):
    host = topo.hosts[0].net
    refused(topo, "no route", "no route", "10.98.0.1", to="vxlan:10.98.0.1")
    host.run("ip", "link", "set", "mg0", "mtu", "1500")
    refused(topo, "an MTU too small", "1550", "1500", "mg0", "--snap 1464")
    topo.start("fits", "--at", "entry", "--snap", 1464, "--to", VXLAN)
    topo.hosts[0].svnet("monitor", "stop", "fits")
    topo.hosts[0].try_svnet("monitor", "start", "waits", "--of", "A", "--at", "entry", "--to", VXLAN)
    host.run("ip", "link", "set", "mg0", "mtu", "1600")
    wait_for("what was refused to begin by itself", lambda: exported(topo, "waits"), 40)
    topo.hosts[0].svnet("monitor", "stop", "waits")
    host.run("ip", "address", "add", "10.77.0.1/24", "dev", "e1")
    refused(topo, "an edge", "10.77.0.9", "e1", "edge", to="vxlan:10.77.0.9")
    host.run("ip", "link", "add", "mv0", "link", "e1", "type", "macvlan")
    host.run("ip", "link", "set", "mv0", "up")
    host.run("ip", "address", "add", "10.78.0.1/24", "dev", "mv0")
    refused(topo, "an edge below", "10.78.0.9", "mv0", "e1", "edge", to="vxlan:10.78.0.9")
    host.run("ip", "link", "del", "mv0")
    host.run("ip", "address", "del", "10.77.0.1/24", "dev", "e1")


@scenario("export: a route that turns to an edge carries nothing, and back again all", Collector)
def edge(topo):
    host = topo.hosts[0].net
    topo.start("m", "--at", "entry", "--to", VXLAN)
    with Production(topo, rate=500) as production:
        time.sleep(0.5)
        outside = Tcpdump(topo.outside["left"], "u0", f"host {THERE} or port 4789", "in")
        before = exported(topo, "m")
        host.run("ip", "route", "add", THERE, "dev", "e1", "src", HERE)
        host.run("ip", "neigh", "add", THERE, "lladdr", topo.outside["left"].mac("u0"), "dev", "e1")
        time.sleep(1.5)
        host.run("ip", "route", "del", THERE, "dev", "e1")
        escaped = outside.stop()
        kept = exported(topo, "m")
        need(not [f for f in escaped if f[12:14] == b"\x08\x00"],
             f"{len(escaped)} packets to the collector left by the edge")
        held = {k: kept[k] - before[k] for k in ("export-edge", "export-route")}
        need(held["export-edge"] > 0 and sum(held.values()) > 100, f"kept in: {held}")
        sniffer = topo.sniff()
        wait_for("copies to flow again",
                 lambda: exported(topo, "m")["exported"] > kept["exported"] + 100, 10)
        need(sniffer.stop(), "nothing came to the collector")
        production.check("while the route turned")
    check_sums(topo, "m")
    return f"kept in {held}"


def nice_of(name):
    """Of the kernel's thread that does a device's receive work; None: there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                if not f.read().startswith(f"napi/{name}-"):
                    continue
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                return int(f.read().rpartition(")")[2].split()[16])
        except OSError:
            continue
    return None


@scenario("export: a pair that is deleted by hand is made again, and its work is nobody's burden", Collector)
def deleted(topo):
    host = topo.hosts[0]
    topo.start("m", "--at", "entry", "--to", ERSPAN)
    pair = number_of(host, "m")
    wait_for("its receive work to be a thread of low weight", lambda: nice_of(f"svy{pair}") == 19, 5)
    with Production(topo, rate=500) as production:
        wait_for("copies", lambda: exported(topo, "m")["exported"] > 100, 5)
        host.net.run("ip", "link", "del", f"svx{pair}")
        wait_for("copies to flow again",
                 lambda: (exported(topo, "m") or {"exported": 0})["exported"] > 100, 10)
        sniffer = topo.sniff()
        time.sleep(0.5)
        packets = sniffer.stop()
        production.check("while the pair was deleted")
    decode(packets, "erspan")
    check_sequence("after it was made again", packets)
    wait_for("its receive work to be a thread again", lambda: nice_of(f"svy{pair}") == 19, 5)
    need(not host.status()["errors"], f"errors: {host.status()['errors']}")
    done = host.purge()
    need(done.returncode == 0, f"purge: {done.stderr}")
    need("svx" not in host.net.out("ip", "-br", "link"), "the pair outlives the host's purge")
    host.start()
    wait_for("the pair to be made after the host was", lambda: exported(topo, "m"), 20)


@scenario("export: TCP of a VNode's own and through it comes in packets whose checksums hold", Collector)
def tcp(topo):
    left, right = topo.outside["left"], topo.outside["right"]
    r1 = topo.hosts[0].vnode("A/r1")
    topo.start("m", "--at", "r1:eth1", "--direction", "out", "--to", VXLAN)
    sniffer = topo.sniff()
    tcp_transfer(r1, right, ["10.3.0.100"], 400_000)
    tcp_transfer(left, right, ["10.3.0.100", "fd00:3::100"], 400_000)
    packets = sniffer.stop(1)
    packets = [p for p in packets if is_tcp(p[OUTER:])]
    need(max(map(len, packets)) == OUTER + 1514, f"longest packet: {max(map(len, packets))}")
    rows = tshark(packets, "tcp.checksum.status", "tcp.len", options=("tcp.check_checksum:TRUE",))
    for row in rows:
        check_outer(row, "vxlan", True)
    bad = [row for row in rows if row["tcp.checksum.status"] != "1"]
    need(not bad, f"{len(bad)} of {len(rows)} with a wrong checksum: {bad[:2]}")
    payload = sum(int(row["tcp.len"]) for row in rows)
    need(payload >= 400_000, f"copies of {payload} bytes of 1,200,000")
    check_sums(topo, "m")
    return f"{len(rows)} packets"


def is_tcp(frame):
    return (frame[12:14], frame[23:24]) == (b"\x08\x00", b"\x06") or \
        (frame[12:14], frame[20:21]) == (b"\x86\xdd", b"\x06")


@scenario("export: a collector that comes back gets copies by itself", Collector)
def comes_back(topo):
    host, collector = topo.hosts[0].net, topo.collector
    collector.run("ip", "address", "del", f"{THERE}/24", "dev", "c0")
    host.run("ip", "neigh", "flush", "dev", "mg0")
    topo.start("m", "--at", "entry", "--to", VXLAN)
    with Production(topo, rate=500) as production:
        wait_for("copies without a next hop", lambda: exported(topo, "m")["export-neigh"] > 100, 10)
        need(exported(topo, "m")["exported"] == 0, "copies were sent to nobody")
        sniffer = topo.sniff()
        collector.run("ip", "address", "add", f"{THERE}/24", "dev", "c0")
        begin = time.monotonic()
        wait_for("copies to flow", lambda: exported(topo, "m")["exported"] > 0, 6)
        took = time.monotonic() - begin
        need(sniffer.stop(1), "nothing came to the collector")
        production.check("while the collector was away")
    check_sums(topo, "m")
    topo.hosts[0].svnet("monitor", "stop", "m")
    need("svx" not in host.out("ip", "-br", "link"), "the pair is still there")
    return f"after {took:.1f} s"
