#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Forwarding rates of svnet against the kernel's own ways, on one CPU, in interleaved rounds.

Every way to forward is a device under test (Dut): a network namespace with the same devices,

    source ns      host ns (the Dut)                                       far end ns
    s ──veth── d0 ─┬─────────── wire ──────────────────┬─ d1 ──veth── k   counts and drops
                   └─ v0 ──veth── VNode (routes) ── v1 ┘
                   copies:  m0 ──veth── m (monitor), h0 ──veth── h (shadow): count and drop

What is forwarded is counted at the far end, not where it is sent. See README.md.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

CPU = 1
IN_VLAN, FIRST_VLAN = 100, 1
MANY = 4000
BUDGET = 540  # seconds: a round that would end later is not begun, but there are three at least
SRC_MAC, SINK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
IN_MAC, OUT_MAC = "02:00:00:00:00:11", "02:00:00:00:00:12"
SRC_IP, SINK_IP = "10.1.0.2", "10.2.0.2"
COPIES = {"none": [], "monitor": ["m0"], "shadow": ["h0"], "both": ["m0", "h0"]}
PREFIX = f"svbench{os.getpid()}"
PINS = f"/sys/fs/bpf/{PREFIX}"


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

    def remove(self):
        stop_planes(self)
        self.namespaces.remove()
        for pin in os.listdir(PINS):
            os.unlink(f"{PINS}/{pin}")
        os.rmdir(PINS)


# ---- devices under test -------------------------------------------------------------------------


class Dut:
    """One way to forward. `ends`: counting sinks at the far ends, or hosts with a stack (TCP)."""

    def __init__(self, lab, name, path, copies="none", hosts=False):
        self.lab, self.name, self.path, self.copies, self.hosts = lab, name, path, copies, hosts
        self.number = len(lab.duts)
        lab.duts[name] = self
        self.ns = lab.namespaces.add(f"{self.number}")
        self.counters = {}
        self.add_ends()
        for dev in ("m0", "h0"):
            self.add_sink(dev)
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
    def configure(self):
        super().configure()
        actions = []
        for dev in COPIES[self.copies]:
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
            dups = "".join(f'dup to "{dev}"\n' for dev in COPIES[self.copies] if i == 0)
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
            run(self.lab.gen, "bare", a, b, *(COPIES[self.copies] if i == 0 else []), ns=self.ns)


class Svnet(Dut):
    """svnet itself: bench/plane.c sets up what the agent's compiler would.

    There is one plane at a time, as on a real host: each has programs on tracepoints of the machine.
    """

    roles = {"d0": "edge", "d1": "trunk", "v0": "vnode", "v1": "vnode", "m0": "vnode", "h0": "vnode"}

    def configure(self):
        self.process, self.datapath = None, None

    def start(self):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.ns}", self.lab.plane,
             f"/sys/fs/bpf/{PREFIX}-plane"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answer("start")

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
            self.command(f"port {dev} {role} {'tc' if dev == 'm0' else datapath}")
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

    def prepare(self, row):
        if not self.process:
            self.start()
        self.switch(row["datapath"])
        if row.get("many"):
            self.command(f"many {row['many']} {self.datapath}")
        else:
            self.command(f"row {row['path']} {row['tag']} {row['copies']} {self.datapath}")

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(timeout=30)
            self.process, self.datapath = None, None


# ---- rows ----------------------------------------------------------------------------------------

PEERS = {"bridge": Bridge, "mirred": Mirred, "nft": Nft, "route": Route, "drop": Drop,
         "tc": Svnet, "xdp": Svnet,
         "bridge-plain": PlainBridge, "mirred-plain": PlainMirred, "bare": Bare}
DATAPATHS = ("drop", "bare", "route", "bridge", "bridge-plain", "mirred", "mirred-plain", "nft",
             "tc", "xdp")
# Measured for comparison, beside the rows proper.
REFERENCES = ("bare", "bridge-plain", "mirred-plain")


def meaningful(path, datapath, copies, tag):
    if datapath in ("drop", "route"):
        return path == "wire" and copies == "none" and tag == "same"
    if datapath.startswith("bridge"):
        return copies == "none" and tag == "same"
    if datapath.startswith("mirred"):
        return copies != "none" and tag == "same"
    if datapath in ("nft", "bare"):
        return tag == "same"
    # A shadow gets its copies at an edge; what a trunk brings for an edge is one VNet's alone.
    return not (path == "wire" and tag == "pop" and copies in ("shadow", "both"))


