# SPDX-License-Identifier: GPL-2.0-only
"""Domains that come and go, crash, and whose helper is killed: production and the host stay as they were."""
import copy
import os
import re
import signal
import time
from datetime import datetime

import domains
import mini
from chain import Chain, DOM0, Flow
from lib.shell import binary, need, run, wait_for
from lib.tap import scenario

ROUNDS, EACH = 5, 6  # thirty domains
PATIENCE = 300  # seconds: how long an emulated machine takes is not what is asked here
ORIGINALS, COPIES = ("A/r1", "A/r2"), ("B/r1", "B/r2")


class Alone(Chain):
    """The same hosts, and nobody whose packets they carry: nothing but what is asked takes the CPU."""

    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath)
        self.base_network.update(vnets={}, groups={})

    def up(self):
        self.start_agents()
        apply(self, self.base_network)

    def ready(self):
        pass


def tiny(kernel, **more):
    return {"host": DOM0, "driver": "xen", "interfaces": {"eth0": {}},
            "xen": {"type": "pv", "kernel": kernel, "memory": 16, "vcpus": 1, **more}}


def apart(**vnodes):
    """A VNet that nothing joins to the others: its VNodes in pairs."""
    names = list(vnodes)
    return {"vnodes": vnodes, "edges": {}, "links": {f"l{n}": {"ends": [f"{a}:eth0", f"{b}:eth0"]}
            for n, (a, b) in enumerate(zip(names[::2], names[1::2]))}}


def ask(chain, *args):
    """What an operator types, and waits for; it may fail."""
    return chain.hosts[0].try_svnet("--timeout", f"{PATIENCE}s", *args, timeout=PATIENCE + 30)


def apply(chain, network):
    code, _, err = ask(chain, "apply", chain.write(network))
    need(not code, f"svnet apply: exit {code}: {err}")


def traces(chain):
    """Also what libxl remembers of domains, and whoever still saves or restores one."""
    helpers = run("pgrep", "-fa", "libxl-save-helper", check=False).stdout.splitlines()
    return {**chain.traces(), "libxl": set(os.listdir("/var/lib/xen")), "processes": set(helpers)}


def lasts(name):
    """Logs, and what libxl writes down of dom0 when it makes its first domain."""
    return ".log" in name or name.startswith("/local/domain/0/memory")


def same_as(before, after, but=lambda name: False):
    """Nothing of what domains leave is more than it was."""
    for what, had in before.items():
        new = {n for n in after[what] - had if not but(n)}
        need(not new, f"{what}: more {sorted(new)[:6]}, less {sorted(had - after[what])[:6]}")


def free_memory():
    """Xen scrubs what a domain had a little after it."""
    last, now = -1, int(domains.info()["free_memory"])
    while now != last:
        time.sleep(0.5)
        last, now = now, int(domains.info()["free_memory"])
    return now


@scenario("life: thirty domains made and destroyed, and Xen is as it was", Alone, ("auto",))
def rounds(chain):
    network, uuids, took = chain.network(), set(), []
    for n, count in enumerate([2] + [EACH] * ROUNDS):
        network["vnets"]["C"] = apart(**{f"x{i}": tiny(mini.idle()) for i in range(count)})
        began = time.monotonic()
        apply(chain, network)
        rows = [r for r in chain.hosts[0].status()["vnodes"] if r["name"].startswith("C/")]
        need(len(rows) == count and all(r["state"] == "running" for r in rows), f"not all of them run: {rows}")
        uuids |= {row["config"]["c_info"]["uuid"] for name, row in domains.domains().items()
                  if name.startswith(chain.domain_name("C/"))}
        apply(chain, chain.base_network)
        wanted(chain)
        took.append((time.monotonic() - began) / count)
        if n == 0:
            # What the first round leaves once and for all (xenstore's own folders) is no leak.
            before, memory = traces(chain), free_memory()
    after, left = traces(chain), free_memory()
    same_as(before, after, lasts)
    same_as(after, before)
    need(abs(left - memory) <= 1, f"Xen had {memory} MiB free, and has {left}")
    need(len(uuids) == 2 + EACH * ROUNDS, f"only {len(uuids)} domains were made")
    need(chain.hosts[0].alive(), "svnetd died")
    return f"{EACH * ROUNDS} domains after the first two, {min(took):.1f} to {max(took):.1f} s each; " \
           f"{len(after['xenstore'])} folders in xenstore and {left} MiB free before and after"


# ---- crashes -----------------------------------------------------------------------------------------


def sysrq(chain, vnode, key):
    """What an operator at a serial line does to a guest's kernel: "c" crashes it, "o" turns it off."""
    domid, _ = chain.domain(vnode)
    run("xl", "sysrq", str(domid), key)
    return domid


def made_anew(chain, vnode, domid):
    wait_for(f"a new domain of {vnode}", lambda: chain.running(vnode) and chain.domain(vnode)[0] != domid,
             PATIENCE, 1)


