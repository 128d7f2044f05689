# SPDX-License-Identifier: GPL-2.0-only
"""Namespaces, devices, and the ways to forward: what all measurements share.

Every way to forward is a device under test (Dut): a network namespace with the same devices,

    source ns      host ns (the Dut)                                       far end ns
    s ──veth── d0 ─┬─────────── wire ──────────────────┬─ d1 ──veth── k   counts and drops
                   └─ v0 ──veth── VNode (routes) ── v1 ┘
                   copies:  m0 ──veth── m (monitor), h0 ──veth── h (shadow): count and drop

What is forwarded is counted at the far end, not where it is sent.
"""

import os
import subprocess
import sys

SRC_MAC, SINK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
IN_MAC, OUT_MAC = "02:00:00:00:00:11", "02:00:00:00:00:12"
SRC_IP, SINK_IP = "10.1.0.2", "10.2.0.2"
PREFIX = f"svbench{os.getpid()}"
PINS = f"/sys/fs/bpf/{PREFIX}"
PLANE_PINS = f"{PINS}-plane"


# ---- namespaces and devices ---------------------------------------------------------------------


def run(*argv, ns=None, text=None, check=True):
    enter = ["nsenter", f"--net=/run/netns/{ns}"] if ns else []
    done = subprocess.run(enter + list(argv), input=text, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"bench: {' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespaces:
    def __init__(self):
        self.names = []

    def add(self, name):
        full = f"{PREFIX}-{name}"
        run("ip", "netns", "add", full)
        self.names.append(full)
        run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
            "net.ipv6.conf.default.disable_ipv6=1", ns=full)
        run("ip", "link", "set", "lo", "up", ns=full)
        return full

    def remove(self):
        for name in self.names:
            run("ip", "netns", "del", name, check=False)


def veth(ns_a, a, ns_b, b, mac_a=None, mac_b=None):
    run("ip", "link", "add", "name", a, *(["address", mac_a] if mac_a else []), "netns", ns_a,
        "type", "veth", "peer", "name", b, *(["address", mac_b] if mac_b else []), "netns", ns_b)
    for ns, dev in ((ns_a, a), (ns_b, b)):
        run("ip", "link", "set", dev, "up", ns=ns)


class Lab:
    """What all devices under test share: namespaces and the generator."""

    def __init__(self, build):
        self.gen, self.plane = f"{build}/bench/gen", f"{build}/bench/plane"
        self.reader, self.paced = f"{build}/bench/reader", f"{build}/bench/paced"
        self.namespaces = Namespaces()
        self.duts = {}
        if not os.path.ismount("/sys/fs/bpf"):
            run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        os.mkdir(PINS, 0o700)
        self.source = self.namespaces.add("source")
        self.far = self.namespaces.add("far")

    def sink(self, ns, dev):
        pin = f"{PINS}/{dev}"
        run(self.gen, "sink", dev, pin, ns=ns)
        return pin

    def stop_planes(self):
        for dut in self.duts.values():
            dut.stop()

    def remove(self):
        self.stop_planes()
        self.namespaces.remove()
        for pin in os.listdir(PINS):
            os.unlink(f"{PINS}/{pin}")
        os.rmdir(PINS)


# ---- devices under test -------------------------------------------------------------------------


class Dut:
    """One way to forward. `hosts`: far ends with a stack (TCP) instead of counting sinks."""

    watched = False  # has t0, for tcpdump at its other end

    def __init__(self, lab, name, path, copies="none", hosts=False):
        self.lab, self.name, self.path, self.copies, self.hosts = lab, name, path, copies, hosts
        self.number = len(lab.duts)
        lab.duts[name] = self
        self.ns = lab.namespaces.add(f"{self.number}")
        self.counters = {}
        self.add_ends()
        for dev in ("m0", "h0"):
            self.add_sink(dev)
        if self.watched:
            self.add_watched("t0")
        if path != "wire":
            self.add_vnode()
        self.configure()

    def add_ends(self):
        source = self.lab.namespaces.add(f"{self.number}a") if self.hosts else self.lab.source
        far = self.lab.namespaces.add(f"{self.number}b") if self.hosts else self.lab.far
        self.source, self.source_dev = source, f"s{self.number}"
        veth(source, self.source_dev, self.ns, "d0", mac_a=SRC_MAC)
        # Without its NAPI the device would not take the generator's frames.
        run("ethtool", "-K", "d0", "gro", "on", ns=self.ns)
        if not self.hosts:
            self.add_sink("d1")
            return
        self.far, self.far_dev = far, f"k{self.number}"
        veth(self.ns, "d1", far, self.far_dev, mac_b=SINK_MAC)
        run("ethtool", "-K", self.far_dev, "gro", "on", ns=far)
        run("ethtool", "-K", self.source_dev, "gro", "on", ns=source)
        self.address(source, self.source_dev, SRC_IP, "10.1.0.1", IN_MAC)
        self.address(far, self.far_dev, SINK_IP, "10.2.0.1", OUT_MAC)

    @staticmethod
    def address(ns, dev, address, gateway, gateway_mac):
        run("ip", "address", "add", f"{address}/24", "dev", dev, ns=ns)
        run("ip", "neigh", "replace", gateway, "lladdr", gateway_mac, "dev", dev, ns=ns)
        run("ip", "route", "add", "default", "via", gateway, ns=ns)

    def add_sink(self, dev):
        far_dev = f"{dev}-{self.number}"
        veth(self.ns, dev, self.lab.far, far_dev)
        self.counters[dev] = self.lab.sink(self.lab.far, far_dev)

    def add_watched(self, dev):
        """A monitor that hands frames to its stack, where tcpdump takes them."""
        self.watched_dev = f"{dev}-{self.number}"
        veth(self.ns, dev, self.lab.far, self.watched_dev)
        run("ethtool", "-K", self.watched_dev, "gro", "on", ns=self.lab.far)

    def add_vnode(self):
        self.vnode = self.lab.namespaces.add(f"{self.number}v")
        veth(self.ns, "v0", self.vnode, "e0", mac_b=IN_MAC)
        veth(self.ns, "v1", self.vnode, "e1", mac_b=OUT_MAC)
        self.make_router(self.vnode, "e0", "e1")
        for dev in ("e0", "e1"):
            run("ethtool", "-K", dev, "gro", "on", ns=self.vnode)

    @staticmethod
    def make_router(ns, left, right):
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=ns)
        for dev, address, peer, mac in ((left, "10.1.0.1/24", SRC_IP, SRC_MAC),
                                        (right, "10.2.0.1/24", SINK_IP, SINK_MAC)):
            run("ip", "address", "add", address, "dev", dev, ns=ns)
            run("ip", "neigh", "replace", peer, "lladdr", mac, "dev", dev, ns=ns)

    def pairs(self):
        """Which two devices of the host are joined."""
        return (("d0", "d1"),) if self.path == "wire" else (("d0", "v0"), ("v1", "d1"))

    def configure(self):
        raise NotImplementedError

    def prepare(self, row):
        """Before a row is measured."""

    def stop(self):
        pass
