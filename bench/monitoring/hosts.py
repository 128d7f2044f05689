# SPDX-License-Identifier: GPL-2.0-only
"""The hosts that are compared: each forwards in its own way, and copies in its own way when told to.

The sender has one CPU, the host with everything of it the other: unharmed.py has the apparatus.
"""

import contextlib
import json

from testbed import SRC_MAC, run, veth
from unharmed import Host, set_device
from ways import Bridge, PlainBridge, Route

# Two monitors' devices: one takes its copies at once, in the softirq that made them; the other has a
# thread of its own at low priority, as svnet's agent gives it, and loses what it does not get to.
TAKING, SPARING = "h0", "m0"
POLL_NS = 20_000  # from when a device was found empty to the next look


class Watched:
    """What all have in common."""

    send, slice, histogram = Host.send, Host.slice, Host.histogram
    destination = "vnode"  # what send() calls a frame for a router; "wire" is for the far end

    def polled_devices(self):
        return [(self.ns, "d0")]

    @contextlib.contextmanager
    def polled(self):
        """Meanwhile the CPU that polls the host's device first polls it on, by a timer, as a NIC's moderation
        would have it. Only meanwhile: the timers of all hosts together would take a third of the CPU."""
        self.set_polling(POLL_NS, 2_000_000_000)
        try:
            yield
        finally:
            self.set_polling(0, 0)

    def set_polling(self, pause_ns, polls):
        for ns, dev in self.polled_devices():
            set_device(ns, dev, "gro_flush_timeout", pause_ns)
            set_device(ns, dev, "napi_defer_hard_irqs", polls)

    def copied(self):
        """Frames that reached a monitor."""
        return sum(self.count(self.counters[dev]) for dev in (TAKING, SPARING))

    @staticmethod
    def count(pin):
        out = json.loads(run("bpftool", "-j", "map", "dump", "pinned", pin))
        return sum(cpu["value"] for cpu in out[0]["formatted"]["values"])

    def set(self, way, state):
        """Before a bin. way: what it is called; state: alone, monitored, overloaded, half, budget, …"""
        raise NotImplementedError


class Mirred(Watched):
    """Copies by tc at the host's device."""

    def configure(self):
        super().configure()
        self.mirroring = False
        run("tc", "qdisc", "add", "dev", "d0", "clsact", ns=self.ns)

    def set(self, way, state):
        mirroring = state != "alone"
        if mirroring and not self.mirroring:
            run("tc", "filter", "add", "dev", "d0", "ingress", "protocol", "all", "prio", "1", "u32", "match",
                "u32", "0", "0", "action", "mirred", "egress", "mirror", "dev", TAKING, ns=self.ns)
        elif self.mirroring and not mirroring:
            run("tc", "filter", "del", "dev", "d0", "ingress", "prio", "1", ns=self.ns)
        self.mirroring = mirroring


class Routing(Mirred, Route):
    pass


class Bridging(Mirred, Bridge):
    @property
    def destination(self):
        return self.path


class BridgingPlain(Mirred, PlainBridge):
    pass


class Direct(Watched, Route):
    """A VNode that has the device itself. Nothing of the host sees its frames, so what copies them is a
    switch outside: emulated by a namespace whose work is done on the sender's CPU, with a mirror port
    that leads to the monitor's interface.

        source ── p0 switch p1 ── d0 VNode d1 ── far end
                         p2 ── monitor
    """

    def add_ends(self):
        self.switch = self.lab.namespaces.add(f"{self.number}w")
        self.source, self.source_dev = self.lab.source, f"s{self.number}"
        veth(self.source, self.source_dev, self.switch, "p0", mac_a=SRC_MAC)
        veth(self.switch, "p1", self.ns, "d0")
        run("ethtool", "-K", "d0", "gro", "on", ns=self.ns)
        self.add_sink("d1")

    def add_sink(self, dev):
        if dev != TAKING:
            super().add_sink(dev)
            return
        far_dev = f"{dev}-{self.number}"
        veth(self.switch, "p2", self.lab.far, far_dev)
        self.counters[dev] = self.lab.sink(self.lab.far, far_dev)

    def configure(self):
        super().configure()
        self.ports = None

    def polled_devices(self):
        return super().polled_devices() + [(self.lab.far, f"{TAKING}-{self.number}")]

    def set(self, way, state):
        ports = ("p1",) if state == "alone" else ("p1", "p2")
        if ports != self.ports:
            run(self.lab.gen, "bare", "p0", *ports, ns=self.switch)
        self.ports = ports


class Svnet(Watched, Host):
    """By TC or by XDP, as the way says."""

    def configure(self):
        super().configure()
        set_device(self.lab.far, f"{TAKING}-{self.number}", "threaded", 0)

    def set(self, way, state):
        """The host sheds copies when it is busy, unless they are wanted at any price."""
        sessions = ()
        if state.startswith("budget"):
            sessions = (f"{SPARING} {self.budget[way]}",)
        elif state != "alone":
            sessions = (f"{TAKING} 0",)
        self.start_datapath(way.removeprefix("svnet-"))
        self.command(f"share {100 if state in ('monitored', 'overloaded') else 'default'}")
        self.set_row("vnode", "same", sessions)