def restarts(host, vnode):
    """When its restarts were, as the agent's log tells them."""
    with open(host.log, encoding="utf-8") as f:
        lines = re.findall(rf"^(\S+)Z \S+ .*{vnode}: its guest crashed: made anew, restart (\d+)", f.read(), re.M)
    return [(int(n), datetime.fromisoformat(t).timestamp()) for t, n in lines]


def ended(host, vnode, why):
    row = host.vnode_row(vnode)
    return row["state"] == "failed" and why in row["note"]


def restart_agent(chain):
    """As systemd does it: production's domains are found, and left alone."""
    host, before = chain.hosts[0], [chain.domain(v) for v in ORIGINALS]
    host.kill(signal.SIGTERM)
    host.start()
    need([chain.domain(v) for v in ORIGINALS] == before, "domains were made anew for an agent's restart")


@scenario("life: a guest that crashes or ends is told of, and made again or left as its policy says", Alone, ("auto",))
def crashes(chain):
    host = chain.hosts[0]
    network = chain.network()
    network["vnets"]["C"] = apart(again=tiny(mini.crashing()), never=tiny(mini.crashing(), restart="never"),
                                  off=tiny(mini.ending()), always=tiny(mini.ending(), restart="always"))
    apply(chain, network)
    wait_for("C/never to be told to have crashed", lambda: ended(host, "C/never", "its guest crashed"), PATIENCE, 1)
    wait_for("C/off to be told to have ended", lambda: ended(host, "C/off", "shut itself down"), PATIENCE, 1)
    wait_for("C/again to crash three times more", lambda: len(restarts(host, "C/again")) >= 3, PATIENCE, 1)
    wait_for("C/always to be made again", lambda: host.vnode_row("C/always")["restarts"], PATIENCE, 1)
    need("crashed" in host.vnode_row("C/again")["note"], f"status: {host.vnode_row('C/again')}")
    need(ended(host, "C/never", "its guest crashed") and ended(host, "C/off", "shut itself down"),
         "one was made again, against its policy")
    when = dict(restarts(host, "C/again"))
    # It waits 3 s from when it began, in whole seconds.
    need("its guest crashed again: restart 3 in" in host.log_tail(10000) and when[3] - when[2] >= 2,
         f"restarts of C/again were at {when}")
    domid, _ = chain.domain("C/never")
    host.svnet("vnode", "start", "C/never")
    wait_for("C/never to be started by hand", lambda: chain.domain("C/never")[0] != domid, PATIENCE, 1)
    apply(chain, chain.base_network)
    wanted(chain)
    return f"{when[2] - when[1]:.1f} and {when[3] - when[2]:.1f} s between restarts"


# ---- its helper is killed ----------------------------------------------------------------------------


class Knife:
    """The agent's helper is one that is killed where it is told to be (knife.sh)."""

    def __init__(self, chain):
        self.chain = chain
        self.dir = f"{chain.folders['base']}/knife"
        self.env = {"SVNET_XL": os.path.join(os.path.dirname(os.path.realpath(__file__)), "knife.sh"),
                    "KNIFE": self.dir, "KNIFE_XL": binary("svnet-xl")}

    def __enter__(self):
        os.makedirs(self.dir, exist_ok=True)
        self.give()
        os.environ.update(self.env)
        restart_agent(self.chain)
        return self

    def __exit__(self, *exc):
        for name in self.env:
            del os.environ[name]
        restart_agent(self.chain)

    def give(self, *steps):
        with open(f"{self.dir}/steps", "w", encoding="utf-8") as f:
            f.writelines(f"{s}\n" for s in steps)

    def left(self):
        with open(f"{self.dir}/steps", encoding="utf-8") as f:
            return f.read().splitlines()

    def need_done(self):
        need(not self.left(), f"never at work where it was to be killed: {self.left()}")


def wanted(chain, *vnodes):
    """Only these domains are there, and only their vifs."""
    wait_for(f"only the domains of {vnodes} to be there", lambda: domains.names() ==
             {chain.domain_name(v) for v in vnodes}, PATIENCE, 0.5)
    wait_for("only their vifs to be there", lambda: len(domains.vifs()) == 2 * len(vnodes), 10, 0.2)


def all_run(chain, *vnodes):
    wait_for(f"{vnodes} to run after all", lambda: all(chain.running(v) for v in vnodes), PATIENCE, 1)


def openings(chain):
    """How often a shadow's frame has gone out so far: scenarios before this one may have flipped."""
    return chain.hosts[0].log_tail(100000).count("first frame out as role 2")


def silent(chain, got, what, before):
    """Only A was heard: B forwards every packet of the flow as well."""
    need(not got["duplicated"], f"{what}: {got['duplicated']} packets came twice: a shadow was heard")
    group = chain.hosts[0].group("web")
    need(group["live"] == "A", f"{what}: live is {group['live']}")
    need(openings(chain) == before, f"{what}: the gate let B out")


def seconds_of(got):
    return got["max_gap_ns"] / 1e9


def patient(chain, limit_ms):
    """How long a machine takes for a clone is not what is asked here."""
    network = chain.network()
    for vnode in network["vnets"]["A"]["vnodes"].values():
        vnode["xen"]["pause_limit_ms"] = limit_ms
    apply(chain, network)
    return network


