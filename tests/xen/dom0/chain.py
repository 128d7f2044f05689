# SPDX-License-Identifier: GPL-2.0-only
"""Dom0 as a substrate host: two domains that route, and a second host of namespaces behind a trunk.

    left ── e1 dom0 t1 ══ w0 w1 ══ t2 svd2 e3 ── right      VNet A = r1 ─ r2, both domains of dom0
"""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import domains
from lib import netns, topo, traffic
from lib.shell import binary, need, run, wait_for

DOM0 = "dom0"


def router(name, addresses, routes, **more):
    """A VNode that is a guest of ours."""
    return {"host": DOM0, "driver": "xen", "cpu_weight": 100,
            "interfaces": {f"eth{n}": {} for n in range(len(addresses))},
            "xen": {"type": "pv", "kernel": domains.KERNEL, "ramdisk": domains.INITRD,
                    "cmdline": domains.guest_options(name, addresses, routes, ["sv.memory=84"]),
                    "memory": 112, "vcpus": 1, "stop_timeout_ms": 15000,
                    # How long it really stood still is what its users see.
                    "pause_limit_ms": 30000, **more}}


class Chain(topo.Ends, topo.Topo):
    group_name = "web"

    def __init__(self, prefix, datapath):
        self.second = f"{prefix}2"
        super().__init__(prefix, 2)
        h1, h2 = self.hosts
        self.datapath = datapath
        self.mid = self.tapped_trunk(h1, "t1", h2, "t2")
        self.make_edges(h1, h2, 1500)
        self.base_network = {
            "version": 1,
            "hosts": {DOM0: {"ports": {"e1": {"role": "edge"}, "t1": {"role": "trunk"}}},
                      h2.name: {"ports": {"t2": {"role": "trunk"}, "e3": {"role": "edge"}}}},
            "links": [[f"{DOM0}:t1", f"{h2.name}:t2"]],
            "vlans": {"from": 100, "to": 199},
            "vnets": {"A": {
                "datapath": datapath,
                "vnodes": {
                    "r1": router("r1", ["10.1.0.1/24", "10.12.0.1/24"], [("10.3.0.0/24", "10.12.0.2")]),
                    "r2": router("r2", ["10.12.0.2/24", "10.3.0.1/24"], [("10.1.0.0/24", "10.12.0.1")]),
                },
                "links": {"l12": {"ends": ["r1:eth1", "r2:eth0"]}},
                "edges": {"entry": {"port": f"{DOM0}:e1", "ends": ["r1:eth0"]},
                          "exit": {"port": f"{h2.name}:e3", "ends": ["r2:eth1"]}},
            }},
            "groups": {"web": {"production": "A"}},
        }

    # Dom0's own namespace, where its vifs appear, under a name that no prefix clears away.
    @property
    def host_names(self):
        return [DOM0, self.second]

    @host_names.setter
    def host_names(self, _names):
        pass

    def namespace(self, name):
        if name != DOM0:
            return super().namespace(name)
        if not os.path.exists(f"/run/netns/{DOM0}"):
            run("ip", "netns", "attach", DOM0, "1")
        net = netns.Net(f"/run/netns/{DOM0}", DOM0)
        self.nets.append(net)
        return net

    def destroy(self):
        super().destroy()
        for dev in ("e1", "t1"):
            run("ip", "link", "del", dev, check=False)
        if os.path.exists(f"/run/netns/{DOM0}"):
            run("ip", "netns", "del", DOM0)
        domains.destroy_all()

    def up(self):
        self.start_agents()
        self.hosts[0].svnet("--timeout", "90s", "apply", self.write(self.base_network), timeout=120)
        self.ready()

    def apply(self, network):
        return self.hosts[0].svnet("--timeout", "90s", "apply", self.write(network), timeout=120)

    def ready(self):
        for net, target in self.pings():
            wait_for(f"{net.name} to reach {target}", lambda n=net, t=target: n.run(
                "ping", "-c1", "-W1", t, check=False).returncode == 0, 180, 0.2)

    def pings(self):
        return [(self.outside["left"], "10.3.0.100"), (self.outside["right"], "10.1.0.100")]

    def routers(self):
        return [(self.hosts[0], "r1"), (self.hosts[0], "r2")]

    # ---- domains of svnet's ----------------------------------------------------------------------

    @staticmethod
    def domain_name(vnode):
        return f"svnet-{DOM0}-" + vnode.replace("/", "-")

    def domain(self, vnode):
        """(domid, UUID) of a VNode's domain as Xen tells them."""
        row = domains.domains().get(self.domain_name(vnode))
        need(row, f"Xen has no domain of {vnode}: {domains.names()}")
        return row["domid"], row["config"]["c_info"]["uuid"]

    def running(self, vnode):
        row = self.hosts[0].vnode_row(vnode)
        return bool(row) and row["state"] == "running"

    def shadow(self, override=None):
        """Starts B of A; returns what `svnet` says of it."""
        more = ["--override", self.write(override, "override.json")] if override else []
        said = self.hosts[0].svnet("--timeout", "120s", "shadow", "start", "B", "--of", "A", *more,
                                   timeout=150)
        wait_for("the clones to run", lambda: self.running("B/r1") and self.running("B/r2"), 120)
        return said

    def vif(self, vnode, number):
        """What the host's side of a domain's interface is called now, "" when there is none."""
        domid = run("xl", "domid", self.domain_name(vnode), check=False).stdout.strip()
        folder = f"/sys/bus/xen-backend/devices/vif-{domid}-{number}/net"
        return "".join(os.listdir(folder)) if os.path.isdir(folder) else ""

    def talk(self, *vnodes):
        """They say something to everybody beyond their edge, and ask for somebody, all the time."""
        for vnode in vnodes:
            number, side = FACES[vnode[-2:]]
            network = NOBODY[side].rsplit(".", 1)[0]
            self.tell(vnode, f"ping -i 0.2 -p {SAY:x} {network}.255 >/dev/null 2>&1 &",
                      f"arping -I eth{number} {NOBODY[side]} >/dev/null 2>&1 &")

    def console(self, vnode):
        return domains.console(self.domain_name(vnode))

    def tell(self, vnode, *commands, seconds=60):
        """Types commands into a guest's shell, as an operator at a terminal does; returns what it said. A
        guest that goes down with the last of them has said its all."""
        ours, terminal = pty.openpty()
        # Xen's own console has its descriptors: all that it becomes are ended.
        console = subprocess.Popen(
            [binary("svnet"), "--socket", self.hosts[0].socket, "vnode", "console", vnode],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
        os.close(terminal)
        try:
            # Its prompt, then an answer that what is typed does not look like.
            said = heard(ours, "# ", seconds, "\n")
            need("# " in said, f"{vnode} has no shell: {said[-300:]!r}")
            return heard(ours, r"told:\d+", seconds, *(f"{c}\n" for c in commands), "echo told:$?\n")
        finally:
            os.killpg(console.pid, signal.SIGKILL)
            console.wait(timeout=10)
            os.close(ours)

    def vlan(self, vnet):
        """The VLAN on which a VNet crosses the trunk."""
        rows = [r for r in self.hosts[0].status()["attachments"]
                if r["port"] == "t1" and r["vnet"] == vnet]
        need(len(rows) == 1, f"{vnet} crosses the trunk {len(rows)} times")
        return rows[0]["vlan"]

    def traces(self):
        """Everything that domains leave on a machine, without what changes by itself."""
        paths = {p for p in domains.xenstore("/") if "/domain/" in p or p.startswith("/vm/")}
        files = set()
        for folder in (self.folders["run"], self.folders["pin"]):
            for at, _dirs, names in os.walk(folder):
                files |= {os.path.join(at, n) for n in names}
        return {"domains": domains.names(), "vifs": set(domains.vifs()),
                "xenstore": {"/".join(p.split("/")[:6]) for p in paths}, "files": files}


class Flow:
    """1,000 packets a second from left to right, as the outside sees them."""

    def __init__(self, chain, rate=1000, stream=1):
        self.stream = stream
        self.rx = traffic.Rx(chain.outside["right"], chain.outside_dev["right"])
        self.tx = traffic.Tx(chain.outside["left"], chain.outside_dev["left"],
                             chain.user_frame("left", "right", stream=stream), rate=rate)

    def stop(self):
        sent = self.tx.stop()
        return sent, self.rx.stop(settle=1.0) and self.rx.stream(self.stream)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tx.__exit__(*exc)
        self.rx.__exit__(*exc)


SAY = 0xab  # what a shadow's own pings are filled with
# Of each router: its interface that faces an edge, and which.
FACES = {"r1": (0, "left"), "r2": (1, "right")}
NOBODY = {"left": "10.1.0.250", "right": "10.3.0.250"}  # whom it asks for


def says(frames):
    """Those of the frames that are a shadow's own."""
    asked = [bytes(int(n) for n in a.split(".")) for a in NOBODY.values()]
    return [f for f in frames if bytes([SAY]) * 16 in f or
            f[12:14] == b"\x08\x06" and f[38:42] in asked]


class Outside:
    """What comes out of both edges."""

    def __init__(self, chain):
        self.rx = [traffic.Rx(chain.outside[side], "u0", write=True) for side in NOBODY]

    def heard(self):
        """What a shadow's own frames it was, for the side left and right."""
        time.sleep(1)
        return [r.stop(settle=0) and says(r.frames) for r in self.rx]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for r in self.rx:
            r.__exit__(*exc)


def heard(terminal, pattern, seconds, *typed):
    """Types, and reads until the pattern comes, the terminal ends or the time is up."""
    for text in typed:
        os.write(terminal, text.encode())
    said, end = "", time.monotonic() + seconds
    while not re.search(pattern, said) and time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            said += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # nobody is at its other end
            break
    return said


def neighbour(net, address):
    """(MAC, state) of a neighbour entry; None: there is none."""
    for row in json.loads(net.out("ip", "-j", "neigh", "show", address) or "[]"):
        if row.get("lladdr"):
            return row["lladdr"]
    return None


def arp_request(smac, source, target, vlan):
    mac = traffic.mac_bytes(smac)
    ip = [bytes(int(n) for n in a.split(".")) for a in (source, target)]
    return (b"\xff" * 6 + mac + b"\x81\x00" + vlan.to_bytes(2, "big") + b"\x08\x06\0\1\x08\0\6\4\0\1" +
            mac + ip[0] + b"\0" * 6 + ip[1] + b"\0" * 18)


def echo_request(dmac, smac, source, target, vlan):
    ip = bytearray(b"\x45\0\0\x3c\0\1\0\0\x40\1\0\0" + bytes(int(n) for n in source.split(".")) +
                   bytes(int(n) for n in target.split(".")))
    ip[10:12] = traffic.csum(bytes(ip)).to_bytes(2, "big")
    icmp = bytearray(b"\x08\0\0\0\x5a\x5a\0\1" + b"shadow B" * 4)
    icmp[2:4] = traffic.csum(bytes(icmp)).to_bytes(2, "big")
    return (traffic.mac_bytes(dmac) + traffic.mac_bytes(smac) + b"\x81\x00" + vlan.to_bytes(2, "big") +
            b"\x08\0" + bytes(ip) + bytes(icmp))