def forwarding_rows():
    rows = []
    for size in (64, 1518):
        for path in ("wire", "vnode"):
            for copies in COPIES:
                for tag in ("same", "push", "pop"):
                    for datapath in DATAPATHS:
                        if meaningful(path, datapath, copies, tag):
                            rows.append({"path": path, "datapath": datapath, "copies": copies,
                                         "tag": tag, "size": size})
    return rows


def many_rows():
    base = {"path": "wire", "datapath": "xdp", "copies": "none", "tag": "same", "size": 64}
    return [base | {"many": 2, "vlans": 1}, base | {"many": MANY, "vlans": 1},
            base | {"many": 2, "vlans": 2}, base | {"many": MANY, "vlans": MANY}]


def tcp_rows():
    return [{"path": path, "datapath": datapath}
            for path in ("through", "from") for datapath in ("bridge", "bridge-plain", "tc", "xdp")]


def name_of(row):
    if "size" not in row:
        return f"tcp {row['path']} {row['datapath']}"
    many = f" attachments={row['many']} vlans={row['vlans']}" if row.get("many") else ""
    return f"{row['path']} {row['datapath']} {row['copies']} {row['tag']} {row['size']}{many}"


def dut_of(lab, row):
    """svnet changes its attachments from row to row; every other way is set up once for each."""
    if "size" not in row:
        kind = "svnet" if row["datapath"] in ("tc", "xdp") else row["datapath"]
        name, args = f"tcp {kind}", dict(path="vnode", hosts=True)
    elif row["datapath"] in ("tc", "xdp"):
        name, args = "svnet", dict(path="vnode")
    else:
        name = f"{row['datapath']} {row['path']} {row['copies']}"
        args = dict(path=row["path"], copies=row["copies"])
    return lab.duts.get(name) or PEERS[row["datapath"]](lab, name, **args)


# ---- measuring ---------------------------------------------------------------------------------


def frame_len(row, tagged):
    """Sizes are as on the wire, with the check sequence; a long frame's tag comes on top."""
    return row["size"] - 4 + (4 if tagged and row["size"] > 1500 else 0)


def measure_forwarding(lab, row, seconds):
    dut = dut_of(lab, row)
    dut.prepare(row)
    tagged = row["tag"] == "pop" or row.get("many")
    vlan = ["--vid", str(FIRST_VLAN if row.get("many") else IN_VLAN),
            "--vlans", str(row.get("vlans", 1))] if tagged else []
    to_router = row["path"] == "vnode" or row["datapath"] == "route"
    counted = ["d1"] + COPIES[row["copies"]]
    out = json.loads(run(
        lab.gen, "send", dut.source_dev, "--len", str(frame_len(row, tagged)),
        "--seconds", str(seconds), "--cpu", str(CPU), "--src", SRC_MAC,
        "--dst", IN_MAC if to_router else SINK_MAC, "--saddr", SRC_IP, "--daddr", SINK_IP, *vlan,
        *[arg for dev in counted for arg in ("--count", dut.counters[dev])], ns=dut.source))
    forwarded = out["counted"][0]
    if not forwarded:
        sys.exit(f"bench: {name_of(row)}: nothing was forwarded of {out['attempted']}")
    for dev, n in zip(counted[1:], out["counted"][1:]):
        if n < 0.99 * forwarded:
            row.setdefault("notes", set()).add(f"copies to {dev} were lost")
    return forwarded / out["seconds"] / 1000


