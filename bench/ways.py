# SPDX-License-Identifier: GPL-2.0-only
"""The ways to forward: svnet, and the kernel's own. What copies are made is named in COPIES."""

import dataclasses
import subprocess
import sys

import watchers
from testbed import IN_MAC, PINS, PLANE_PINS, SINK_MAC, Dut, run

# Five terms. What the bench sends is UDP from ports 10000 … 10063, 10.1.0.2 to 10.2.0.2.
TERMS = "udp and portrange 10000-20000 and net 10.0.0.0/8 and not host 10.9.9.9 and len"


@dataclasses.dataclass(frozen=True)
class Copies:
    """What beside production gets the frames. The bench's svnet and its peers read the same list."""

    devices: tuple = ()  # counting sinks that get every frame
    mirror: tuple = ()  # what a peer mirrors to, where that is not `devices`
    sessions: tuple = ()  # svnet's: a line for bench/plane.c each
    shadow: bool = False
    watcher: type = None  # runs meanwhile: bench/watchers.py


COPIES = {
    "none": Copies(),
    "monitor": Copies(devices=("m0",), sessions=("m0 0",)),
    "shadow": Copies(devices=("h0",), shadow=True),
    "both": Copies(devices=("m0", "h0"), sessions=("m0 0",), shadow=True),
    "ring": Copies(sessions=("ring 0",), watcher=watchers.Skipper),
    "ring-reader": Copies(sessions=("ring 0",), watcher=watchers.Reader),
    "tcpdump": Copies(mirror=("t0",), sessions=("t0 0",), watcher=watchers.Tcpdump),
    # The last term decides, so all five are looked at; `-miss`: it says no.
    "filter": Copies(sessions=(f"ring 0 {TERMS} > 20",), watcher=watchers.Skipper),
    "filter-miss": Copies(sessions=(f"ring 0 {TERMS} < 20",)),
    "filter-monitor": Copies(devices=("m0",), sessions=(f"m0 0 {TERMS} > 20",)),
}


class Bridge(Dut):
    br_netfilter = True

    def configure(self):
        if not self.br_netfilter:
            run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", ns=self.ns, check=False)
        for i, pair in enumerate(self.pairs()):
            run("ip", "link", "add", "name", f"br{i}", "type", "bridge", ns=self.ns)
            run("ip", "link", "set", f"br{i}", "up", ns=self.ns)
            for dev in pair:
                run("ip", "link", "set", dev, "master", f"br{i}", ns=self.ns)
        # The far ends never speak: without this the bridge would flood.
        run("bridge", "fdb", "add", SINK_MAC, "dev", "d1", "master", "static", ns=self.ns)
        if self.path != "wire":
            run("bridge", "fdb", "add", IN_MAC, "dev", "v0", "master", "static", ns=self.ns)


class Mirred(Bridge):
    @property
    def watched(self):
        return "t0" in COPIES[self.copies].mirror

    def configure(self):
        super().configure()
        actions = []
        for dev in COPIES[self.copies].devices + COPIES[self.copies].mirror:
            actions += (["pipe"] if actions else []) + ["action", "mirred", "egress", "mirror",
                                                        "dev", dev]
        run("tc", "qdisc", "add", "dev", "d0", "clsact", ns=self.ns)
        run("tc", "filter", "add", "dev", "d0", "ingress", "protocol", "all", "prio", "1", "u32",
            "match", "u32", "0", "0", *actions, ns=self.ns)


class PlainBridge(Bridge):
    br_netfilter = False


class PlainMirred(Mirred):
    br_netfilter = False


class Nft(Dut):
    def configure(self):
        rules = "table netdev bench {\n"
        for i, (a, b) in enumerate(self.pairs()):
            devices = COPIES[self.copies].devices if i == 0 else ()
            dups = "".join(f'dup to "{dev}"\n' for dev in devices)
            rules += (f"chain c{i} {{\ntype filter hook ingress device {a} priority 0\n"
                      f'{dups}fwd to "{b}"\n}}\n')
        run("nft", "-f", "-", ns=self.ns, text=rules + "}\n")


class Route(Dut):
    def configure(self):
        run("ip", "link", "set", "d0", "address", IN_MAC, ns=self.ns)
        self.make_router(self.ns, "d0", "d1")


class Drop(Dut):
    def configure(self):
        pin = f"{PINS}/drop"
        run(self.lab.gen, "sink", "d0", pin, ns=self.ns)
        self.counters["d1"] = pin


class Bare(Dut):
    """XDP that looks at nothing: what a redirect itself costs."""

    def configure(self):
        for i, (a, b) in enumerate(self.pairs()):
            run(self.lab.gen, "bare", a, b, *(COPIES[self.copies].devices if i == 0 else ()),
                ns=self.ns)


class Svnet(Dut):
    """svnet itself: bench/plane.c sets up what the agent's compiler would.

    There is one plane at a time, as on a real host: each has programs on tracepoints of the machine.
    """

    roles = {"d0": "edge", "d1": "trunk", "v0": "vnode", "v1": "vnode", "m0": "vnode", "h0": "vnode",
             "t0": "vnode"}
    monitors = ("m0", "t0")
    watched = True
    share = 100  # percent of a busy CPU for copies: the rows of copies ask for all of them

    def configure(self):
        self.process, self.datapath = None, None

    def start(self):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.ns}", self.lab.plane, PLANE_PINS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answer("start")
        self.command(f"share {self.share}")

    def switch(self, datapath):
        """Ports and offloads as the agent would set them for XDP or for TC."""
        if datapath == self.datapath:
            return
        # Nobody finishes checksums after an XDP redirect.
        tx = "off" if datapath == "xdp" else "on"
        ends = [(self.source, self.source_dev), (self.far, self.far_dev)] if self.hosts else []
        for ns, dev in [(self.vnode, "e0"), (self.vnode, "e1")] + ends:
            run("ethtool", "-K", dev, "tx", tx, ns=ns)
        for dev, role in self.roles.items():
            # A monitor sends nothing, so XDP has nothing to do there.
            self.command(f"port {dev} {role} {'tc' if dev in self.monitors else datapath}")
        self.datapath = datapath

    def answer(self, command):
        lines = []
        while True:
            line = self.process.stdout.readline()
            if line == "ok\n":
                return lines
            if not line or line.startswith("error"):
                sys.exit(f"bench: plane: {command}: {line.strip() or 'it ended'}")
            lines.append(line.strip())

    def command(self, text):
        self.process.stdin.write(text + "\n")
        return self.answer(text)

    def start_datapath(self, datapath):
        if not self.process:
            self.start()
        self.switch(datapath)

    def prepare(self, row):
        self.start_datapath(row["datapath"])
        if row.get("many"):
            self.command(f"many {row['many']} {self.datapath}")
            return
        copies = COPIES[row["copies"]]
        self.set_row(row["path"], row["tag"], copies.sessions, copies.shadow)

    def set_row(self, path, tag, sessions=(), shadow=False):
        self.command("session none")
        for session in sessions:
            self.command(f"session {session}")
        self.command(f"row {path} {tag} {'shadow' if shadow else 'none'} {self.datapath}")

    def session_counters(self, number=1):
        """What a session counted, by reason."""
        found = {}
        for line in self.command("counters"):
            who, what = line.split(": ")
            if who == f"session {number}":
                name, n = what.split()
                found[name] = int(n)
        return found

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(timeout=30)
            self.process, self.datapath = None, None
