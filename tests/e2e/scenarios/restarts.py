# SPDX-License-Identifier: GPL-2.0-only
"""The data plane outlives the agent, and changes beside production cost it nothing."""
import contextlib
import os
import subprocess
import time

from lib.shell import note
from lib.tap import scenario
from lib.topo import Three
from lib.traffic import Production

RATE = 20000


@scenario("restarts: kill -9 and start under 20,000 packets a second each way", Three)
def restarts(topo):
    with Production(topo, rate=RATE) as production:
        time.sleep(0.3)
        for n in range(topo.options.rounds):
            for host in topo.hosts:
                host.kill()
            for host in topo.hosts:
                host.start(wait=False)
            if n % 2:  # every other time in the middle of its start, a little later each time
                time.sleep(0.01 * n)
                continue
            for host in topo.hosts:
                host.wait()
        for host in topo.hosts:
            host.wait()
        carried = production.check(f"{topo.options.rounds} restarts")
    return f"{topo.options.rounds} rounds, {carried} packets, none lost or repeated"


@contextlib.contextmanager
def idlers():
    """A program of the idle class on each CPU: it takes what nobody else wants, as monitors do."""
    programs = [subprocess.Popen(["chrt", "--idle", "0", "taskset", "-c", str(cpu), "sh", "-c", "while :; do :; done"])
                for cpu in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


@scenario("restarts: a monitor and a shadow come and go under 20,000 packets a second", Three)
def come_and_go(topo):
    first = topo.hosts[0]
    rounds = max(3, topo.options.rounds // 4)
    with idlers(), Production(topo, rate=RATE) as production:
        for _ in range(rounds):
            first.svnet("monitor", "start", "m", "--of", "A")
            first.svnet("monitor", "stop", "m")
        monitors = production.check(f"{rounds} times a monitor")
    with Production(topo, rate=RATE) as production:
        for _ in range(rounds):
            topo.shadow()
            first.svnet("shadow", "finish", "web")
        shadows = production.check(f"{rounds} times a shadow")
    note(f"{monitors} packets beside monitors, {shadows} beside shadows")