def measure_tcp(lab, row, seconds):
    dut = dut_of(lab, row)
    dut.prepare(row | {"path": "vnode", "tag": "same", "copies": "none"})
    server = subprocess.Popen(["nsenter", f"--net=/run/netns/{dut.far}", "iperf3", "-s", "-1", "-A",
                               "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_listening(dut.far)
        client = dut.source if row["path"] == "through" else dut.vnode
        out = json.loads(run("iperf3", "-c", SINK_IP, "-J", "-A", str(CPU), "-t", str(seconds),
                             ns=client))
        server.wait(timeout=10)
    finally:
        server.kill()
        server.wait()
    return out["end"]["sum_received"]["bits_per_second"] / 1e9


def wait_listening(ns):
    for _ in range(100):
        if run("ss", "-Hltn", "sport", "=", "5201", ns=ns).strip():
            return
        time.sleep(0.02)
    sys.exit("bench: iperf3 does not listen")


def spread(values):
    return {"min": round(min(values), 2), "median": round(statistics.median(values), 2),
            "max": round(max(values), 2)}


# ---- the targets ----------------------------------------------------------------------------------


class Results:
    def __init__(self, rows):
        self.rows = rows

    def series(self, **want):
        found = [r for r in self.rows if all(r.get(k) == v for k, v in want.items())]
        return found[0]["seen"] if found else None

    def kpps(self, datapath, path="wire", copies="none", tag="same", size=64):
        return self.series(datapath=datapath, path=path, copies=copies, tag=tag, size=size, many=None)

    def many(self, many, vlans):
        return self.series(many=many, vlans=vlans)


def ratio(over, under):
    """The median over the rounds: what was measured close together is compared, since the machine's
    own speed may change threefold within a run."""
    return statistics.median([a / b for a, b in zip(over, under)]) if over and under else None


def targets(res):
    """name, what was seen, "at least" or "at most", target"""
    k = res.kpps
    yield "xdp wire / bridge", ratio(k("xdp"), k("bridge")), ">=", 3.5
    yield "xdp wire / drop", ratio(k("xdp"), k("drop")), ">=", 0.65
    yield "xdp wire monitored / mirred", ratio(k("xdp", copies="monitor"),
                                               k("mirred", copies="monitor")), ">=", 3.0
    for tag in ("push", "pop"):
        yield f"xdp wire {tag} / bridge", ratio(k("xdp", tag=tag), k("bridge")), ">=", 3.0
        yield (f"xdp wire {tag} monitored / mirred",
               ratio(k("xdp", tag=tag, copies="monitor"), k("mirred", copies="monitor")), ">=", 2.6)
    yield "xdp vnode / bridge", ratio(k("xdp", "vnode"), k("bridge", "vnode")), ">=", 1.9
    yield ("xdp vnode monitored / mirred",
           ratio(k("xdp", "vnode", "monitor"), k("mirred", "vnode", "monitor")), ">=", 2.2)
    for path in ("wire", "vnode"):
        yield f"tc {path} / bridge", ratio(k("tc", path), k("bridge", path)), ">=", 1.2
        yield (f"tc {path} monitored / mirred",
               ratio(k("tc", path, "monitor"), k("mirred", path, "monitor")), ">=", 1.2)
    yield (f"cost {MANY} attachments / 2, traffic on one",
           ratio(res.many(2, 1), res.many(MANY, 1)), "<=", 1.1)
    yield (f"cost {MANY} attachments / 2, traffic on all",
           ratio(res.many(2, 2), res.many(MANY, MANY)), "<=", 1.1)
    for row in res.rows:
        auto = auto_of(row)
        if auto != row["datapath"] or row.get("many"):
            continue
        yield f"auto {name_of(row)} / bridge", ratio(row["seen"], bridge_of(res, row)), ">=", 1.0


def show_more(res):
    """What puts the targets into proportion: no target of its own."""
    k = res.kpps
    yield "xdp wire / bare redirect", ratio(k("xdp"), k("bare"))
    yield "xdp wire monitored / bare redirect to two", ratio(k("xdp", copies="monitor"),
                                                            k("bare", copies="monitor"))
    yield "bare redirect / drop", ratio(k("bare"), k("drop"))
    yield "bridge without br_netfilter / bridge", ratio(k("bridge-plain"), k("bridge"))
    for path in ("wire", "vnode"):
        for dp in ("xdp", "tc"):
            yield (f"{dp} {path} / bridge without br_netfilter",
                   ratio(k(dp, path), k("bridge-plain", path)))
            yield (f"{dp} {path} monitored / mirred without br_netfilter",
                   ratio(k(dp, path, "monitor"), k("mirred-plain", path, "monitor")))


def auto_of(row):
    """What the agent's compiler chooses: XDP from wire to wire, TC where a VNode is met."""
    return "xdp" if row["path"] == "wire" else "tc"


def bridge_of(res, row):
    if "size" not in row:
        return res.series(path=row["path"], datapath="bridge")
    peer = "bridge" if row["copies"] == "none" else "mirred"
    return res.kpps(peer, row["path"], row["copies"], "same", row["size"])


def judge(res):
    ratios = {}
    for name, seen, op, target in targets(res):
        if seen is None:
            continue
        ok = seen >= target if op == ">=" else seen <= target
        ratios[name] = {"seen": round(seen, 3), "target": f"{op} {target}", "ok": ok}
    for name, seen in show_more(res):
        if seen is not None:
            ratios[name] = {"seen": round(seen, 3), "target": None, "ok": None}
    return ratios


# ---- the report ---------------------------------------------------------------------------------


def print_table(rows):
    print(f"\n{'size':>5} {'path':6} {'copies':8} {'tag':5} {'datapath':12} "
          f"{'kpps':>8} {'min':>8} {'max':>8}  / bridge")
    res = Results(rows)
    for row in rows:
        if "size" not in row or row.get("many"):
            continue
        s, base = spread(row["seen"]), ratio(row["seen"], bridge_of(res, row))
        print(f"{row['size']:5} {row['path']:6} {row['copies']:8} {row['tag']:5} "
              f"{row['datapath']:12} {s['median']:8.0f} {s['min']:8.0f} {s['max']:8.0f}  "
              f"{f'{base:5.2f}' if base else '    -'}  {', '.join(sorted(row.get('notes', ())))}")
    for row in rows:
        if row.get("many"):
            s = spread(row["seen"])
            print(f"{row['many']:5} attachments, traffic on {row['vlans']:4}: {s['median']:8.0f} "
                  f"{s['min']:8.0f} {s['max']:8.0f} kpps")
    for row in rows:
        if "size" not in row:
            s = spread(row["seen"])
            print(f"  tcp {row['path']:8} {row['datapath']:12} {s['median']:8.2f} {s['min']:8.2f} "
                  f"{s['max']:8.2f} Gbit/s")


def print_targets(ratios):
    print()
    for name, r in ratios.items():
        if r["target"]:
            print(f"target {name} {r['target']}: seen {r['seen']:.2f} "
                  f"{'ok' if r['ok'] else 'MISSED'}")
    print()
    for name, r in ratios.items():
        if not r["target"]:
            print(f"for proportion: {name}: {r['seen']:.2f}")
    missed = [name for name, r in ratios.items() if r["ok"] is False]
    aims = sum(1 for r in ratios.values() if r["target"])
    print(f"\n{aims - len(missed)} of {aims} targets reached")
    for name in missed:
        print(f"MISSED: {name} {ratios[name]['target']}: {ratios[name]['seen']:.2f}")


def write_report(path, rows, ratios):
    keys = ("path", "datapath", "copies", "tag", "size")
    forwarding = [{k: row[k] for k in keys} | {"kpps": spread(row["seen"])}
                  for row in rows if "size" in row and not row.get("many")]
    tcp = [{"path": row["path"], "datapath": row["datapath"], "gbit": spread(row["seen"])}
           for row in rows if "size" not in row]
    report = {
        "rows": [row for row in forwarding if row["datapath"] not in REFERENCES],
        "tcp": [row for row in tcp if row["datapath"] not in REFERENCES],
        "ratios": ratios,
        "references": [row for row in forwarding + tcp if row["datapath"] in REFERENCES],
    }
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(report, f, indent=1)
        f.write("\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", 6)))
    parser.add_argument("--seconds", type=float,
                        default=float(os.environ.get("BENCH_SECONDS", 0.25)))
    parser.add_argument("--only", default="", help="rows whose name matches this expression")
    return parser.parse_args()


