# SPDX-License-Identifier: GPL-2.0-only
"""Substrates made of namespaces: hosts with trunks between them, and outsides behind edges."""
import copy
import glob
import json
import os
import re
import shutil
import time

from . import netns, traffic
from .agent import Host, kill_by_folder
from .shell import Fail, binary, note, out, run, wait_for

V4, V6 = "10.{}.0.{}", "fd00:{}::{}"


def mount_bpffs():
    if "bpf" not in {line.split()[2] for line in open("/proc/mounts", encoding="utf-8")}:
        run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")


class Topo:
    """Namespaces, devices and agents under one prefix; everything of it goes with destroy()."""

    NAMESPACES = r"(\d+|w\d+|o\w+)"  # of ours, behind the prefix

    def __init__(self, prefix, hosts):
        self.prefix = prefix
        base = f"/tmp/svnet-e2e-{prefix}"
        self.folders = {"base": base, "store": f"{base}/store", "run": f"{base}/run",
                        "log": f"{base}/log", "pin": f"/sys/fs/bpf/svnet-e2e-{prefix}"}
        self.host_names = [f"{prefix}{n}" for n in range(1, hosts + 1)]
        self.hosts = []
        self.nets = []
        self.outside = {}
        self.outside_dev = {}
        self.base_network = None
        self.keep = False
        self.group_name = "web"
        mount_bpffs()
        self.destroy()
        for folder in ("base", "store", "run", "log"):
            os.makedirs(self.folders[folder], mode=0o755, exist_ok=True)
        for name in self.host_names:
            self.hosts.append(Host(name, self.namespace(name), self.folders))

    def namespace(self, name):
        net = netns.create(name)
        self.nets.append(net)
        return net

    def trunk(self, a, a_dev, b, b_dev, mtu=1500):
        netns.veth(a.net, a_dev, b.net, b_dev, mtu)
        port(a.net, a_dev, 2)
        port(b.net, b_dev, 1)

    def trunk_anew(self, a, a_dev, b, b_dev, index=None):
        """The same trunk of new devices, as when a driver is loaded anew; `index`: of the one at a."""
        a.net.run("ip", "-batch", "-", stdin=f"link delete {a_dev}\nlink add name {a_dev} "
                  f"{'index %d ' % index if index else ''}type veth peer name {b_dev} netns {b.net.name}\n")
        port(a.net, a_dev, 2)
        port(b.net, b_dev, 1)

    def tapped_trunk(self, a, a_dev, b, b_dev, mtu=1500):
        """A trunk through a namespace in the middle, where its frames can be seen with their tags:
        XDP leaves nothing to see on the hosts' own devices. Returns the middle, with devices w0, w1."""
        mid = self.namespace(f"{self.prefix}w{len(self.nets)}")
        netns.veth(a.net, a_dev, mid, "w0", mtu)
        netns.veth(mid, "w1", b.net, b_dev, mtu)
        for dev, other in (("w0", "w1"), ("w1", "w0")):
            quiet(mid, dev)
            netns.host_offloads(mid, dev)
            mid.run("ip", "link", "set", dev, "up")
            mid.run("tc", "qdisc", "add", "dev", dev, "clsact")
        # Only now: a veth learns whether its other end takes XDP frames when it comes up itself.
        port(a.net, a_dev, 2)
        port(b.net, b_dev, 1)
        for dev, other in (("w0", "w1"), ("w1", "w0")):
            mid.run("tc", "filter", "add", "dev", dev, "ingress", "protocol", "all", "u32", "match",
                    "u32", "0", "0", "action", "mirred", "egress", "redirect", "dev", other)
        return mid

    def edge(self, host, dev, name, addresses=(), gateways=(), mtu=1500):
        """An edge port of a host and an ordinary machine behind it."""
        net = self.outside.get(name) or self.namespace(f"{self.prefix}o{name}")
        netns.veth(host.net, dev, net, "u0", mtu)
        self.outside[name], self.outside_dev[name] = net, "u0"
        netns.host_offloads(net, "u0")
        net.run("sysctl", "-qw", "net.ipv6.conf.u0.accept_dad=0", "net.ipv6.conf.u0.accept_ra=0")
        port(host.net, dev, 2 if name == "right" else 1)
        net.run("ip", "link", "set", "u0", "up")
        for address in addresses:
            net.run("ip", "address", "add", address, "dev", "u0",
                    *(["nodad"] if ":" in address else []))
        for to, via in gateways:
            net.run("ip", "route", "add", to, "via", via)
        # Test streams end here without an ICMP answer.
        net.run("nft", "add table inet t; add chain inet t in { type filter hook input priority 0 ; };"
                " add rule inet t in udp dport 7000 drop")
        return net

    def start_agents(self):
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            host.wait()

    # ---- networks --------------------------------------------------------------------------------

    def write(self, network, name="network.json"):
        path = f"{self.folders['base']}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(network, f, indent=1)
        return path

    def write_text(self, text, name):
        path = f"{self.folders['base']}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def apply(self, network):
        """Tests that ask for every copy say so: senders, hosts and monitors share few CPUs, and are busy.
        What becomes of copies then has scenarios of its own."""
        network = copy.deepcopy(network)
        for host in network["hosts"].values():
            host.setdefault("copies", {"when_busy": 100})
        return self.hosts[0].svnet("apply", self.write(network))

    def network(self):
        return copy.deepcopy(self.base_network)

    def reset(self):
        """Back to the base network, production A live and alone."""
        for host in self.hosts:
            if not host.alive():
                host.start(wait=False)
        for host in self.hosts:
            host.wait()
        first = self.hosts[0]
        for name in sorted(first.sessions()):
            first.svnet("monitor", "stop", name)
        if "B" in first.vnets():
            if first.group(self.group_name)["live"] != "A":
                first.svnet("flip", self.group_name, "--to", "A")
            first.svnet("shadow", "finish", self.group_name)
        self.apply(self.base_network)
        self.ready()

    def ready(self):
        """Every pair of the topology's ping lines works."""
        for net, target in self.pings():
            wait_for(f"{net.name} to reach {target}",
                     lambda n=net, t=target: n.run("ping", "-c1", "-W1", t, check=False).returncode
                     == 0, 20, 0.2)

    def pings(self):
        return []

    # ---- the end ---------------------------------------------------------------------------------

    def destroy(self):
        """Also of an earlier run with the same prefix that was killed anywhere."""
        if self.keep:
            note(f"kept: namespaces {self.prefix}*, {self.folders['base']}")
            return
        for host in self.hosts:
            host.kill()
        for name in self.host_names:
            pid_file = f"{self.folders['base']}/{name}.pid"
            if os.path.exists(pid_file):
                with open(pid_file, encoding="utf-8") as f:
                    _kill(f.read(), "svnetd")
                os.unlink(pid_file)
            if os.path.exists(f"/run/netns/{name}"):
                host = Host(name, netns.Net(f"/run/netns/{name}", name), self.folders)
                if os.path.exists(self.folders["pin"]) or os.path.exists(self.folders["run"]):
                    try:
                        done = host.purge()
                        if done.returncode:
                            note(f"purge of {name}: exit {done.returncode}: "
                                 f"{(done.stderr.strip() or done.stdout.strip())[-200:]}")
                    except (Fail, OSError) as error:
                        note(f"purge of {name}: {error}")
        kill_by_folder(self.folders["base"])
        for net in json.loads(out("ip", "-j", "netns", "list") or "[]") or []:
            if re.fullmatch(re.escape(self.prefix) + self.NAMESPACES, net["name"]):
                for pid in out("ip", "netns", "pids", net["name"], check=False).split():
                    _kill(pid)
                run("ip", "netns", "del", net["name"], check=False)
        self._clear_leftovers()
        self.hosts, self.nets = [], []

    def _clear_leftovers(self):
        shutil.rmtree(self.folders["pin"], ignore_errors=True)
        base = self.folders["base"]
        mounts = [line.split()[1] for line in open("/proc/mounts", encoding="utf-8")]
        for mount in sorted((m for m in mounts if m.startswith(base + "/")), reverse=True):
            run("umount", "-l", mount, check=False)
        shutil.rmtree(base, ignore_errors=True)
        for folder in self._cgroups():
            try:
                os.rmdir(folder)
            except OSError as error:
                note(f"{folder}: {error.strerror}")

    def _cgroups(self):
        """Of our hosts, the deepest first; a purge that was killed half-way leaves some."""
        return [d for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/*") for host in self.host_names
                for top in glob.glob(f"{root}/svnet-*/{host}") for d, *_ in os.walk(top, topdown=False)]

    def leftovers(self):
        """What a purge of every host should have removed, and did not."""
        found = []
        for host in self.host_names:
            found += glob.glob(f"{self.folders['pin']}/{host}/*")
            found += [d for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                      for d in glob.glob(f"{root}/**/*{host}*", recursive=True)
                      if os.path.isdir(d)]
        mounts = [line.split()[1] for line in open("/proc/mounts", encoding="utf-8")]
        found += [m for m in mounts if m.startswith(self.folders["run"] + "/")]
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as f:
                    line = f.read().decode(errors="replace").replace("\0", " ").strip()
            except OSError:
                continue
            if self.folders["run"] + "/" in line or \
                    ("svnet-vinit" in line and any(h in line for h in self.host_names)):
                found.append(f"process: {line[:120]}")
        return found


def silent(net, dev):
    """The substrate host's own stack, which shares the device, says nothing unasked."""
    net.run("sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1")


def one_cpu(net, dev, way):
    """A queue of a real NIC interrupts one CPU. A veth's is polled wherever somebody sent into it last,
    and what the stack then holds on two CPUs overtakes itself: so the way from left (1) or from right
    (2) stays where its sender is."""
    mask = f"{1 << traffic.cpu_number(way):x}"
    run("ip", "netns", "exec", net.name, "sh", "-c",
        f"echo {mask} >/sys/class/net/{dev}/queues/rx-0/rps_cpus")


def port(net, dev, way):
    """Up, as a port of a substrate host: whoever makes its device anew must come by here again."""
    silent(net, dev)
    one_cpu(net, dev, way)
    net.run("ip", "link", "set", dev, "up")


def quiet(net, dev):
    """A device that says nothing at all."""
    silent(net, dev)
    net.run("ip", "link", "set", dev, "arp", "off")


def _kill(pid, only=None):
    try:
        pid = int(pid)
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if only and only not in f.read().decode(errors="replace"):
                return
        os.kill(pid, 9)
        for _ in range(100):
            if not os.path.exists(f"/proc/{pid}"):
                return
            time.sleep(0.02)
    except (ValueError, OSError):
        pass


# ---- the three-host network that most scenarios use ------------------------------------------------


def router(host, interfaces, routes):
    return {"host": host, "interfaces": interfaces, "routes": routes,
            "sysctls": ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                        "net.ipv4.conf.all.rp_filter=0"]}


