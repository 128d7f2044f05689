# SPDX-License-Identifier: GPL-2.0-only
"""The list of scenarios, and running them as TAP."""
import fnmatch
import time
import traceback

from . import account
from .shell import Fail, lines, note

SCENARIOS = []


class Skip(Exception):
    """This machine lacks what the scenario needs; the text says what."""


class Scenario:
    def __init__(self, fn, name, topo, datapaths):
        self.fn, self.name, self.topo, self.datapaths = fn, name, topo, datapaths


def scenario(name, topo, datapaths=("xdp", "tc")):
    def add(fn):
        SCENARIOS.append(Scenario(fn, name, topo, datapaths))
        return fn
    return add


def chosen(only, datapath):
    """(topology class, datapath) -> scenarios, in the order of the list. Those by no data path of their own
    come with TC's."""
    groups = {}
    for s in SCENARIOS:
        if only and not any(fnmatch.fnmatch(s.name, p) or p in s.name for p in only):
            continue
        for d in s.datapaths:
            if datapath in ("both", d) or datapath == "tc" and d in ("none", "auto"):
                groups.setdefault((s.topo, d), []).append(s)
    # All of one data path on one topology, then the next: a topology is expensive.
    return groups


class Runner:
    """Runs groups one after the other."""

    def __init__(self, prefix, options):
        self.prefix, self.options = prefix, options
        self.number = self.failed = 0
        self.topo = None

    def group(self, topo_class, datapath, scenarios):
        try:
            for s in scenarios:
                self.scenario(topo_class, datapath, s)
                if self.topo and self.topo.keep:
                    return
        finally:
            # Also when the run is ended by a signal.
            self.drop()

    def scenario(self, topo_class, datapath, s):
        name = f"{s.name} [{datapath}]"
        ok, more, notes = self.verdict(topo_class, datapath, s, name)
        self.number += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{more}\n{notes}", end="", flush=True)
        if not ok and self.options.keep and self.topo:
            self.topo.keep = True
        elif not ok:
            self.drop()

    def verdict(self, topo_class, datapath, s, name):
        """Did it pass, what is said behind its name, and the lines that follow."""
        start = time.monotonic()
        try:
            if self.topo is None:
                self.topo = self.build(topo_class, datapath)
            text = self.one(self.topo, s) or ""
            return True, "", lines(f"{name}: {time.monotonic() - start:.1f} s {text}")
        except Skip as skip:
            return True, f" # SKIP {skip}", ""
        except Exception as error:  # pylint: disable=broad-except
            return False, "", self.explain(error, self.topo)

    def build(self, topo_class, datapath):
        topo = topo_class.__new__(topo_class)
        try:
            topo.__init__(self.prefix, datapath)
            topo.options = self.options
            topo.up()
        except BaseException as error:
            note(f"the topology did not come up: {error}")
            for host in topo.hosts:
                note(f"{host.name}: {host.log_tail()}")
            if not self.options.keep:
                topo.destroy()
            raise
        topo.dirty = False
        return topo

    def one(self, topo, s):
        if topo.dirty:
            topo.reset()
        topo.dirty = True
        text = s.fn(topo)
        if topo.hosts and all(h.alive() for h in topo.hosts):
            account.check_closed(topo.hosts)
        return text

    def explain(self, error, topo):
        text = lines(f"{type(error).__name__}: {error}" if not isinstance(error, Fail) else error)
        if not isinstance(error, Fail) or self.options.verbose:
            text += lines("".join(traceback.format_exception(error)[-6:]))
        for host in topo.hosts if topo else []:
            text += lines(f"{host.name}: {host.log_tail(3)[-500:]}")
        return text

    def drop(self):
        topo, self.topo = self.topo, None
        if topo:
            topo.destroy()