def stop_planes(lab):
    for dut in lab.duts.values():
        dut.stop()


def measure_all(lab, rows, args):
    for row in rows:
        row["seen"] = []
        dut_of(lab, row)
    started = time.time()
    for i in range(args.rounds):
        for row in (row for row in rows if "size" in row):
            row["seen"].append(measure_forwarding(lab, row, args.seconds))
        stop_planes(lab)
        for row in (row for row in rows if "size" not in row):
            row["seen"].append(measure_tcp(lab, row, max(1, round(4 * args.seconds))))
        stop_planes(lab)
        took = time.time() - started
        print(f"round {i + 1} of {args.rounds}, {took:.0f} s", flush=True)
        if i >= 2 and took * (i + 2) / (i + 1) > BUDGET:
            print("no more rounds: the machine is busy, and the bench is to end within 10 minutes")
            break


def main():
    args = arguments()
    # SIGTERM must also remove what was made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))
    rows = [row for row in forwarding_rows() + many_rows() + tcp_rows()
            if re.search(args.only, name_of(row))]
    lab = Lab(os.path.abspath(args.build))
    try:
        measure_all(lab, rows, args)
    finally:
        lab.remove()
    print_table(rows)
    ratios = judge(Results(rows))
    print_targets(ratios)
    write_report(f"{args.build}/bench/forwarding.json", rows, ratios)


if __name__ == "__main__":
    main()
