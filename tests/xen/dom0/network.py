# SPDX-License-Identifier: GPL-2.0-only
"""A network of domains: applied, watched over by an agent that may die, shadowed, flipped, and gone."""
import signal
import time

import domains
from chain import Chain, Flow, Outside, arp_request, echo_request, neighbour
from lib.shell import need, note, out, wait_for
from lib.tap import scenario
from lib.traffic import Rx, marked, send

PROBER = "02:00:00:00:00:77"


@scenario("domains: traffic crosses two of them, over an edge and a trunk's VLAN", Chain, ("auto",))
def crosses(chain):
    with Flow(chain) as flow:
        time.sleep(3)
        sent, got = flow.stop()
    need(sent["sent"] > 500 and got["unique"] == sent["sent"] and not got["duplicated"],
         f"{sent['sent']} sent, {got['unique']} arrived, {got['duplicated']} repeated, {got['gaps'][:5]}")
    with Rx(chain.mid, "w0", write=True) as rx:
        send(chain.outside["left"], "u0", chain.user_frame("left", "right", stream=9), count=5)
        rx.stop()
    tag = b"\x81\x00" + chain.vlan("A").to_bytes(2, "big")
    need(len([f for f in rx.frames if f[12:16] == tag and marked(f)]) == 5,
         "on the trunk the packets are not on their VLAN")
    for row in chain.hosts[0].status()["attachments"]:
        need(row["datapath"] == "tc", f"{row['port']} goes by {row['datapath']}: {row.get('why')}")
    for dev in domains.vifs():
        need("master" not in out("ip", "link", "show", "dev", dev), f"{dev} is in a bridge")
    return f"{sent['sent']} packets in {sent['elapsed']:.1f} s, Xen's own vifs {domains.vifs()}"


@scenario("domains: weights, caps and identities are what Xen says", Chain, ("auto",))
def read_back(chain):
    network = chain.network()
    vnodes = network["vnets"]["A"]["vnodes"]
    vnodes["r1"]["cpu_weight"], vnodes["r2"]["xen"]["cap"] = 150, 60
    uuids = {v: chain.domain(v)[1] for v in ("A/r1", "A/r2")}
    chain.apply(network)
    rows = {}
    for line in out("xl", "sched-credit2").splitlines():
        words = line.split()
        if len(words) == 4 and words[2].isdigit():
            rows[words[0]] = (int(words[2]), int(words[3]))
    for vnode, weight, cap in (("A/r1", 384, 0), ("A/r2", 256, 60)):
        name = chain.domain_name(vnode)
        need(rows[name] == (weight, cap), f"Xen has {vnode} with (weight, cap) {rows[name]}")
        domid, uuid = chain.domain(vnode)
        need(uuid == uuids[vnode], f"{vnode} was made anew for a weight")
        row = chain.hosts[0].vnode_row(vnode)
        said = row.get("xen") or row.get("detail") or row
        need((said.get("weight"), said.get("cap")) == (weight, cap) and said.get("domid") == domid and
             str(said.get("uuid")).lower() == uuid.lower(), f"status of {vnode} says {row}")


@scenario("domains: the agent is killed and finds them again, without a loss", Chain, ("auto",))
def adopted(chain):
    host = chain.hosts[0]
    before = {v: chain.domain(v) for v in ("A/r1", "A/r2")}
    with Flow(chain, rate=500) as flow:
        time.sleep(1)
        for how in (signal.SIGKILL, signal.SIGTERM):
            host.kill(how)
            time.sleep(1)
            host.start()
        wait_for("the VNodes to be running", lambda: chain.running("A/r1") and chain.running("A/r2"), 30)
        time.sleep(1)
        sent, got = flow.stop()
    need({v: chain.domain(v) for v in before} == before, "domains were made anew")
    need(got["unique"] == sent["sent"], f"{sent['sent']} sent, {got['unique']} arrived: {got['gaps'][:5]}")
    return f"{sent['sent']} packets while svnetd was killed, and ended"


def start_shadow(chain):
    """Under traffic; returns what the operator and the users saw of it."""
    with Flow(chain) as flow:
        time.sleep(1)
        began = time.monotonic()
        chain.shadow()
        took = time.monotonic() - began
        time.sleep(1)
        sent, got = flow.stop()
    gap = got["max_gap_ns"] / 1e9
    need(got["duplicated"] == 0, f"{got['duplicated']} packets came twice: a shadow was heard")
    need(0 < gap <= 3, f"production stood still for {gap:.2f} s")
    return f"shadow start took {took:.1f} s; longest gap {gap:.2f} s; {sent['sent'] - got['unique']} of " \
           f"{sent['sent']} packets lost meanwhile"


