# SPDX-License-Identifier: GPL-2.0-only
"""Orders and changes that meet a host which was away, made anew, or in trouble."""
import json
import os
import struct
import time

from lib.shell import need, wait_for
from lib.tap import scenario
from lib.topo import Three
from scenarios.gate import heard_is, live_is, start_b


# A program that does not end when it is told to: who changes it waits for that.
STUBBORN = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


def made_anew(host):
    """What a reboot leaves of a host: nothing but the store, which is elsewhere."""
    done = host.purge()
    need(done.returncode == 0, f"{host.name}: purge: {done.stderr}")
    host.start()


def has_opened(host):
    def opened():
        group = host.group("web")
        return int(group["word"][0], 16) != 0 and not host.status()["errors"]
    wait_for(f"{host.name} to open its gate", opened, 30)


@scenario("orders: a gate that is new waits for an instant that is still to come", Three)
def pending(topo):
    start_b(topo)
    first, _, last = topo.hosts
    first.svnet("flip", "web", "--to", "B", "--at", "+1h")
    made_anew(last)
    has_opened(last)
    live = last.group("web")["live"]
    need(live == "A", f"an hour before its time, {live} is heard at {last.name}")
    first.svnet("flip", "web", "--to", "B")
    live_is(topo, "B")


@scenario("orders: a clock that is stepped while the daemon is away moves its flip all the same", Three, ("tc",))
def stepped(topo):
    start_b(topo)
    last = topo.hosts[2]
    slot, hour = last.gate_slot("e3"), 3600_000_000
    topo.hosts[0].svnet("flip", "web", "--to", "B", "--at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200)))
    armed = wait_for("the order to be armed", lambda: last.gate_words(slot)[0] >> 16 and last.gate_words(slot)[0])
    last.kill()
    # As it would have been armed by a clock that was an hour ahead.
    last.map_update("sv_gate", struct.pack("=I", 2 * slot), struct.pack("=Q", armed - (hour << 16)))
    last.start()
    now = wait_for("the order to be armed again", lambda: last.gate_words(slot)[0] != armed - (hour << 16)
                   and last.gate_words(slot)[0])
    need(now & 0xffff == armed & 0xffff and abs((now >> 16) - (armed >> 16)) < 1_000_000,
         f"{armed:#x} before, {now:#x} now")
    topo.hosts[0].svnet("rollback", "web")
    live_is(topo, "A")


@scenario("orders: a flip of an earlier boot is settled, however long that one lasted", Three, ("tc",))
def earlier(topo):
    start_b(topo)
    first = topo.hosts[0]
    first.svnet("flip", "web", "--to", "B")
    first.svnet("flip", "web", "--to", "A", "--at", "+300ms")
    time.sleep(0.6)
    live_is(topo, "A")
    for host in topo.hosts:
        host.kill()
    copy, year = Copy(topo), 365 * 86400 * 1_000_000
    order = copy.document["doc"]["flips"]["web"]
    order["at_us"] += year
    order["wall_minus_boot_us"] -= year
    order["boot"] = "another"
    copy.write()
    topo.start_agents()
    first.svnet("shadow", "finish", "web")
    need("B" not in first.vnets(), "B is still there")


@scenario("orders: nobody flips to a shadow that a host has not made yet", Three)
def behind(topo):
    first, _, last = topo.hosts
    last.kill()
    code, _, text = first.try_svnet("shadow", "start", "B", "--of", "A", "--timeout", "1s")
    need(code == 5, f"shadow start with {last.name} away: exit {code}: {text}")
    code, _, text = first.try_svnet("flip", "web", "--to", "B", "--timeout", "1s")
    need(code == 1 and last.name in text and "force" in text,
         f"a flip to what {last.name} does not have: exit {code}: {text}")
    need(first.group("web")["live"] == "A", "it was flipped all the same")
    last.start()
    last.vnode("B/r3")
    wait_for("the flip", lambda: first.try_svnet("flip", "web", "--to", "B")[0] == 0, 20)
    live_is(topo, "B")


class Copy:
    """Of the document as it is now."""

    def __init__(self, topo):
        self.topo, self.path = topo, f"{topo.folders['store']}/document.json"
        with open(self.path, encoding="utf-8") as f:
            self.document = json.load(f)

    def write(self):
        with open(self.path + ".copy", "w", encoding="utf-8") as f:
            json.dump(self.document, f)
        os.rename(self.path + ".copy", self.path)

    def put_back(self):
        self.write()
        wait_for("the agents to take the copy", lambda: all(
            h.status()["revision"] == self.document["revision"] for h in self.topo.hosts), 20)


@scenario("orders: a document from a copy takes orders as the lost one did", Three)
def put_back(topo):
    start_b(topo)
    first, copy = topo.hosts[0], Copy(topo)
    first.svnet("flip", "web", "--to", "B")
    first.svnet("flip", "web", "--to", "A")
    copy.put_back()
    live_is(topo, "A")
    first.svnet("flip", "web", "--to", "B")
    live_is(topo, "B")
    heard_is(topo, "B")


@scenario("orders: a copy that does not know who is heard lets its own be heard, and nobody by mistake", Three, ("tc",))
def unknown(topo):
    copy = Copy(topo)
    start_b(topo)
    topo.hosts[0].svnet("flip", "web", "--to", "B")
    heard_is(topo, "B")
    copy.put_back()
    topo.ready()
    live_is(topo, "A")
    start_b(topo)  # in the role that the one before had; A is heard


@scenario("orders: after a hold, a flip to be confirmed meets a host that was made anew", Three, ("xdp",))
def held(topo):
    start_b(topo)
    first, _, last = topo.hosts
    first.svnet("hold", "web")
    done = last.purge()
    need(done.returncode == 0, f"{last.name}: purge: {done.stderr}")
    first.try_svnet("flip", "web", "--to", "B", "--confirm", "60s", "--force", "--timeout", "1s")
    last.start()
    wait_for("B to be heard everywhere", lambda: all(
        host.group("web")["live"] == "B" for host, *_ in topo.edges()), 30)
    first.svnet("confirm", "web")
    heard_is(topo, "B")


@scenario("orders: a shadow that cannot be made keeps production from nothing", Three)
def trouble(topo):
    first = topo.hosts[0]
    bad = {"vnodes": {"r1": {"nftables": "this is no ruleset"}}}
    code, _, text = first.try_svnet("shadow", "start", "B", "--of", "A", "--override",
                                    topo.write(bad, "bad.json"))
    need(code == 1 and "B/r1" in text and "nftables" in text,
         f"a shadow with a bad ruleset: exit {code}: {text}")
    made_anew(first)
    topo.ready()
    need(first.group("web")["live"] == "A", "A is not heard again")
    need(any("B/r1" in e for e in first.status()["errors"]), "the trouble is not said any more")
    good = {"vnodes": {"r1": {"nftables": "table inet f { }"}}}
    first.svnet("shadow", "update", "B", "--override", topo.write(good, "good.json"))
    first.svnet("flip", "web", "--to", "B")
    live_is(topo, "B")


@scenario("orders: a device made anew, under its old number on one side, is taken up again", Three)
def same_number(topo):
    first, second, _ = topo.hosts
    topo.trunk_anew(first, "t12", second, "t21", index=first.net.ifindex("t12"))
    topo.ready()
    for host in (first, second):
        need(host.plan(topo.write(topo.base_network)) == [], f"{host.name}: something is left to do")


def plans(host):
    return host.log_tail(10000).count("operations done")


@scenario("orders: a device made anew while a plan is carried out is taken up by the next", Three)
def meanwhile(topo):
    first, second, other = topo.hosts
    net = topo.network()
    net["vnets"]["A"]["vnodes"]["r1"]["program"] = STUBBORN
    topo.apply(net)
    time.sleep(0.5)
    before = plans(first)
    net["vnets"]["A"]["vnodes"]["r1"]["program"] = STUBBORN + ["more"]
    other.try_svnet("apply", topo.write(net), "--timeout", "100ms")
    time.sleep(0.5)
    topo.trunk_anew(first, "t12", second, "t21")
    need(plans(first) == before, "the plan was over already")
    topo.ready()


@scenario("orders: an interface that goes leaves nothing to do", Three)
def interface_goes(topo):
    first, second, _ = topo.hosts
    net = topo.network()
    vnet = net["vnets"]["A"]
    for name in ("r1", "r2"):
        vnet["vnodes"][name]["interfaces"]["more"] = {}
    vnet["links"]["more"] = {"ends": ["r1:more", "r2:more"]}
    topo.apply(net)
    topo.apply(topo.base_network)
    for host in (first, second):
        left = host.plan(topo.write(topo.base_network))
        need(left == [], f"{host.name}: {left} are left to do")
    topo.ready()


@scenario("orders: hold does not wait for a plan that takes long", Three)
def hold_at_once(topo):
    start_b(topo)
    first = topo.hosts[0]
    net = topo.network()
    net["vnets"]["A"]["vnodes"]["r1"]["program"] = STUBBORN
    topo.apply(net)
    time.sleep(0.5)
    first.kill()
    other = topo.hosts[2]
    net["vnets"]["A"]["vnodes"]["r1"]["program"] = STUBBORN + ["more"]
    other.try_svnet("hold", "web", "--timeout", "100ms")
    other.try_svnet("apply", topo.write(net), "--timeout", "100ms")
    slot = first.gate_slot("e1")
    began = time.monotonic()
    first.start(wait=False)
    wait_for("the hold", lambda: first.gate_words(slot)[0] == 0, 20, 0.02)
    took = time.monotonic() - began
    need(took < 3, f"the hold took {took:.1f} s")
    first.wait()
    first.svnet("flip", "web", "--to", "A")
