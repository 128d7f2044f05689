# SPDX-License-Identifier: GPL-2.0-only
"""vifs that come late, never, again, under another name or not at all: in no order is a shadow heard."""
import glob
import os
import signal
import threading
import time

from chain import FACES, Chain, Outside
from lib.shell import need, run, wait_for
from lib.tap import scenario

def received(chain, port):
    """Frames that the data plane took from a port so far."""
    return sum(r["counters"]["received"]["packets"] for r in chain.hosts[0].status()["attachments"]
               if r["port"] == port)


def listened_to(chain, vnode):
    """The data plane has this VNode's frames."""
    port = chain.vif(vnode, FACES[vnode[-2:]][0])
    before = received(chain, port)
    wait_for(f"frames of {vnode} at {port}", lambda: received(chain, port) > before + 5, 90, 0.2)
    return port


def index(dev):
    try:
        with open(f"/sys/class/net/{dev}/ifindex", encoding="ascii") as f:
            return int(f.read())
    except OSError:
        return 0


def is_up(dev):
    try:
        with open(f"/sys/class/net/{dev}/flags", encoding="ascii") as f:
            return bool(int(f.read(), 16) & 1)
    except OSError:
        return False


def control(chain):
    """Who was silent is heard when the gate says so: the test of silence can see."""
    host = chain.hosts[0]
    host.svnet("flip", "web", "--to", "B")
    with Outside(chain) as outside:
        time.sleep(2)
        left, right = outside.heard()
    host.svnet("flip", "web", "--to", "A")
    need(left and right, f"B is heard and {len(left)} frames of its own were seen left, {len(right)} right")


def complains(chain, *words):
    """`svnet status` says what is wrong; while the agent makes a domain, it answers when that is done."""
    wait_for(f"`svnet status` to say {words}", lambda: any(
        all(w in line for w in words)
        for line in chain.hosts[0].svnet("status", timeout=180)["errors"]), 180, 0.3)


def rename(dev, name):
    """In one go: svnet brings up again what is down, and names back."""
    run("ip", "-batch", "-", stdin=f"link set {dev} down\nlink set {dev} name {name}\n"
                                   f"link set {name} up\n")


@scenario("hotplug: a vif that is renamed or taken away while a shadow talks", Chain, ("auto",))
def renamed(chain):
    host = chain.hosts[0]
    chain.shadow()
    chain.talk("B/r1", "B/r2")
    with Outside(chain) as outside:
        for vnode in ("B/r1", "A/r1"):
            port = chain.vif(vnode, 0)
            number = index(port)
            rename(port, "lan0")
            wait_for(f"{vnode}'s vif to be {port} again", lambda p=port, n=number: index(p) == n and
                     is_up(p), 90, 0.1)
            need(f"{port} was renamed lan0" in host.log_tail(40), f"not said: {host.log_tail(6)}")
        listened_to(chain, "B/r1")
        chain.ready()

        port = chain.vif("B/r1", 0)
        run("xl", "network-detach", chain.domain_name("B/r1"), 0)
        complains(chain, "B/r1", port, "taken away")
        chain.ready()
        need(chain.running("B/r2"), "B/r2 went with another's vif")
        listened_to(chain, "B/r2")
        host.svnet("--timeout", "90s", "vnode", "destroy", "B/r1", timeout=120)
        wait_for("B/r1 to be made anew", lambda: index(port) and chain.running("B/r1") and
                 chain.vif("B/r1", 0) == port, 150, 0.3)
        chain.talk("B/r1")
        listened_to(chain, "B/r1")
        left, right = outside.heard()
    need(not left and not right, f"the shadow was heard: {len(left)} frames left, {len(right)} right")
    control(chain)


class Hindrance(threading.Thread):
    """What libxl runs for vifs is killed ("never"), or held ("late") until it is let go."""

    def __init__(self):
        super().__init__(daemon=True)
        self.how = "never"
        self.killed = set()
        self.held = None
        self.start()

    def run(self):
        # Each is there for a tenth of a second: only what is new is looked at, until it has become what it is.
        known = {pid: 0.0 for pid in os.listdir("/proc")}
        while self.how and not self.held:
            now = time.monotonic()
            known = {pid: known.get(pid, now) for pid in os.listdir("/proc")}
            for pid in [int(p) for p, since in known.items() if p.isdigit() and now < since + 2]:
                self.meet(pid)
            time.sleep(0.005)

    def meet(self, pid):
        if not is_script(pid) or self.held:
            return
        never = self.how == "never"
        try:
            os.kill(pid, signal.SIGKILL if never else signal.SIGSTOP)
        except ProcessLookupError:
            return
        if never:
            self.killed.add(pid)
        else:
            self.held = pid

    def let_go(self):
        self.how = None
        self.join()
        if self.held:
            os.kill(self.held, signal.SIGCONT)
            self.held = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.let_go()


def is_script(pid):
    """It runs for a vif that is coming."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as f:
            argv = f.read().split("\0")
    except OSError:
        return False
    return argv[0].endswith("svnet-xl") and "online" in argv and "type_if=vif" in argv


@scenario("hotplug: a domain destroyed behind svnet's back; its new vifs never come, late, and with other numbers",
          Chain, ("auto",))
def again(chain):
    chain.shadow()
    chain.talk("B/r1", "B/r2")
    listened_to(chain, "B/r1")
    name, port = chain.domain_name("B/r1"), chain.vif("B/r1", 0)
    number = index(port)
    with Outside(chain) as outside, Hindrance() as hindrance:
        run("xl", "destroy", name)
        complains(chain, "B/r1", "creating the domain")
        wait_for("a second attempt to fail", lambda: len(hindrance.killed) > 1, 120)
        need(not is_up(port), f"{port} is up without a vif")
        chain.ready()
        hindrance.how = "late"
        wait_for("a vif to be waited for", lambda: hindrance.held, 120)
        # Its guest begins before there is anything that could keep it silent.
        run("xl", "unpause", name)
        time.sleep(1)
        need(not [d for d in glob.glob("/sys/class/net/vif*") if is_up(os.path.basename(d))],
             "a vif is up that has no programs yet")
        hindrance.let_go()
        wait_for(f"{port} to be back", lambda: index(port), 60, 0.01)
        wait_for("B/r1 to run", lambda: is_up(port) and chain.running("B/r1"), 60, 0.3)
        need(index(port) != number, "it is the device that it was")
        chain.talk("B/r1")
        listened_to(chain, "B/r1")
        left, right = outside.heard()
    need(not left and not right, f"the shadow was heard: {len(left)} frames left, {len(right)} right")
    control(chain)
    return f"{len(hindrance.killed)} scripts killed, one held for a second"
