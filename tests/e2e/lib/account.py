# SPDX-License-Identifier: GPL-2.0-only
"""Do the sums close? The kinds of every counter are read from maps/reason.h, the one list."""
import json
import re
import time

from .shell import ROOT, Fail, need, wait_for
from .traffic import received


def _kinds(macro):
    with open(f"{ROOT}/maps/reason.h", encoding="utf-8") as f:
        text = f.read()
    body = text[text.index(f"#define {macro}(X)"):]
    body = body[:body.index("\n\n")]
    rows = re.findall(r'X\((\w+),\s*(\w+),\s*"([^"]+)"', body)
    need(rows, f"no {macro} in maps/reason.h")
    return {name: kind for _, kind, name in rows}


KINDS = _kinds("SV_REASONS")
SESSION_KINDS = _kinds("SV_SHEDS")


def packets(counters, name):
    value = counters.get(name, 0)
    return value.get("packets", 0) if isinstance(value, dict) else value


def total(counters, kind, kinds=None, unit="packets"):
    kinds = kinds or KINDS
    value = 0
    for name, k in kinds.items():
        if k == kind:
            row = counters.get(name, 0)
            value += row.get(unit, 0) if isinstance(row, dict) else row
    return value


def dropped(counters):
    return {n: packets(counters, n) for n, k in KINDS.items() if k == "DROP" and packets(counters, n)}


def open_sums(status):
    """Every sum of a status that does not close, as text."""
    problems = []
    for row in status["attachments"]:
        where = f"{status['host']} {row['port']}.{row['vlan']} ({row['vnet']})"
        problems += _open(where, row["counters"], KINDS, "received")
    stray = status.get("unattached") or {}
    if packets(stray, "received") != packets(stray, "unattached"):
        problems.append(f"{status['host']}: frames without an attachment: {stray}")
    for row in status["sessions"]:
        problems += _open(f"{status['host']} session {row['name']}", row["counters"], SESSION_KINDS,
                          "matched")
    return problems


def _open(where, counters, kinds, first):
    unknown = set(counters) - set(kinds)
    if unknown:
        return [f"{where}: unknown counters {unknown}"]
    if not counters or first not in counters:
        return [f"{where}: no counter {first}"]
    problems = []
    for unit in ("packets", "bytes"):
        into = total(counters, "IN", kinds, unit)
        gone = total(counters, "OUT", kinds, unit) + total(counters, "DROP", kinds, unit)
        if into != gone:
            problems.append(f"{where}: {first} {into} {unit}, accounted for {gone}: {counters}")
    return problems


def check_closed(hosts, tries=15):
    """Closed on every host. A frame can be counted between two reads: look again, never forgive."""
    problems = ["?"]
    for _ in range(tries):
        problems = [p for host in hosts for p in open_sums(host.status())]
        if not problems:
            return
        time.sleep(0.2)
    raise Fail("the accounting does not close: " + "; ".join(problems[:4]))


class Delta:
    """Counters of one attachment since now."""

    def __init__(self, host, port, vlan=0):
        self.host, self.port, self.vlan = host, port, vlan
        self.before = host.attachment(port, vlan)["counters"]

    def get(self):
        after = self.host.attachment(self.port, self.vlan)["counters"]
        return {name: packets(after, name) - packets(self.before, name) for name in KINDS}


def begin_together(places, start, tries=20):
    """Counters of (host, port) places and the sniffers that start() returns, from the same frame on.
    Devices speak of their own accord (ARP, ND, MLD): when one did meanwhile, once more."""
    for _ in range(tries):
        counters = [Delta(*place) for place in places]
        sniffers = start()
        if not any(c.get()["received"] for c in counters):
            return counters, sniffers
        for sniffer in sniffers:
            sniffer.stop()
    raise Fail(f"something passes {places} all the time")


def stop_between(delta, stop):
    """Stops a sniffer between two looks at the counters: (before, what it says, after). What a device
    sends of its own accord meanwhile may be in either, so the sniffer's number lies between theirs;
    mostly they are the same."""
    before = delta.get()
    said = stop()
    time.sleep(0.1)
    return before, said, delta.get()


def session_counters(host, name):
    for row in host.status()["sessions"]:
        if row["name"] == name:
            return {k: packets(row["counters"], k) for k in SESSION_KINDS}
    raise Fail(f"{host.name} has no session {name}")


def device_lost(host, port, session):
    """Copies that a session's own device lost after they were handed to it: by XDP as the tracepoint
    counts them (the device's own figure loses some when two CPUs send at once), by TC as the device
    does. What it refused at TC is the session's shed-tx."""
    row = next((r for r in host.status()["ports"] if r["name"] == port), None)
    if row is None:
        raise Fail(f"{host.name} has no port {port}")
    if packets(row["counters"], "xdp-sent"):
        return packets(row["counters"], "xdp-lost")
    stats = json.loads(host.net.out("ip", "-j", "-s", "link", "show", "dev", port))[0]["stats64"]
    return stats["tx"]["dropped"] - session_counters(host, session)["shed-tx"]


def all_came(host, session, vnode, iface, since=0):
    """Every copy came, or its device says that it lost it; how many came. The monitor's share of a busy
    CPU is small: what is on its way is waited for."""
    port = host.port_of(vnode, iface)

    def figures():
        return (session_counters(host, session)["copied"], received(host.vnode(vnode), iface) - since,
                device_lost(host, port, session))

    def closed():
        copied, came, lost = figures()
        return copied == came + lost
    try:
        wait_for("", closed, 15, 0.1)
    except Fail:
        raise Fail("{}: {} copied, {} came, its device lost {}".format(session, *figures())) from None
    return figures()[1]