CLONE = ("clone begin", "clone still", "clone saver", "clone saved", "clone --restore-domain", "clone end",
         "unpause begin")
CREATE = ("create begin", "create made", "create script", "create end", "unpause begin")
DESTROY = ("destroy begin", "destroy script", "destroy end")


@scenario("life: its helper is killed in each step of start, clone and destroy", Chain, ("auto",))
def helper_killed(chain):
    alone = patient(chain, 60000)
    network = copy.deepcopy(alone)
    network["vnets"]["C"] = apart(x=tiny(mini.idle()), y=tiny(mini.idle()))
    before, opened = traces(chain), openings(chain)
    with Knife(chain) as knife, Flow(chain, rate=200) as flow:
        # An attempt that fails is made again by itself.
        knife.give(*CLONE)
        ask(chain, "shadow", "start", "B", "--of", "A")
        all_run(chain, *COPIES)
        knife.need_done()
        wanted(chain, *ORIGINALS, *COPIES)
        crash_of_a_shadow(chain)
        knife.give(*DESTROY)
        ask(chain, "shadow", "finish", "web")
        wanted(chain, *ORIGINALS)
        knife.need_done()
        knife.give(*CREATE)
        ask(chain, "apply", chain.write(network))
        all_run(chain, "C/x", "C/y")
        knife.need_done()
        apply(chain, alone)
        wanted(chain, *ORIGINALS)
        sent, got = flow.stop()
    silent(chain, got, "killed", opened)
    need(seconds_of(got) < 4, f"production stood still for {seconds_of(got):.1f} s")
    same_as(before, traces(chain), lasts)
    chain.ready()
    return f"{len(CLONE + CREATE + DESTROY)} helpers killed; {sent['sent'] - got['unique']} of " \
           f"{sent['sent']} packets lost, longest gap {seconds_of(got):.2f} s"


def crash_of_a_shadow(chain):
    made_anew(chain, "B/r1", sysrq(chain, "B/r1", "c"))
    row = chain.hosts[0].vnode_row("B/r1")
    need("its guest crashed" in row["note"], f"status of a shadow that crashed: {row}")


RARE_S = 60


@scenario("life: a clone that fails each time is tried more and more rarely", Chain, ("auto",))
def rarely(chain):
    host, opened = chain.hosts[0], openings(chain)
    with Knife(chain) as knife:
        with Flow(chain, rate=100) as flow:
            steps = ["clone still"] * 100
            knife.give(*steps)
            ask(chain, "shadow", "start", "B", "--of", "A")
            time.sleep(RARE_S)
            tried = len(steps) - len(knife.left())
            said = host.status()["errors"]
            sent, got = flow.stop()
        # Of each of the two at 0, 1, 4, 11, 26 and 57 s.
        need(4 <= tried <= 14, f"{tried} clones were tried in about {RARE_S} s")
        need(any("may have stood still for" in e and "svnet-xl" in e for e in said), f"not said: {said}")
        silent(chain, got, "rarely", opened)
        knife.give()
        all_run(chain, *COPIES)
    return f"{tried} tries; {sent['sent'] - got['unique']} of {sent['sent']} packets lost, longest gap " \
           f"{seconds_of(got):.2f} s"


LIMIT_MS = 5000


@scenario("life: its helper hangs, or dies with the agent, while production stands still", Chain, ("auto",))
def helper_hangs(chain):
    host = chain.hosts[0]
    patient(chain, LIMIT_MS)
    before, opened = traces(chain), openings(chain)
    with Knife(chain) as knife:
        with Flow(chain, rate=200) as flow:
            knife.give("clone hangs")
            ask(chain, "shadow", "start", "B", "--of", "A")
            all_run(chain, *COPIES)
            knife.need_done()
            sent, hung = flow.stop()
        silent(chain, hung, "hung", opened)
        ask(chain, "shadow", "finish", "web")
        wanted(chain, *ORIGINALS)
        with Flow(chain, rate=200, stream=2) as flow:
            knife.give("clone alone")
            ask(chain, "shadow", "start", "B", "--of", "A")
            wait_for("the agent to be killed", lambda: not host.alive(), PATIENCE, 0.1)
            host.start()
            all_run(chain, *COPIES)
            knife.need_done()
            _, alone = flow.stop()
        silent(chain, alone, "alone", opened)
    ask(chain, "shadow", "finish", "web")
    wanted(chain, *ORIGINALS)
    # What it is given to say that it is over, and what it takes to find that out and to resume production.
    need(seconds_of(hung) < LIMIT_MS / 1000 + 4, f"production stood still for {seconds_of(hung):.1f} s while the helper hung")
    need(seconds_of(alone) < 5, f"production stood still for {seconds_of(alone):.1f} s until the agent was back")
    same_as(before, traces(chain), lasts)
    return f"longest gaps {seconds_of(hung):.2f} s with a helper that hung, {seconds_of(alone):.2f} s with one " \
           f"killed with the agent; {sent['sent'] - hung['unique']} of {sent['sent']} packets lost"
