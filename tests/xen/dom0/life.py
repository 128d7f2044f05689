# SPDX-License-Identifier: GPL-2.0-only
"""Domains that come and go, crash, and whose helper is killed: production and the host stay as they were."""
import glob
import json
import os
import signal
import threading
import time

import domains
from chain import Chain, Flow, router
from lib.shell import need, wait_for
from lib.tap import scenario

ROUNDS = 30


def free_memory():
    return int(domains.info()["free_memory"])


def lone(name):
    """A VNet of one domain that joins nothing: its interface has a link to itself only."""
    return {"vnodes": {"x": router(name, ["10.9.0.1/24"], []), "y": router(name, ["10.9.0.2/24"], [])},
            "links": {"l": {"ends": ["x:eth0", "y:eth0"]}}, "edges": {}}


@scenario("life: made and destroyed thirty times, Xen is as it was", Chain, ("auto",))
def rounds(chain):
    host = chain.hosts[0]
    network = chain.network()
    network["vnets"]["C"] = lone("c")
    before, memory = None, None
    uuids = set()
    for n in range(ROUNDS // 2 + 1):
        chain.apply(network)
        uuids |= {chain.domain(v)[1] for v in ("C/x", "C/y")}
        chain.apply(chain.base_network)
        if n == 0:
            # What the first round leaves once and for all (xenstore's own folders) is no leak.
            before, memory = chain.traces(), wait_free()
    after = chain.traces()
    for what, had in before.items():
        need(after[what] == had, f"{what}: more {sorted(after[what] - had)[:6]}, "
             f"less {sorted(had - after[what])[:6]}")
    need(abs(wait_free() - memory) <= 1, f"Xen had {memory} MiB free, and has {wait_free()}")
    need(len(uuids) == 2 * (ROUNDS // 2 + 1), f"only {len(uuids)} domains were made")
    need(host.alive(), "svnetd died")


def wait_free():
    """Xen scrubs what a domain had a little after it."""
    last = -1
    while free_memory() != last:
        last = free_memory()
        time.sleep(1)
    return last


def crash(chain, vnode):
    """A guest's kernel panics; returns the number of the domain that it was."""
    domid, _ = chain.domain(vnode)
    chain.tell(vnode, "echo c >/proc/sysrq-trigger")
    return domid


@scenario("life: a guest that crashes is told, and made again or left as its policy says", Chain, ("auto",))
def crashes(chain):
    host = chain.hosts[0]
    before = host.vnode_row("A/r2")["restarts"]
    domid = crash(chain, "A/r2")
    wait_for("a new domain of A/r2", lambda: chain.running("A/r2") and chain.domain("A/r2")[0] != domid,
             90, 0.5)
    row = host.vnode_row("A/r2")
    need(row["restarts"] == before + 1 and "crashed" in row["note"], f"status: {row}")
    need("crashed" in host.log_tail(60), f"nobody said that it crashed: {host.log_tail(8)}")
    chain.ready()

    network = chain.network()
    network["vnets"]["A"]["vnodes"]["r2"]["xen"]["restart"] = "never"
    chain.apply(network)
    domid = crash(chain, "A/r2")
    wait_for("A/r2 to be told to have crashed", lambda: host.vnode_row("A/r2")["state"] == "failed" and
             "crashed" in host.vnode_row("A/r2")["note"], 30, 0.5)
    time.sleep(3)
    need(host.vnode_row("A/r2")["state"] == "failed", "it was made again, against its policy")
    host.try_svnet("vnode", "start", "A/r2")
    wait_for("A/r2 to be started by hand", lambda: chain.running("A/r2") and
             chain.domain("A/r2")[0] != domid, 60, 0.5)
    chain.ready()


def helper(op, child):
    """The svnet-xl that does `op`, once it has a child with that word in its command line."""
    found = None
    words = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                words[int(path.split("/")[2])] = f.read().split("\0")
        except OSError:
            continue
    for pid, argv in words.items():
        if argv[0].endswith("svnet-xl") and "call" in argv:
            try:
                # Its request is a file; reading it must not move the helper's own place in it.
                with open(f"/proc/{pid}/fd/0", encoding="utf-8") as f:
                    found = pid if json.load(f)["op"] == op else found
            except (OSError, ValueError):
                continue
    if found and child and not any(child in " ".join(argv) for argv in words.values()):
        return None
    return found


class Assassin(threading.Thread):
    """Kills one helper after the other, each at the step that the list says: what it does, a child that it has
    by then, seconds since it had."""

    def __init__(self, steps):
        super().__init__(daemon=True)
        self.left = list(steps)
        self.done = []
        self.over = False
        self.start()

    def run(self):
        while self.left and not self.over:
            op, child, delay = self.left[0]
            pid = helper(op, child)
            if not pid:
                time.sleep(0.005)
                continue
            time.sleep(delay)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was done
            self.done.append(self.left.pop(0))

    def end(self):
        self.over = True
        self.join()


def wanted(chain, *vnodes):
    """Only these domains are there, and only their vifs."""
    wait_for(f"only the domains of {vnodes} to be there", lambda: set(domains.domains()) ==
             {chain.domain_name(v) for v in vnodes}, 60, 0.5)
    need(len(domains.vifs()) == 2 * len(vnodes), f"vifs: {domains.vifs()}")


ORIGINALS, COPIES = ("A/r1", "A/r2"), ("B/r1", "B/r2")


@scenario("life: the helper is killed in each step of create, start, clone and destroy", Chain, ("auto",))
def helper_killed(chain):
    host = chain.hosts[0]
    network = chain.network()
    network["vnets"]["C"] = lone("c")
    before = chain.traces()
    killers = []
    with Flow(chain, rate=200) as flow:
        # An attempt that fails is made again by itself.
        killers.append(Assassin([("clone", "", 0), ("clone", "--save-domain", 0.2),
                                 ("clone", "--restore-domain", 0), ("unpause", "", 0)]))
        host.try_svnet("--timeout", "120s", "shadow", "start", "B", "--of", "A", timeout=150)
        wait_for("the clones to run after all", lambda: chain.running("B/r1") and
                 chain.running("B/r2"), 120, 0.5)
        need(host.group("web")["live"] == "A", f"live is {host.group('web')['live']}")
        wanted(chain, *ORIGINALS, *COPIES)
        killers.append(Assassin([("destroy", "", 0), ("destroy", "", 0.3)]))
        host.try_svnet("--timeout", "120s", "shadow", "finish", "web", timeout=150)
        wanted(chain, *ORIGINALS)
        sent, got = flow.stop()
        killers.append(Assassin([("create", "", 0), ("create", "", 0.5), ("destroy", "", 0.1)]))
        host.try_svnet("--timeout", "90s", "apply", chain.write(network), timeout=120)
        wait_for("C to run after all", lambda: chain.running("C/x") and chain.running("C/y"), 90, 0.5)
        host.try_svnet("--timeout", "90s", "apply", chain.write(chain.base_network), timeout=120)
        wanted(chain, *ORIGINALS)
    for killer in killers:
        killer.end()
        need(not killer.left, f"never at work when it was to be killed: {killer.left}")
    need(not got["duplicated"], f"{got['duplicated']} packets came twice: a shadow was heard")
    need(got["max_gap_ns"] < 4e9, f"production stood still for {got['max_gap_ns'] / 1e9:.1f} s")
    after = chain.traces()
    for what, had in before.items():
        new = {n for n in after[what] - had if ".log" not in n}
        need(not new, f"{what} left: {sorted(new)[:6]}")
    chain.ready()
    return f"{sum(len(k.done) for k in killers)} helpers killed; {sent['sent'] - got['unique']} of " \
           f"{sent['sent']} packets lost, longest gap {got['max_gap_ns'] / 1e9:.2f} s"
