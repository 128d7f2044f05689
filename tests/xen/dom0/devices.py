# SPDX-License-Identifier: GPL-2.0-only
"""What only Debian's kernel has: VLAN devices, netem, and a second XDP program beside ours."""
import json
import time

from lib import netns
from lib.shell import need, run
from lib.tap import scenario
from lib.topo import Three, one_cpu, silent
from lib.traffic import Production, Rx, send
from scenarios import basic, gate

OUTER = 7  # the VLAN that the trunks themselves are


class VlanTrunks(Three):
    """The trunks are 8021q devices: a provider's VLAN, in which ours are second tags."""

    def trunk(self, a, a_dev, b, b_dev, mtu=1500):
        # Two tags more than an Ethernet frame at this MTU.
        netns.veth(a.net, "raw" + a_dev, b.net, "raw" + b_dev, mtu + 8)
        for host, dev, way in ((a, a_dev, 2), (b, b_dev, 1)):
            raw = "raw" + dev
            netns.host_offloads(host.net, raw)
            host.net.run("ip", "link", "add", "link", raw, "name", dev, "mtu", mtu + 4, "type", "vlan",
                         "id", OUTER)
            silent(host.net, raw)
            silent(host.net, dev)
            one_cpu(host.net, raw, way)
            host.net.run("ip", "link", "set", raw, "up")
            host.net.run("ip", "link", "set", dev, "up")


def rows_by(topo):
    return {(h.name, r["port"]): r["datapath"] for h in topo.hosts for r in h.status()["attachments"]}


@scenario("6.1: ping, UDP and TCP over trunks that are 8021q devices", VlanTrunks, ("tc",))
def traffic(topo):
    return basic.basic(topo)


@scenario("6.1: flip, roll back and hold over trunks that are 8021q devices", VlanTrunks, ("tc",))
def flips(topo):
    gate.start_b(topo)
    for command, heard in (("flip web --to B", "B"), ("rollback web", "A")):
        topo.hosts[0].svnet(*command.split())
        gate.heard_is(topo, heard)
        gate.live_is(topo, heard)
    topo.hosts[0].svnet("hold", "web")
    heard, n = gate.who(topo)
    need(not heard and not n, f"while the group holds, {heard} is heard")


@scenario("6.1: full-sized frames over trunks that are 8021q devices have both tags", VlanTrunks, ("tc",))
def over_vlans(topo):
    for port in ("t12", "t21", "t23", "t32"):
        host = next(h for h in topo.hosts if run(*h.net.argv("ip", "link", "show", port),
                                                 check=False).returncode == 0)
        link = json.loads(host.net.out("ip", "-j", "-d", "link", "show", "dev", port))[0]
        need(link["linkinfo"]["info_kind"] == "vlan", f"{port} is no 8021q device")
    with Production(topo, rate=200, size=1514) as production:
        with Rx(topo.hosts[1].net, "rawt21", direction="in", write=True) as rx:
            time.sleep(2)
            rx.stop()
        count = production.check("UDP over 8021q trunks")
    tagged = [f for f in rx.frames if f[12:14] == b"\x81\x00" and f[16:18] == b"\x81\x00"]
    need(tagged, "no frame on the raw device has both tags")
    need(all(int.from_bytes(f[14:16], "big") & 4095 == OUTER and
             100 <= int.from_bytes(f[18:20], "big") & 4095 < 200 for f in tagged), "other tags")
    return f"{count} full-sized datagrams; {len(tagged)} frames seen with both tags"


@scenario("6.1: netem beside the data plane delays what leaves, and loses nothing", VlanTrunks, ("tc",))
def beside_netem(topo):
    net = topo.hosts[1].net
    net.run("tc", "qdisc", "add", "dev", "t23", "root", "netem", "delay", "40ms", "limit", "10000")
    with Production(topo, rate=100) as production:
        time.sleep(2)
        production.check("UDP through netem")
    delay = production.sides[0][2].stream(1)["max_delay_ns"] / 1e6
    net.run("tc", "qdisc", "del", "dev", "t23", "root")
    need(delay >= 40, f"netem delayed by {delay} ms only")


class Beside(Three):
    """Somebody else's XDP program is on every edge before svnet is."""

    def start_agents(self):
        for host, dev in ((self.hosts[0], "e1"), (self.hosts[2], "e3")):
            # xdp-filter in its "allow" mode drops what it is told to, and counts.
            host.net.run("xdp-filter", "load", "-m", "native", "-p", "allow", "-f", "udp", dev)
        super().start_agents()

    def destroy(self):
        for host in self.hosts:
            for dev in ("e1", "e3"):
                run(*host.net.argv("xdp-filter", "unload", dev), check=False)
        super().destroy()


def on_device(net, dev):
    return net.out("xdp-loader", "status", dev)


@scenario("6.1: next to another XDP program, under libxdp's dispatcher", Beside, ("xdp",))
def dispatcher(topo):
    h1, left = topo.hosts[0], topo.outside["left"]
    shown = on_device(h1.net, "e1")
    need("xdp_dispatcher" in shown and "xdpfilt" in shown and shown.count("=>") == 2,
         f"not both programs are on e1: {shown}")
    with Production(topo, rate=200) as production:
        time.sleep(2)
        production.check("UDP next to xdp-filter")
    # Theirs goes on deciding about what it was told: port 7000 is dropped before we see it.
    h1.net.run("xdp-filter", "port", "7000", "-m", "dst", "-p", "udp")
    frame = topo.user_frame("left", "right", stream=5)
    with Rx(topo.outside["right"], "u0") as rx:
        send(left, "u0", frame, rate=200, count=50)
        need(rx.stream(5)["unique"] == 0, "xdp-filter does not filter any more")
    h1.net.run("xdp-filter", "port", "7000", "-m", "dst", "-p", "udp", "-r")
    # And a restart of ours leaves it alone.
    h1.kill()
    h1.start()
    with Production(topo, rate=200) as production:
        time.sleep(1)
        production.check("UDP after a restart next to xdp-filter")
    need("xdpfilt" in on_device(h1.net, "e1"), "a restart removed the other program")
    h1.purge()
    left_over = on_device(h1.net, "e1")
    need("xdpfilt" in left_over and "sv_" not in left_over, f"after a purge e1 has {left_over}")
    h1.start()
    return f"{shown.count('=>')} programs"
