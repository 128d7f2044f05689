# SPDX-License-Identifier: GPL-2.0-only
"""VNodes behind the mirror port of a switch that is none of ours: they hear all of it, and nobody hears them."""
from lib import account, netns
from lib.one import One
from lib.shell import need
from lib.tap import scenario
from lib.topo import quiet, router
from lib.traffic import Rx, backlog_drops, marked, send_gently, udp
from scenarios.fidelity import same_lists

SAY = 0xab  # what VNodes' own pings are filled with


class Switch(One):
    """One, and beside it  one ── p0 switch p1 ── two  whose mirror port is u0 ── host1's e9: VNet M = m, n."""

    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath)
        host = self.hosts[0]
        self.switch = self.edge(host, "e9", "switch")
        self.users = {}
        for name, port in (("one", "p0"), ("two", "p1")):
            net = self.users[name] = self.namespace(f"{prefix}o{name}")
            netns.veth(self.switch, port, net, "u0")
            for at, dev in ((self.switch, port), (net, "u0")):
                quiet(at, dev)
                at.run("ip", "link", "set", dev, "up")
            self.switch.run("tc", "qdisc", "add", "dev", port, "clsact")
        for port, other in (("p0", "p1"), ("p1", "p0")):
            self.switch.run("tc", "filter", "add", "dev", port, "ingress", "protocol", "all", "u32", "match",
                            "u32", "0", "0", "action", "mirred", "egress", "mirror", "dev", "u0", "pipe",
                            "action", "mirred", "egress", "redirect", "dev", other)
        self.base_network["hosts"][host.name]["ports"]["e9"] = {"role": "mirror"}
        self.base_network["vnets"]["M"] = {
            "datapath": datapath,
            "vnodes": {name: router(host.name, {"eth0": {"addresses": [f"10.9.0.{n}/24"]}}, [])
                       for n, name in enumerate(("m", "n"), 1)},
            "edges": {"tap": {"port": f"{host.name}:e9", "ends": ["m:eth0", "n:eth0"]}},
        }


def attachment(host, vnet, role):
    ports = {p["name"]: p["role"] for p in host.status()["ports"]}
    rows = [a for a in host.status()["attachments"] if a["vnet"] == vnet and ports[a["port"]] == role]
    need(rows, f"{vnet} has no attachment of role {role}")
    return rows


@scenario("mirror: what a foreign switch mirrors, both ways, reaches every VNode there, byte for byte", Switch)
def heard(topo):
    host = topo.hosts[0]
    monitors = [host.vnode("M/m"), host.vnode("M/n")]
    macs = {name: net.mac("u0") for name, net in topo.users.items()}
    sent = {name: Rx(net, "u0", "out", write=True, marked=True) for name, net in topo.users.items()}
    got = [Rx(net, "eth0", write=True, marked=True) for net in monitors]
    dropped = backlog_drops()
    for stream, (src, dst) in enumerate((("one", "two"), ("two", "one")) * 3, 10):
        frame = udp(macs[dst], macs[src], "10.50.0.1", "10.50.0.2", stream, size=(64, 594, 1514)[stream % 3])
        send_gently(topo.users[src], "u0", frame, 2000, 300, [(net, "eth0", 1) for net in monitors])
    for rx in (*sent.values(), *got):
        rx.stop(0.3)
    for name, rx in sent.items():
        mac = bytes.fromhex(macs[name].replace(":", ""))
        for monitor in got:
            same_lists(f"what {name} sent, at {monitor.where} (backlogs dropped {backlog_drops() - dropped})",
                       rx.frames, [f for f in monitor.frames if f[6:12] == mac])
    for name in ("M/m", "M/n"):
        row = host.vnode_row(name)
        need(row["tier"] == "monitor", f"{name} has the place of {row['tier']}")


@scenario("mirror: nothing goes out by a mirror port", Switch)
def unheard(topo):
    host = topo.hosts[0]
    with Rx(topo.switch, "u0", write=True) as rx:
        for name, other in (("M/m", "10.9.0.200"), ("M/n", "10.9.0.201")):
            net = host.vnode(name)
            net.run("ip", "neigh", "replace", other, "lladdr", "02:00:00:00:00:99", "dev", "eth0")
            for target in (other, "10.9.0.202"):  # a known neighbour, and one to be asked for
                net.run("ping", "-c3", "-i0.2", "-W1", "-p", f"{SAY:x}", target, check=False)
        rx.stop()
    need(host.group("M")["live"] == "M", "M is not even heard by its gate")
    need(not rx.frames, f"{len(rx.frames)} frames came out of the mirror port")
    silenced = sum(account.total(row["counters"], "DROP") for row in attachment(host, "M", "vnode"))
    need(silenced >= 6, f"only {silenced} frames of the VNodes' own were dropped and counted")
    account.check_closed(topo.hosts)

    # The same frames do come out of an edge: the sniffer would have seen them.
    network = topo.network()
    network["hosts"][host.name]["ports"]["e9"]["role"] = "edge"
    topo.apply(network)
    with Rx(topo.switch, "u0", write=True) as rx:
        host.vnode("M/m").run("ping", "-c3", "-i0.2", "-W1", "-p", f"{SAY:x}", "10.9.0.200", check=False)
        rx.stop()
    need(any(bytes([SAY]) * 16 in f for f in rx.frames), "an edge lets nothing out: the test proves nothing")
    topo.apply(topo.base_network)
    need(not any(marked(f) for f in rx.frames), "frames that nobody sent")