def chain(prefix, net, datapath, mtu=None):
    """A VNet r1 - r2 - r3 over hosts 1, 2, 3; `net` shifts its addresses (10.1 … for net 0)."""
    h1, h2, h3 = (f"{prefix}{n}" for n in (1, 2, 3))
    a, l12, l23, b = 1 + net, 12 + net, 23 + net, 3 + net
    more = {"mtu": mtu} if mtu else {}

    def iface(subnet, host):
        return {"addresses": [f"10.{subnet}.0.{host}/24", f"fd00:{subnet}::{host}/64"], **more}

    def via(subnet, link, gateway):
        return [f"10.{subnet}.0.0/24 via 10.{link}.0.{gateway}",
                f"fd00:{subnet}::/64 via fd00:{link}::{gateway}"]

    return {
        "datapath": datapath,
        "vnodes": {
            "r1": router(h1, {"eth0": iface(a, 1), "eth1": iface(l12, 1)},
                         via(b, l12, 2) + via(l23, l12, 2)),
            "r2": router(h2, {"eth0": iface(l12, 2), "eth1": iface(l23, 2)},
                         via(a, l12, 1) + via(b, l23, 3)),
            "r3": router(h3, {"eth0": iface(l23, 3), "eth1": iface(b, 1)},
                         via(a, l23, 2) + via(l12, l23, 2)),
        },
        "links": {"l12": {"ends": ["r1:eth1", "r2:eth0"], **more},
                  "l23": {"ends": ["r2:eth1", "r3:eth0"], **more}},
        "edges": {"entry": {"port": f"{h1}:e1", "ends": ["r1:eth0"]},
                  "exit": {"port": f"{h3}:e3", "ends": ["r3:eth1"]}},
    }


