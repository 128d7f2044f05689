# SPDX-License-Identifier: GPL-2.0-only
"""Monitors in trouble: production does not notice, sessions go on by themselves, every copy is accounted
for."""
import contextlib
import os
import signal
import time

from lib import capture
from lib.account import SESSION_KINDS, Delta, all_came, device_lost, session_counters
from lib.one import One
from lib.shell import binary, need, wait_for
from lib.tap import scenario
from lib.traffic import Production, Rx, Tx, received, send_gently

HOGS = 4


def start(topo, name, *more):
    topo.hosts[0].svnet("monitor", "start", name, "--of", "A", "--filter", "udp dst port 7000", *more)


def balance(counters):
    return counters["copied"] + sum(counters[n] for n, k in SESSION_KINDS.items() if k == "DROP")


def accounted(host, name):
    """matched = copied + sheds, read while frames may still pass."""
    def closed():
        counters = session_counters(host, name)
        return counters if counters["matched"] == balance(counters) else None
    return wait_for(f"{name}'s sums to close", closed, 5)


@scenario("overload: a monitor without CPU, a reader that stands still", One)
def overload(topo):
    host = topo.hosts[0]
    path = f"{topo.folders['base']}/ring.pcapng"
    start(topo, "iface", "--to", "M:iface")
    start(topo, "head", "--to", "M:head", "--snap", "80")
    start(topo, "ring", "--to", "ring")
    moni = f"M/{host.name}"
    before = {name: received(host.vnode(moni), name) for name in ("iface", "head")}
    hog = "for i in $(seq {}); do (while :; do :; done) & done; sleep 600"
    hogs = host.net.popen(*exec_argv(host, moni, "/bin/sh", "-c", hog.format(HOGS)))
    try:
        with capture.Capture(host, "ring", path) as reader:
            reader.pause()
            with Production(topo, rate=20000) as production:
                wait_for("the ring to overflow",
                         lambda: session_counters(host, "ring")["shed-ring"] > 1000, 30, 0.2)
                carried = production.check("beside a monitor in trouble")
            reader.resume()
            time.sleep(0.5)
            said = reader.stop()
    finally:
        hogs.kill()
        hogs.wait()
        host.svnet_exec(moni, "/bin/sh", "-c", "kill -9 $(ls /proc | grep -E '^[0-9]+$' | grep -vx 1)",
                        check=False)
    text = []
    for name in ("iface", "head"):
        counters = accounted(host, name)
        came = all_came(host, name, moni, name, before[name])
        text.append(f"{name} {came} came, {counters['copied'] - came} lost by its device")
    counters = accounted(host, "ring")
    packets = len(capture.Pcapng(path).packets)
    need(packets == counters["copied"] and said["lost"] == counters["shed-ring"],
         f"{packets} packets in the file, {said}: {counters}")
    return f"{carried} of production's carried; {'; '.join(text)}; ring {packets} came, " \
           f"{counters['shed-ring']} shed"


def exec_argv(host, vnode, *argv):
    return [binary("svnet"), "--socket", host.socket, "vnode", "exec", vnode, "--", *argv]


class Interrupted:
    """A session with copies flowing, whose target goes away and has to come back by itself."""

    def __init__(self, topo, what):
        self.topo, self.host, self.what = topo, topo.hosts[0], what
        start(topo, "m", "--at", "entry", "--direction", "in")
        self.moni = f"m/{self.host.name}"
        self.port = self.host.port_of(self.moni, "m")
        self.index = self.index_now()

    def index_now(self):
        """The number of the session's device, or None when there is none."""
        for line in self.host.net.out("ip", "-o", "link").splitlines():
            number, name = line.split(":")[:2]
            if name.strip().split("@")[0] == self.port:
                return int(number)
        return None

    def run(self, act):
        with Production(self.topo, rate=2000) as production:
            with Rx(self.host.vnode(self.moni), "m") as rx:
                time.sleep(0.3)
                act()
                before = rx.stop()["packets"]
            wait_for("the session to be up again", self.up_again, 20)
            time.sleep(0.3)
            carried = production.check(self.what)
        counters = accounted(self.host, "m")
        need(before > 100, f"only {before} copies came before")
        after = received(self.host.vnode(self.moni), "m") + device_lost(self.host, self.port, "m")
        self.goes_on()
        # Handed to a device that was on its way out: its own counters went with it.
        gone = counters["copied"] - before - after
        need(0 <= gone <= 0.5 * 2000, f"{counters['copied']} copied, {before} came before, {after} after")
        return f"{carried} of production's carried, {before} copies before, {after} after, {gone} of " \
               f"{sheds(counters)} with the device"

    def up_again(self):
        row = next(r for r in self.host.status()["sessions"] if r["name"] == "m")
        return row["up"] and (self.host.vnode_row(self.moni) or {}).get("pid") and \
            self.index_now() not in (None, self.index)

    def goes_on(self):
        """Every copy comes again, without anybody's order."""
        host, left = self.host, self.topo.outside["left"]
        before = session_counters(host, "m")
        vnode = host.vnode(self.moni)
        with Rx(vnode, "m") as rx:
            send_gently(left, "u0", self.topo.user_frame("left", "right", 77), 1000, 300,
                        [(vnode, "m", 1)])
            got = rx.stream(77)
        need(got["received"] == 300, f"after it {got['received']} of 300 copies came")
        now = session_counters(host, "m")
        need(now["copied"] - before["copied"] == 300, f"{now['copied'] - before['copied']} of 300")


