# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of the rates, and what was seen. No target is ever loosened."""

import statistics

MANY = 4000


def name_of(row):
    if "size" not in row:
        return f"tcp {row['path']} {row['datapath']}"
    many = f" attachments={row['many']} vlans={row['vlans']}" if row.get("many") else ""
    return f"{row['path']} {row['datapath']} {row['copies']} {row['tag']} {row['size']}{many}"


class Results:
    def __init__(self, rows):
        self.rows = rows

    def series(self, **want):
        found = [r for r in self.rows if all(r.get(k) == v for k, v in want.items())]
        return found[0]["seen"] if found else None

    def kpps(self, datapath, path="wire", copies="none", tag="same", size=64):
        return self.series(datapath=datapath, path=path, copies=copies, tag=tag, size=size, many=None)

    def lost(self, datapath, copies, size=64):
        """In all rounds."""
        found = [r for r in self.rows if (r.get("datapath"), r.get("copies"), r.get("size")) ==
                 (datapath, copies, size)]
        return found[0].get("lost", 0) if found else None

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
    yield from targets_of_selection(res)
    yield (f"cost {MANY} attachments / 2, traffic on one",
           ratio(res.many(2, 1), res.many(MANY, 1)), "<=", 1.1)
    yield (f"cost {MANY} attachments / 2, traffic on all",
           ratio(res.many(2, 2), res.many(MANY, MANY)), "<=", 1.1)
    for row in res.rows:
        auto = auto_of(row)
        if auto != row["datapath"] or row.get("many") or not bridge_of(res, row):
            continue
        yield f"auto {name_of(row)} / bridge", ratio(row["seen"], bridge_of(res, row)), ">=", 1.0


def targets_of_selection(res):
    k = res.kpps
    reader, dump = k("xdp", copies="ring-reader"), k("xdp", copies="tcpdump")
    yield "xdp ring-reader / xdp unmirrored", ratio(reader, k("xdp")), ">=", 0.8
    yield "xdp ring-reader, records lost", res.lost("xdp", "ring-reader"), "<=", 0
    yield "xdp ring-reader / xdp tcpdump", ratio(reader, dump), ">=", 2.2
    yield ("xdp ring-reader / mirred tcpdump", ratio(reader, k("mirred", copies="tcpdump")), ">=", 4.0)
    for copies, without in (("filter", "ring"), ("filter-monitor", "monitor"),
                            ("filter-miss", "none")):
        for dp in ("xdp", "tc"):
            yield (f"{dp} {copies} / {without}",
                   ratio(k(dp, copies=copies), k(dp, copies=without)), ">=", 0.85)


def show_more(res):
    """What puts the targets into proportion: no target of its own."""
    k = res.kpps
    yield "xdp wire / bare redirect", ratio(k("xdp"), k("bare"))
    yield "xdp wire monitored / bare redirect to two", ratio(k("xdp", copies="monitor"),
                                                            k("bare", copies="monitor"))
    yield "bare redirect / drop", ratio(k("bare"), k("drop"))
    yield "xdp ring / xdp unmirrored", ratio(k("xdp", copies="ring"), k("xdp"))
    yield ("xdp ring-reader / xdp unmirrored, 1518 bytes",
           ratio(k("xdp", copies="ring-reader", size=1518), k("xdp", size=1518)))
    yield "xdp ring-reader, records lost, 1518 bytes", res.lost("xdp", "ring-reader", 1518)
    yield "tc ring-reader / tc unmirrored", ratio(k("tc", copies="ring-reader"), k("tc"))
    yield ("xdp ring-reader / mirred tcpdump without br_netfilter",
           ratio(k("xdp", copies="ring-reader"), k("mirred-plain", copies="tcpdump")))
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