class Ends:
    """What topologies have in common whose VNet A joins an outside left and an outside right."""

    def make_edges(self, left, right, mtu):
        self.edge(left, "e1", "left", ["10.1.0.100/24", "fd00:1::100/64"],
                  [("default", "10.1.0.1"), ("fd00::/16", "fd00:1::1")], mtu)
        self.edge(right, "e3", "right", ["10.3.0.100/24", "fd00:3::100/64"],
                  [("default", "10.3.0.1"), ("fd00::/16", "fd00:3::1")], mtu)

    def up(self):
        self.start_agents()
        self.apply(self.base_network)
        self.ready()

    def pings(self):
        left, right = self.outside["left"], self.outside["right"]
        return [(left, "10.3.0.100"), (left, "fd00:3::100"), (right, "10.1.0.100")]

    def address(self, side, v6=False):
        return {"left": ("10.1.0.100", "fd00:1::100"),
                "right": ("10.3.0.100", "fd00:3::100")}[side][v6]

    def gateway_mac(self, side):
        """The MAC behind which production's router answers, as the outside machine learned it."""
        net = self.outside[side]
        gateway = "10.1.0.1" if side == "left" else "10.3.0.1"

        def known():
            for row in json.loads(net.out("ip", "-j", "neigh", "show", gateway)):
                if row.get("lladdr"):
                    return row["lladdr"]
            net.run("ping", "-c1", "-W1", gateway, check=False)
            return None
        return wait_for(f"the router's MAC at {side}", known)

    def user_frame(self, src, dst, stream, size=100, v6=False, **more):
        net, dev = self.outside[src], self.outside_dev[src]
        return traffic.udp(self.gateway_mac(src), net.mac(dev), self.address(src, v6),
                           self.address(dst, v6), stream, size=size, **more)

    def routers(self):
        """(host, VNode) of A, and of its shadow."""
        raise NotImplementedError

    def shadow(self, override=None):
        """Starts B of A and waits until its VNodes run."""
        args = ["shadow", "start", "B", "--of", "A"]
        if override:
            args += ["--override", self.write(override, "override.json")]
        self.hosts[0].svnet(*args)
        for host, vnode in self.routers():
            host.vnode(f"B/{vnode}")


