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
from lib.traffic import (Production, Rx, Tcpdump, Tx, digest, mac_bytes, marked, send, send_gently,
                         udp)

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


def tshark(frames, *fields):
    """What tshark makes of frames: for each where its inner Ethernet begins, and the fields."""
    fd, path = tempfile.mkstemp(suffix=".pcap")
    os.close(fd)
    os.chmod(path, 0o666)
    write_pcap(path, frames)
    wanted = ("frame.protocols", "_ws.malformed", "ip.checksum.status") + fields
    try:
        text = out("tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-T", "fields",
                   "-E", "separator=;", *[a for f in wanted for a in ("-e", f)])
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


def check_outer(row, kind):
    protocols = "eth:ethertype:ip:udp:vxlan:eth" if kind == "vxlan" else "eth:ethertype:ip:gre:erspan:eth"
    need(row["frame.protocols"].startswith(protocols), f"tshark takes it for {row}")
    need(not row["_ws.malformed"], f"malformed: {row}")
    need(row["ip.checksum.status"].split(",")[0] == "1", f"the outer IP checksum is wrong: {row}")
    need(row["at"] == OUTER, f"the copy begins at {row['at']}")


def decode(frames, kind, *fields):
    """The copies in marked packets, byte for byte, with the rows of fields."""
    frames = [f for f in frames if marked(f[OUTER:])]
    rows = tshark(frames, *fields)
    for row in rows:
        check_outer(row, kind)
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


def check_sequence(what, rows):
    numbers = [int(row["gre.sequence_number"], 0) for row in rows]
    need(numbers == list(range(numbers[0], numbers[0] + len(numbers))),
         f"{what}: GRE sequence {numbers[:20]} …")


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
    """All that the session copied went to the collector, or is counted with its reason."""
    def closed():
        host = topo.hosts[0]
        port = exported(topo, name)
        outer = next(p["counters"] for p in host.status()["ports"]
                     if p["name"] == f"svx{number_of(host, name)}")
        copied = session_counters(host, name)["copied"]
        gone = sum(v for k, v in port.items() if k.startswith("export"))
        return copied == gone + outer["xdp-lost"] or None
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
    fields = ("gre.sequence_number", "erspan.version", "erspan.spanid", "erspan.vlan",
              "erspan.truncated", "erspan.encap")
    sent, packets = send_and_sniff(topo, topo.outside["left"], "u0", from_outside(topo), 20)
    copies, rows = decode(packets, "erspan", *fields)
    same("from outside", sent, copies)
    check_fields("ERSPAN", rows, erspan_version="1", erspan_spanid="345", erspan_vlan="0",
                 erspan_truncated="0")
    for row, copy in zip(rows, copies):
        tag = copy[12:14] in (b"\x81\x00", b"\x88\xa8")
        need(int(row["erspan.encap"]) == (3 if tag else 0), f"encapsulation type: {row}")
    check_sums(topo, "in")
    topo.hosts[0].svnet("monitor", "stop", "in")
    topo.start("out", "--at", "r1:eth1", "--direction", "out", "--to", ERSPAN)
    sent, packets = send_and_sniff(topo, topo.hosts[0].vnode("A/r1"), "eth1", from_inside(topo), 20)
    copies, rows = decode(packets, "erspan", *fields)
    same("from a VNode", sent, copies)
    check_sequence("from a VNode", rows)
    check_sums(topo, "out")
    return f"{len(copies)} packets"
