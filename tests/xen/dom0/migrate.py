# SPDX-License-Identifier: GPL-2.0-only
"""A running domain moves to another host: from dom0's own namespace, where an agent is, to one beside it, where
another is. Nothing but the stream and the store is between the two."""
import glob
import json
import os
import re
import signal
import threading
import time

import domains
from chain import DOM0, Chain, Flow
from lib.shell import binary, need, note, wait_for
from lib.tap import scenario

VNODE = "A/r2"  # its edge is the second host's


class Moving(Chain):
    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath)
        # For as long as an emulated machine that shares its CPUs may take.
        self.base_network["vnets"]["A"]["vnodes"]["r2"]["xen"]["pause_limit_ms"] = 120000

    def host(self, name):
        return next(h for h in self.hosts if h.name == name)

    def other(self, name):
        return next(h for h in self.hosts if h.name != name)

    def receive(self, to):
        return f"{binary('svnet')} --socket {self.host(to).socket} vnode receive"

    def move(self, to, via=None):
        """(exit code, result, what was said)"""
        return self.other(to).try_svnet("--timeout", "90s", "vnode", "migrate", VNODE, "--to", to, "--via",
                                        via or self.receive(to), timeout=200)

    def at(self):
        """The hosts that Xen has a domain of it for."""
        found = (re.fullmatch("svnet-(.*)-A-r2", name) for name in domains.names())
        return sorted(m[1] for m in found if m)

    def only_at(self, host):
        def settled():
            need(len(self.at()) <= 2, f"it is at {self.at()}")
            row = self.host(host).vnode_row(VNODE)
            return self.at() == [host] and row and row["state"] == "running" and \
                not self.other(host).vnode_row(VNODE)
        wait_for(f"{VNODE} to run at {host} alone", settled, 120, 0.5)
        need(self.hosts[0].svnet("show")["doc"]["network"]["vnets"]["A"]["vnodes"]["r2"]["host"] == host,
             "the document says something else")

    def reset(self):
        for host in self.hosts:
            if not host.alive():
                host.start()
        if self.at() != [DOM0]:
            code, _, text = self.move(DOM0)
            need(code == 0, f"{VNODE} does not come back: {text}")
        super().reset()


def remembers(chain, word):
    """What its guest has in memory, and for how long it has run, seconds."""
    said = chain.tell(VNODE, "cat /word", "cut -d. -f1 /proc/uptime")
    need(word in said, f"its memory is gone: {said[-200:]!r}")
    return int(re.findall(r"^(\d+)\r?$", said, re.M)[-1])


@scenario("migrate: a running domain goes to another host and back, with its memory, under traffic", Moving,
          ("auto",))
def moves(chain):
    chain.tell(VNODE, "echo kept-$((40+2)) >/word")
    before, said = remembers(chain, "kept-42"), []
    for to in (chain.second, DOM0):
        with Flow(chain, rate=200) as flow:
            time.sleep(1)
            code, result, text = chain.move(to)
            need(code == 0, f"exit {code}: {text}; {chain.other(to).log_tail(6)}")
            chain.only_at(to)
            chain.ready()
            sent, got = flow.stop()
        need(not got["duplicated"], f"{got['duplicated']} packets came twice")
        gap = got["max_gap_ns"] / 1e6
        need(0 < result["pause_ms"] <= gap + 500, f"said to have stood still for {result['pause_ms']} ms, and "
             f"nothing came for {gap:.0f} ms")
        said.append(f"to {to}: stood still for {result['pause_ms']:.0f} ms, longest gap {gap:.0f} ms, "
                    f"{sent['sent'] - got['unique']} of {sent['sent']} packets lost")
        now = remembers(chain, "kept-42")
        need(now >= before, f"its guest has run for {now} s, and had for {before} s")
    return "; ".join(said)


# ---- what goes wrong -----------------------------------------------------------------------------

def helper(op):
    """The svnet-xl that does `op`."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                argv = f.read().split(b"\0")
            if len(argv) < 2 or not argv[0].endswith(b"svnet-xl") or argv[1] != b"call":
                continue
            # A file of its own place: reading it does not move the helper's.
            with open(f"/proc/{path.split('/')[2]}/fd/0", encoding="utf-8") as f:
                if json.load(f)["op"] == op:
                    return int(path.split("/")[2])
        except (OSError, ValueError):
            continue
    return None


class When(threading.Thread):
    """Does something once the helper that does `op` has begun."""

    def __init__(self, op, act):
        super().__init__(daemon=True)
        self.op, self.act, self.done, self.over = op, act, False, False

    def run(self):
        while not self.over:
            pid = helper(self.op)
            if pid:
                self.act(pid)
                self.done = True
                return
            time.sleep(0.01)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.over = True
        self.join()
        need(exc[0] or self.done, f"nobody did {self.op}")


def goes_on(chain, what, code, text, why=""):
    """It was called off: its source goes on, and nothing of it is anywhere else."""
    need(code != 0 and why in text, f"{what}: exit {code}: {text}")
    chain.only_at(DOM0)
    chain.ready()
    remembers(chain, "kept-43")
    note(f"{what}: {text.strip().splitlines()[-1][-150:]}")


@scenario("migrate: whoever dies on the way, one domain runs, and it is the one that was there", Moving, ("auto",))
def called_off(chain):
    second, receive = chain.second, chain.receive(chain.second)
    chain.tell(VNODE, "echo kept-$((40+3)) >/word")
    traces = chain.traces()
    network = chain.network()
    network["vnets"]["A"]["vnodes"]["r2"]["xen"]["pause_limit_ms"] = 1
    chain.apply(network)
    code, _, text = chain.move(second)
    goes_on(chain, "it would stand still for too long", code, text, "its pause_limit_ms is 1")
    chain.apply(chain.base_network)
    code, _, text = chain.move(second, via="true")
    goes_on(chain, "nobody receives", code, text, "does not answer")
    code, _, text = chain.move(second, via=f"stdbuf -o0 head -c 4000000 | {receive}")
    goes_on(chain, "the stream is cut", code, text)
    with When("send", lambda pid: (time.sleep(0.3), os.kill(pid, signal.SIGKILL))):
        code, _, text = chain.move(second)
    goes_on(chain, "the sender's helper is killed", code, text)
    with When("receive", lambda pid: chain.host(second).kill()):
        code, _, text = chain.move(second)
    chain.host(second).start()
    goes_on(chain, "the receiver's agent is killed", code, text)
    after = chain.traces()
    for what, had in traces.items():
        new = {n for n in after[what] - had if ".log" not in n}
        need(not new, f"{what} left: {sorted(new)[:6]}")


@scenario("migrate: an answer that is lost, and a sender whose agent is killed: the store says where it is", Moving,
          ("auto",))
def in_doubt(chain):
    chain.tell(VNODE, "echo kept-$((40+4)) >/word")
    # All but its first word back is lost: the receiver has it, and the sender has not heard.
    code, _, text = chain.move(chain.second, via=f"{chain.receive(chain.second)} | head -n 1")
    need(code == 0, f"an answer is lost: exit {code}: {text}")
    chain.only_at(chain.second)
    remembers(chain, "kept-44")
    source = chain.host(chain.second)
    with When("send", lambda pid: source.kill()):
        code, _, _ = chain.move(DOM0)
    need(code != 0, "the answer of an agent that was killed")
    source.start()
    wait_for("it to be at one host", lambda: len(chain.at()) == 1, 120, 0.5)
    host = chain.host(chain.at()[0])
    chain.only_at(host.name)
    remembers(chain, "kept-44")
    chain.ready()
    return f"with the agent killed it ended at {host.name}"