class Three(Ends, Topo):
    """Hosts 1 - 2 - 3 in a row, an edge at each end, VNet A across."""

    def __init__(self, prefix, datapath, mtu=1500):
        super().__init__(prefix, 3)
        h1, h2, h3 = self.hosts
        more = {"mtu": mtu} if mtu != 1500 else {}
        self.mids = self.make_trunks(mtu)
        self.make_edges(h1, h3, mtu)
        self.datapath = datapath
        self.base_network = {
            "version": 1,
            "hosts": {
                h1.name: {"ports": {"e1": {"role": "edge", **more}, "t12": {"role": "trunk", **more}}},
                h2.name: {"ports": {"t21": {"role": "trunk", **more},
                                    "t23": {"role": "trunk", **more}}},
                h3.name: {"ports": {"t32": {"role": "trunk", **more}, "e3": {"role": "edge", **more}}},
            },
            "links": [[f"{h1.name}:t12", f"{h2.name}:t21"], [f"{h2.name}:t23", f"{h3.name}:t32"]],
            "vlans": {"from": 100, "to": 199},
            "vnets": {"A": chain(prefix, 0, datapath, mtu if mtu != 1500 else None)},
            "groups": {"web": {"production": "A"}},
        }

    def make_trunks(self, mtu):
        h1, h2, h3 = self.hosts
        self.trunk(h1, "t12", h2, "t21", mtu)
        self.trunk(h2, "t23", h3, "t32", mtu)
        return []

    def routers(self):
        return list(zip(self.hosts, ("r1", "r2", "r3")))

    @staticmethod
    def txgen():
        return binary("tools/txgen")

    @staticmethod
    def mark_override():
        """For a shadow whose forwarded packets can be told from production's: DSCP 8."""
        rules = ("table inet shadowmark {\n chain f {\n  type filter hook postrouting priority 0;\n"
                 "  ip dscp set 8\n  ip6 dscp set 8\n }\n}\n")
        return {"vnodes": {name: {"nftables": rules} for name in ("r1", "r3")}}

    def edges(self):
        """(host, edge port, outside name, VNode, interface) of both ends."""
        return [(self.hosts[0], "e1", "left", "r1", "eth0"),
                (self.hosts[2], "e3", "right", "r3", "eth1")]
