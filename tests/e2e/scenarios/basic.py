# SPDX-License-Identifier: GPL-2.0-only
"""The network carries what users send: ping, UDP and TCP across three hosts."""
import time

from lib.account import begin_together, stop_between
from lib.shell import need
from lib.tap import scenario
from lib.tcp import tcp_transfer
from lib.topo import Three
from lib.traffic import Production, Rx, Tcpdump, marked, send


@scenario("basic: ping, UDP and TCP across three hosts", Three)
def basic(topo):
    left, right = topo.outside["left"], topo.outside["right"]
    for address in ("10.3.0.100", "fd00:3::100"):
        left.run("ping", "-c5", "-i0.05", "-W2", address)
    for v6 in (False, True):
        with Production(topo, rate=2000, size=200, v6=v6) as production:
            time.sleep(0.5)
            sent = production.check(f"UDP {'v6' if v6 else 'v4'}")
    with Rx(right, "u0") as rx:
        tcp_transfer(left, right, ["10.3.0.100", "fd00:3::100"])
        seen = rx.stop()["csum"]
        # "partial": merged by GRO, which has checked them.
        need(seen["bad"] == 0 and seen["ok"] + seen["partial"] > 20, f"checksums: {seen}")
    tcp_transfer(right, left, ["10.1.0.100", "fd00:1::100"])
    for host in topo.hosts:
        for row in host.status()["attachments"]:
            need(row["datapath"] == topo.datapath,
                 f"{host.name} {row['port']} goes by {row['datapath']}: {row.get('why')}")
    return f"{sent} datagrams each family, TCP both ways"


@scenario("accounting: counters equal tcpdump's counts on both sides", Three)
def accounting(topo):
    """A known number of frames in, seen by tcpdump going in and coming out, and in every counter."""
    left, right = topo.outside["left"], topo.outside["right"]
    h1, h3 = topo.hosts[0], topo.hosts[2]
    (edge_in, r3_out), (dump_in, dump_out) = begin_together(
        [(h1, "e1"), (h3, h3.port_of("A/r3", "eth1"))],
        lambda: (Tcpdump(left, "u0", direction="out"), Tcpdump(right, "u0", direction="in")))
    sent = send(left, "u0", topo.user_frame("left", "right", 5, size=300), 2000, 2000)["sent"]
    in_before, frames_in, in_after = stop_between(edge_in, dump_in.stop)
    out_before, frames_out, out_after = stop_between(r3_out, dump_out.stop)
    need(sum(map(marked, frames_in)) == sent == 2000, "tcpdump at the sender saw another number")
    need(sum(map(marked, frames_out)) == sent, f"{sum(map(marked, frames_out))} arrived")
    for name in ("received", "forwarded"):
        need(in_before[name] <= len(frames_in) <= in_after[name],
             f"the edge {name} {in_after[name]}, tcpdump saw {len(frames_in)} go in")
    need(out_before["forwarded"] <= len(frames_out) <= out_after["forwarded"],
         f"{out_after['forwarded']} forwarded to the exit, tcpdump saw {len(frames_out)} come out")
    return f"{len(frames_in)} in, {len(frames_out)} out"
