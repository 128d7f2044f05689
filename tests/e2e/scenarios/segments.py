# SPDX-License-Identifier: GPL-2.0-only
"""Every shape of segment: many members, neighbours on one host, edges elsewhere, hosts passed by."""
import time

from lib.shell import need, wait_for
from lib.tap import scenario
from lib.topo import Topo
from lib.traffic import Rx, send, udp


class Segments(Topo):
    """Hosts 1 - 2 - 3; VNet S has one segment of each shape.

    lan   a (1), b (1), c (2)       many members: MAC addresses are learned
    pair  a (1), b (1)              both on one host: switched directly
    far   a (1), d (3)              host 2 is only passed
    away  port e1 of 1, VNode c (2) the edge on another host than its VNode
    shop  port e2 of 1, VLAN 30, VNodes a and b (1): a tagged edge with two members
    """

    def __init__(self, prefix, datapath):
        super().__init__(prefix, 3)
        h1, h2, h3 = self.hosts
        self.datapath = datapath
        self.trunk(h1, "t12", h2, "t21")
        self.trunk(h2, "t23", h3, "t32")
        self.edge(h1, "e1", "away", ["10.4.0.100/24", "fd00:4::100/64"])
        self.edge(h1, "e2", "shop", ["10.5.0.100/24"])

        def node(host, **subnets):
            ifaces = {n: {"addresses": [f"10.{s}.0.{i}/24", f"fd00:{s}::{i}/64"]}
                      for n, (s, i) in subnets.items()}
            return {"host": host.name, "interfaces": ifaces}
        self.base_network = {
            "version": 1,
            "hosts": {
                h1.name: {"ports": {"e1": {"role": "edge"}, "e2": {"role": "edge"},
                                    "t12": {"role": "trunk"}}},
                h2.name: {"ports": {"t21": {"role": "trunk"}, "t23": {"role": "trunk"}}},
                h3.name: {"ports": {"t32": {"role": "trunk"}}},
            },
            "links": [[f"{h1.name}:t12", f"{h2.name}:t21"], [f"{h2.name}:t23", f"{h3.name}:t32"]],
            "vlans": {"from": 200, "to": 299},
            "vnets": {"S": {
                "datapath": datapath,
                "vnodes": {
                    "a": node(h1, lan=(1, 1), pair=(2, 1), far=(3, 1), shop=(5, 1)),
                    "b": node(h1, lan=(1, 2), pair=(2, 2), shop=(5, 2)),
                    "c": node(h2, lan=(1, 3), away=(4, 1)),
                    "d": node(h3, far=(3, 2)),
                },
                "links": {"lan": {"ends": ["a:lan", "b:lan", "c:lan"]},
                          "pair": {"ends": ["a:pair", "b:pair"]},
                          "far": {"ends": ["a:far", "d:far"]}},
                "edges": {"away": {"port": f"{h1.name}:e1", "ends": ["c:away"]},
                          "shop": {"port": f"{h1.name}:e2", "vlan": 30,
                                   "ends": ["a:shop", "b:shop"]}},
            }},
        }

    group_name = "S"

    def up(self):
        self.start_agents()
        self.apply(self.base_network)
        self.ready()

    def reset(self):
        self.ready()

    def vnode(self, name):
        host = {"a": 0, "b": 0, "c": 1, "d": 2}[name]
        return self.hosts[host].vnode(f"S/{name}")

    def pings(self):
        return [(self.outside["away"], "10.4.0.1"), (self.vnode("a"), "10.1.0.3")]


def ping(net, *addresses):
    for address in addresses:
        wait_for(f"{net.name} to reach {address}", lambda a=address: net.run(
            "ping", "-c1", "-W1", a, check=False).returncode == 0, 10, 0.1)
        net.run("ping", "-c10", "-i0.02", "-W2", address)


@scenario("segments: pairs on one host, over trunks, past a host, an edge elsewhere", Segments)
def reach(topo):
    a = topo.vnode("a")
    ping(a, "10.2.0.2", "fd00:2::2")
    ping(a, "10.3.0.2", "fd00:3::2")
    ping(topo.outside["away"], "10.4.0.1", "fd00:4::1")
    ping(topo.vnode("c"), "10.4.0.100")
    need(not any(r["segment"] == "S/away" and r["vnet"] != "S"
                 for r in topo.hosts[0].status()["attachments"]), "a segment of another VNet")