def answers_on_its_vlan(chain, vnet, answer=True):
    """A ping on a VNet's VLAN of the trunk, from beside the far host, to the gateway that it has there."""
    vlan = chain.vlan(vnet)
    mac = chain.gateway_mac("right")
    with Rx(chain.mid, "w0", write=True) as rx:
        for _ in range(3):
            send(chain.mid, "w0", [arp_request(PROBER, "10.3.0.77", "10.3.0.1", vlan),
                                   echo_request(mac, PROBER, "10.3.0.77", "10.3.0.1", vlan)], rate=10)
            time.sleep(0.5)
        rx.stop()
    back = [f for f in rx.frames if f[12:16] == b"\x81\x00" + vlan.to_bytes(2, "big") and
            b"shadow B" * 4 in f and f[38:39] == b"\0"]  # an echo reply
    need(bool(back) == answer, f"on VLAN {vlan} of {vnet} {len(back)} answers came")


def threads(chain, vnet):
    """(name, nice value, seconds of CPU time) of the threads that serve a VNet's vifs."""
    ports = [chain.vif(f"{vnet}/{r}", n) for r in ("r1", "r2") for n in (0, 1)]
    rows = []
    for line in out("ps", "-eo", "comm:32,ni,cputimes").splitlines()[1:]:
        name, nice, seconds = line.split()[-3:]
        if any(name.startswith((f"napi/{p}-", f"{p}-q")) for p in ports):
            rows.append((name, int(nice), int(seconds)))
    return rows


def placed(chain, aside, production):
    """The receive work of one VNet's vifs is in threads of low priority, the other's is not."""
    def so():
        low, high = threads(chain, aside), threads(chain, production)
        return all(nice == 19 for _, nice, _ in low) and all(nice == 0 for _, nice, _ in high) and \
            len([n for n, _, _ in low if n.startswith("napi/")]) == 4 and \
            len([n for n, _, _ in low if n.endswith("guest-rx")]) == 4
    wait_for(f"the threads of {aside}'s vifs to be at low priority, and {production}'s not", so, 30, 0.3)


def forwarded(chain):
    """By VNet: packets that the far host took from the trunk for its edge, and kept in."""
    rows = chain.hosts[1].status()["attachments"]
    return {r["vnet"]: (r["counters"]["forwarded"]["packets"], r["counters"]["gate-shadow"]["packets"])
            for r in rows if r["port"] == "t2"}


def heard_alone(chain, live, other):
    """What gets out is one VNet's, while the other is at work as well."""
    before = forwarded(chain)
    time.sleep(1)
    after = forwarded(chain)
    out_of = {v: tuple(a - b for a, b in zip(after[v], before[v])) for v in (live, other)}
    need(out_of[live][0] > 100 and out_of[other][0] == 0 and out_of[other][1] > 100 and
         out_of[live][1] == 0, f"(forwarded, kept in) while {live} was to be heard: {out_of}")


@scenario("domains: a shadow of running ones, silent until it is heard, and no trace of it", Chain, ("auto",))
def shadow(chain):
    host, left = chain.hosts[0], chain.outside["left"]
    before = chain.traces()
    note(start_shadow(chain))
    answers_on_its_vlan(chain, "B")
    placed(chain, "B", "A")
    chain.talk("B/r1", "B/r2")
    with Outside(chain) as outside:
        time.sleep(2)
        heard = outside.heard()
    need(not any(heard), f"the shadow was heard outside: {[len(h) for h in heard]} frames")

    mac = neighbour(left, "10.1.0.1")
    need(mac, "left has no neighbour entry")
    with Flow(chain) as flow, Outside(chain) as outside:
        time.sleep(1)
        host.svnet("flip", "web", "--to", "B")
        heard_alone(chain, "B", "A")
        heard = outside.heard()
        host.svnet("flip", "web", "--to", "A")
        heard_alone(chain, "A", "B")
        sent, got = flow.stop()
    need(all(heard), "what a heard VNet says was not seen: the test of silence proves nothing")
    need(neighbour(left, "10.1.0.1") == mac, "the external host got another neighbour entry")
    gap = got["max_gap_ns"] / 1e9
    note(f"flip and roll-back: longest gap {gap:.2f} s; {sent['sent'] - got['unique']} of {sent['sent']} "
         f"packets lost, {got['duplicated']} repeated")
    need(gap <= 3, f"the flow stood still for {gap:.2f} s: {got['gaps'][:5]}, {sent}")

    host.svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)
    wait_for("the shadow's traces to go", lambda: chain.traces()["domains"] == before["domains"], 30)
    after = chain.traces()
    for what, had in before.items():
        need(after[what] <= had, f"{what} left: {sorted(after[what] - had)[:8]}")
    chain.ready()