def sheds(counters):
    return ", ".join(f"{n} {counters[n]}" for n in SESSION_KINDS if counters[n])


@scenario("overload: the monitor is killed and comes back", One)
def killed(topo):
    case = Interrupted(topo, "while the monitor was killed")
    keeper = case.host.vnode_row(case.moni)["pid"]
    return case.run(lambda: os.kill(keeper, signal.SIGKILL))


@scenario("overload: the monitor's interface is deleted and made anew", One)
def deleted(topo):
    case = Interrupted(topo, "while the monitor's interface was made anew")
    return case.run(lambda: case.host.net.run("ip", "link", "delete", case.port))


# ---- a busy CPU --------------------------------------------------------------------------------------


def copies_when_busy(topo, percent):
    network = topo.network()
    for host in network["hosts"].values():
        host["copies"] = {"when_busy": percent}
    topo.apply(network)
    seen = topo.hosts[0].status()["copies"]
    need(seen["watched"] and seen["when_busy"] == percent, f"the host says {seen}")


def flood(topo, seconds):
    """More than a CPU can forward and copy, from as many others as there are; what came in at the entry,
    as production counts it."""
    delta = Delta(topo.hosts[0], "e1")
    with contextlib.ExitStack() as senders:
        each = [senders.enter_context(Tx(topo.outside["left"], "u0",
                                         topo.user_frame("left", "right", 1 + cpu), 400_000,
                                         seconds=seconds, fifo=True, cpu=cpu))
                for cpu in os.sched_getaffinity(0)]
        for tx in each:
            tx.wait()
    time.sleep(0.3)
    return delta.get()["received"]


@scenario("overload: a busy CPU asks no session, and says so", One)
def busy(topo):
    """Whether a CPU becomes busy is the kernel's to say: the flood is repeated until one does."""
    host = topo.hosts[0]
    here = ("--of", "A", "--at", "entry", "--direction", "in")
    copies_when_busy(topo, 0)
    host.svnet("monitor", "start", "all", *here, "--to", "ring")
    host.svnet("monitor", "start", "few", *here, "--filter", "udp dst port 9", "--to", "ring")
    offered = 0
    for _ in range(20):
        offered += flood(topo, 0.5)
        seen = {name: session_counters(host, name) for name in ("all", "few")}
        if seen["all"]["unoffered"] > 1000:
            break
    need(seen["all"]["unoffered"] > 1000, f"no CPU became busy: {seen}, {host.status()['copies']}")
    for name in seen:
        accounted(host, name)
    need(offered - 50 <= seen["all"]["matched"] + seen["all"]["unoffered"] <= offered + 50,
         f"{offered} came by, of which the session saw and missed {seen['all']}")
    need(seen["few"]["matched"] == 0 and abs(seen["few"]["unoffered"] - seen["all"]["unoffered"]) <= 50,
         f"two sessions at one place: {seen}")
    listed = {row["name"]: row["counters"]["unoffered"]["packets"]
              for row in host.svnet("monitor", "list")["sessions"]}
    need(listed["all"] == seen["all"]["unoffered"], f"the operator is told of {listed}")
    times = host.status()["copies"]["times"]
    need(times > 0, "no CPU was ever busy, says the status")
    copies_when_busy(topo, 100)
    before = session_counters(host, "all")
    offered = flood(topo, 0.5)
    now = session_counters(host, "all")
    need(now["unoffered"] == before["unoffered"], "copies were shed though they were not to be")
    need(offered - 50 <= now["matched"] - before["matched"] <= offered + 50,
         f"{now['matched'] - before['matched']} of {offered} matched")
    return f"{seen['all']['unoffered']} unoffered, {seen['all']['matched']} matched; busy {times} times"