@scenario("segments: three members learn where a MAC is", Segments)
def learn(topo):
    a, b, c = (topo.vnode(n) for n in "abc")
    for net, others in ((a, "23"), (b, "13"), (c, "12")):
        ping(net, *[f"10.1.0.{n}" for n in others], *[f"fd00:1::{n}" for n in others])

    def marked_to(src, dst, n, dmac=None):
        return udp(dmac or dst.mac("lan"), src.mac("lan"), "10.1.0.9", "10.1.0.10", n)
    for src, dst, other, n in ((a, c, b, 1), (a, b, c, 2), (c, a, b, 3), (b, c, a, 4)):
        with Rx(dst, "lan") as rx, Rx(other, "lan") as bystander, Rx(src, "lan") as back:
            send(src, "lan", marked_to(src, dst, n), 1000, 100)
            need(rx.stream(n)["unique"] == 100, f"{src.name} to {dst.name}: {rx.stream(n)}")
            need(not rx.stream(n)["duplicated"], f"{rx.stream(n)['duplicated']} twice")
            need(not bystander.stream(n)["received"],
                 f"{other.name} got {bystander.stream(n)['received']} frames meant for {dst.name}")
            need(not back.stream(n)["received"], "frames came back")
    # What nobody has said yet, and broadcasts, go to everybody, once.
    for n, dmac in ((5, "ff:ff:ff:ff:ff:ff"), (6, "02:5e:aa:bb:cc:dd"), (7, "33:33:00:00:00:01")):
        with Rx(b, "lan") as rx_b, Rx(c, "lan") as rx_c, Rx(a, "lan") as back:
            send(a, "lan", marked_to(a, b, n, dmac), 1000, 100)
            for rx in (rx_b, rx_c):
                got = rx.stream(n)
                need(got["unique"] == got["received"] == 100, f"{dmac} at {rx.where}: {got}")
            need(not back.stream(n)["received"], f"{dmac} came back")


@scenario("segments: a MAC that moves is found again", Segments)
def move(topo):
    a, b, c = (topo.vnode(n) for n in "abc")
    mac = "02:5e:00:00:00:77"
    to_it = udp(mac, a.mac("lan"), "10.1.0.9", "10.1.0.10", 8)
    for at, other in ((b, c), (c, b), (b, c)):
        send(at, "lan", udp("ff:ff:ff:ff:ff:ff", mac, "10.1.0.7", "10.1.0.255", 9), 100, 2)
        time.sleep(0.05)
        with Rx(at, "lan") as rx, Rx(other, "lan") as bystander:
            send(a, "lan", to_it, 1000, 50)
            need(rx.stream(8)["unique"] == 50, f"not found at {at.name}: {rx.stream(8)}")
            need(not bystander.stream(8)["received"], f"still sent to {other.name}")


@scenario("segments: members that get other numbers are found at once", Segments)
def renumber(topo):
    members = {n: topo.vnode(n) for n in "abc"}
    for net in members.values():
        send(net, "lan", udp("ff:ff:ff:ff:ff:ff", net.mac("lan"), "10.1.0.9", "10.1.0.255", 9), 100, 2)
    time.sleep(0.05)
    network = topo.network()
    network["vnets"]["S"]["links"]["lan"]["ends"] = ["c:lan", "b:lan", "a:lan"]
    topo.apply(network)
    for n, (at, to) in enumerate(("ab", "cb", "ca", "bc", "ba"), 20):
        src, dst = members[at], members[to]
        with Rx(dst, "lan") as rx:
            send(src, "lan", udp(dst.mac("lan"), src.mac("lan"), "10.1.0.9", "10.1.0.10", n), 1000, 50)
            need(rx.stream(n)["unique"] == 50, f"{at} to {to}, which has been silent: {rx.stream(n)}")
    topo.apply(topo.network())


@scenario("segments: a tagged edge with two VNodes", Segments)
def tagged(topo):
    a, b, out = topo.vnode("a"), topo.vnode("b"), topo.outside["shop"]
    mac = out.mac("u0")

    def inward(dst, n, vlan):
        return udp(dst.mac("shop"), mac, "10.5.0.100", "10.5.0.1", n, vlan=vlan)
    ping(a, "10.5.0.2")
    # Say hello from outside first, so that the segment has learned where we are.
    send(out, "u0", udp("ff:ff:ff:ff:ff:ff", mac, "10.5.0.100", "10.5.0.255", 20, vlan=30), 100, 2)
    for dst, other, n in ((a, b, 21), (b, a, 22)):
        # The first to an address may be flooded; its own frames have taught the segment.
        send(dst, "shop", udp("ff:ff:ff:ff:ff:ff", dst.mac("shop"), "10.5.0.1", "10.5.0.255", 20),
             100, 2)
        with Rx(dst, "shop", write=True, marked=True) as rx, Rx(other, "shop") as bystander:
            send(out, "u0", [inward(dst, n, 30), inward(dst, n + 10, None),
                             inward(dst, n + 20, 31)], 1000, 300)
            need(rx.stream(n)["unique"] == 100, f"VLAN 30 to {dst.name}: {rx.stream(n)}")
            need(not rx.stream(n + 10)["received"] and not rx.stream(n + 20)["received"],
                 "an untagged or foreign frame came in")
            need(all(f[12:14] == b"\x08\x00" for f in rx.frames), "the edge's tag was not taken off")
            need(not bystander.stream(n)["received"], f"{other.name} got them too")
        with Rx(out, "u0", write=True, marked=True) as rx:
            send(dst, "shop", udp(mac, dst.mac("shop"), "10.5.0.1", "10.5.0.100", n), 1000, 100)
            need(rx.stream(n)["unique"] == 100, f"out of {dst.name}: {rx.stream(n)}")
            need(all(f[12:16] == b"\x81\x00\x00\x1e" for f in rx.frames),
                 f"the edge's tag is missing: {rx.frames[0][:20].hex()}")
