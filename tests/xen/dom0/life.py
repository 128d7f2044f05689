# SPDX-License-Identifier: GPL-2.0-only
"""Domains that come and go, crash, and whose helper is killed: production and the host stay as they were."""
import glob
import os
import signal
import subprocess
import time

import domains
from chain import Chain, Flow, router
from lib.shell import binary, need, out, run, wait_for
from lib.tap import scenario
from lib.traffic import Rx

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


@scenario("life: a guest that crashes is told and made again", Chain, ("auto",))
def crash(chain):
    host = chain.hosts[0]
    domid, _ = chain.domain("A/r2")
    before = host.vnode_row("A/r2")["restarts"]
    chain.tell("A/r2", "echo c >/proc/sysrq-trigger")
    wait_for("a new domain of A/r2", lambda: chain.running("A/r2") and chain.domain("A/r2")[0] != domid,
             90, 0.5)
    need(host.vnode_row("A/r2")["restarts"] == before + 1, f"status: {host.vnode_row('A/r2')}")
    need("crashed" in host.log_tail(60), f"nobody said that it crashed: {host.log_tail(8)}")
    chain.ready()


def helpers():
    """svnet-xl at work on a request: not the one that waits for events."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"svnet-xl") and b"call" in words:
            found.append(int(path.split("/")[2]))
    return found


def kill_helper(delay):
    """Kills the next helper that is still at work after so long; False: it was faster."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pids = helpers()
        if not pids:
            time.sleep(0.01)
            continue
        time.sleep(delay)
        for pid in pids:
            if pid in helpers():
                os.kill(pid, signal.SIGKILL)
                return True
    return False


def interrupted(chain, delay, *command):
    """One command whose helper is killed on its way, if it is still there."""
    with subprocess.Popen([binary("svnet"), "--socket", chain.hosts[0].socket, "--timeout", "60s",
                           *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as proc:
        killed = kill_helper(delay)
        proc.wait(timeout=120)
    return killed


@scenario("life: the helper is killed during start, clone and destroy", Chain, ("auto",))
def helper_killed(chain):
    host = chain.hosts[0]
    killed = 0
    with Rx(chain.outside["right"], "u0") as rx, Flow(chain, rate=200) as flow:
        for delay in (0.1, 0.7, 2.0):
            killed += interrupted(chain, delay, "shadow", "start", "B", "--of", "A")
            if "B" not in host.vnets():
                host.svnet("--timeout", "90s", "shadow", "start", "B", "--of", "A", timeout=120)
            wait_for("the clones to run after all", lambda: chain.running("B/r1") and
                     chain.running("B/r2"), 120, 0.5)
            need(host.group("web")["live"] == "A", f"live is {host.group('web')['live']}")
            killed += interrupted(chain, delay, "shadow", "finish", "web")
            if "B" in host.vnets():
                host.svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)
            wait_for("only A's domains to be there", lambda: set(domains.domains()) ==
                     {chain.domain_name("A/r1"), chain.domain_name("A/r2")}, 60, 0.5)
            need(len(domains.vifs()) == 4, f"vifs: {domains.vifs()}")
        sent, got = flow.stop()
        rx.stop()
    need(killed >= 3, f"only {killed} helpers were still at work when they were to be killed")
    need(not got["duplicated"], f"{got['duplicated']} packets came twice: a shadow was heard")
    need(got["max_gap_ns"] < 4e9, f"production stood still for {got['max_gap_ns'] / 1e9:.1f} s")
    chain.ready()
    return f"{killed} helpers killed; {sent['sent'] - got['unique']} of {sent['sent']} packets lost, " \
           f"longest gap {got['max_gap_ns'] / 1e9:.2f} s"


DISK = "/tmp/svnet-xen-disk"


class WithDisk(Chain):
    """r2 writes to a disk without end."""

    def __init__(self, prefix, datapath):
        super().__init__(prefix, datapath)
        os.makedirs(DISK, exist_ok=True)
        with open(f"{DISK}/r2.img", "wb") as f:
            f.truncate(24 << 20)
        run("mke2fs", "-q", "-F", "-t", "ext4", f"{DISK}/r2.img")
        vnode = self.base_network["vnets"]["A"]["vnodes"]["r2"]["xen"]
        vnode["disks"] = [{"path": f"{DISK}/r2.img", "device": "xvda", "format": "raw",
                           "snapshot": "copy"}]
        vnode["cmdline"] += " sv.disk=ext4"

    def destroy(self):
        super().destroy()
        for path in glob.glob(f"{DISK}/*"):
            os.unlink(path)


def numbers(image):
    """What the guest has written to a disk image, as its file system has it."""
    text = out("debugfs", "-R", "cat numbers", image)
    return [int(line) for line in text.split() if line.isdigit()]


@scenario("disks: a clone's is consistent and its own", WithDisk, ("auto",))
def disks(chain):
    host = chain.hosts[0]
    wait_for("r2 to have its disk", lambda: "SVNET-DISK" in chain.console("A/r2"), 30)
    wait_for("r2 to write", lambda: len(numbers(f"{DISK}/r2.img")) > 5, 30, 0.5)
    host.svnet("--timeout", "120s", "shadow", "start", "B", "--of", "A", timeout=150)
    wait_for("the clone to run", lambda: chain.running("B/r2"), 60)
    copies = [p for p in glob.glob(f"{DISK}/*") if not p.endswith("r2.img")]
    need(len(copies) == 1, f"disks: {os.listdir(DISK)}")
    chain.tell("B/r2", "echo 424242 >>/disk/numbers; sync; sync")
    chain.tell("A/r2", "sync")
    host.svnet("vnode", "pause", "B/r2")
    need(424242 in numbers(copies[0]), "the clone does not write to its disk")
    snapshot = f"{DISK}/checked"
    run("cp", copies[0], snapshot)
    # Its journal first, as a machine that was switched off does; then there is nothing to repair.
    run("e2fsck", "-p", "-E", "journal_only", snapshot, check=False)
    done = run("e2fsck", "-f", "-n", snapshot, check=False)
    need(done.returncode == 0, f"the clone's file system: {done.stdout[-300:]}")
    os.unlink(snapshot)
    need(424242 not in numbers(f"{DISK}/r2.img"), "the clone wrote to the original's disk")
    count = len(numbers(f"{DISK}/r2.img"))
    wait_for("the original to write on", lambda: len(numbers(f"{DISK}/r2.img")) > count, 30, 0.5)
    host.svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)
    wait_for("the clone's disk to go", lambda: os.listdir(DISK) == ["r2.img"], 30)
