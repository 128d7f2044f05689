# SPDX-License-Identifier: GPL-2.0-only
"""Two VNets on the same devices: no frame of one on the other's VLAN."""
import struct

from lib.shell import need
from lib.tap import scenario
from lib.topo import Three, chain
from lib.traffic import Rx, Tx, send_gently, udp

VLAN_C = 30
COUNT = 6400


class Tapped(Three):
    """A and C over the same edges and trunks; the trunks can be watched from the middle."""

    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath)
        c = chain(prefix, 40, datapath)
        for edge in c["edges"].values():
            edge["vlan"] = VLAN_C
        self.base_network["vnets"]["C"] = c
        self.base_network["groups"]["cafe"] = {"production": "C"}

    def make_trunks(self, mtu):
        h1, h2, h3 = self.hosts
        return [self.tapped_trunk(h1, "t12", h2, "t21", mtu),
                self.tapped_trunk(h2, "t23", h3, "t32", mtu)]


def c_frames(topo):
    """A tagged frame for C's way from left to right. Nobody outside speaks 802.1Q: the neighbours
    are told by hand."""
    h1, h3 = topo.hosts[0], topo.hosts[2]
    r3 = h3.vnode("C/r3")
    r3.run("ip", "neigh", "replace", "10.43.0.100", "lladdr", topo.outside["right"].mac("u0"), "dev",
           "eth1")
    mac = h1.vnode("C/r1").mac("eth0")
    return udp(mac, topo.outside["left"].mac("u0"), "10.41.0.100", "10.43.0.100", 2, size=200,
               vlan=VLAN_C)


def vlan_of(frame):
    """(VID or None, EtherType behind)"""
    if frame[12:14] == b"\x81\x00":
        return struct.unpack("!H", frame[14:16])[0] & 0xfff
    return None


def stream_of(frame):
    at = frame.find(b"SvT1")
    return struct.unpack("!H", frame[at + 4:at + 6])[0] if at >= 0 else None


def probe_of(frame):
    """The time a frame was sent: its name and its order."""
    at = frame.find(b"SvT1")
    return frame[at + 10:at + 18]


def vlan_on(host, port, vnet):
    vlans = [r["vlan"] for r in host.status()["attachments"]
             if r["port"] == port and r["vnet"] == vnet]
    need(len(vlans) == 1 and vlans[0], f"{vnet} has VLANs {vlans} on {host.name} {port}")
    return vlans[0]


@scenario("isolation: two VNets frame by frame over one trunk and into one monitor", Tapped)
def isolation(topo):
    h1, h2, h3 = topo.hosts
    h1.svnet("monitor", "start", "ma", "--of", "A", "--to", "Moni:tap", "--at", "entry",
             "--direction", "in")
    h1.svnet("monitor", "start", "mc", "--of", "C", "--to", "Moni:tap", "--at", "entry",
             "--direction", "in")
    vlans = [{vlan_on(h, p, v): v for v in ("A", "C")} for h, p in ((h2, "t21"), (h3, "t32"))]
    left, right = topo.outside["left"], topo.outside["right"]
    frames = [topo.user_frame("left", "right", 1, size=200), c_frames(topo)]
    rx = {"trunk 1-2": Rx(topo.mids[0], "w0", write=True, marked=True),
          "trunk 2-3": Rx(topo.mids[1], "w0", write=True, marked=True),
          "exit": Rx(right, "u0", write=True, marked=True),
          "monitor": Rx(h1.vnode(f"Moni/{h1.name}"), "tap", write=True, marked=True)}
    moni = h1.vnode(f"Moni/{h1.name}")
    send_gently(left, "u0", frames, 4000, COUNT, [(moni, "tap", 1), (right, "u0", 1)])
    for name, sniffer in rx.items():
        sniffer.stop(0.5)
        for stream in (1, 2):
            got = [probe_of(f) for f in sniffer.frames if stream_of(f) == stream]
            need(len(got) == COUNT // 2,
                 f"{name}: stream {stream} of {'AC'[stream - 1]}: {len(got)} of {COUNT // 2}")
            need(got == sorted(set(got)), f"{name}: stream {stream}: repeated or out of order")
    want = {"exit": {1: None, 2: VLAN_C}, "monitor": {1: None, 2: None}}
    for n, name in enumerate(("trunk 1-2", "trunk 2-3")):
        by_vnet = {vnet: vlan for vlan, vnet in vlans[n].items()}
        want[name] = {1: by_vnet["A"], 2: by_vnet["C"]}
    for name, sniffer in rx.items():
        wrong = [f for f in sniffer.frames if vlan_of(f) != want[name][stream_of(f)]]
        need(not wrong, f"{name}: {len(wrong)} of {len(sniffer.frames)} frames with another tag "
             f"than {want[name]}, first {wrong[0][:20].hex() if wrong else ''}")
    return f"{COUNT} frames, VLANs {[dict(v) for v in vlans]}"


@scenario("isolation: a frame with a foreign or no VLAN goes nowhere", Tapped)
def foreign(topo):
    """Onto the trunk from the middle: only what an attachment names gets any further."""
    h2 = topo.hosts[1]
    vlan = vlan_on(h2, "t21", "A")
    dst = h2.vnode("A/r2").mac("eth0")
    src = topo.hosts[0].vnode("A/r1").mac("eth1")

    def inject(tag, stream):
        return udp(dst, src, "10.1.0.100", "10.3.0.100", stream, size=200, vlan=tag)
    frames = [inject(vlan, 1), inject(vlan ^ 0x800, 2), inject(None, 3), inject(0, 4)]
    q_in_q = bytearray(inject(vlan, 5))
    q_in_q[12:14] = b"\x88\xa8"
    frames.append(bytes(q_in_q))
    with Rx(topo.outside["right"], "u0") as rx, Rx(h2.vnode("A/r2"), "eth0") as inside, \
            Tx(topo.mids[0], "w1", frames, 2000, 500) as tx:
        tx.wait()
        for sniffer in (rx, inside):
            sniffer.stop()
            need(sniffer.stream(1)["unique"] == 100, f"A's own: {sniffer.stream(1)}")
            for stream in (2, 3, 4, 5):
                need(not sniffer.stream(stream)["received"],
                     f"{sniffer.where}: {sniffer.stream(stream)['received']} of stream {stream}")
