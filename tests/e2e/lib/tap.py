# SPDX-License-Identifier: GPL-2.0-only
"""The list of scenarios, and running them as TAP."""
import fnmatch
import time
import traceback

from . import account
from .shell import Fail, note

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
    """(topology class, datapath) -> scenarios, in the order of the list."""
    groups = {}
    for s in SCENARIOS:
        if only and not any(fnmatch.fnmatch(s.name, p) or p in s.name for p in only):
            continue
        for d in s.datapaths:
            if datapath in ("both", d) or d in ("none", "auto"):
                groups.setdefault((s.topo, d), []).append(s)
    # All of one data path on one topology, then the next: a topology is expensive.
    return groups


class Runner:
    def __init__(self, prefix, options):
        self.prefix, self.options = prefix, options
        self.number = self.failed = 0

    def line(self, ok, name, more=""):
        self.number += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{more}", flush=True)

    def group(self, topo_class, datapath, scenarios):
        topo = None
        for s in scenarios:
            name = f"{s.name} [{datapath}]"
            start = time.monotonic()
            try:
                if topo is None:
                    topo = self.build(topo_class, datapath)
                text = self.one(topo, s) or ""
                self.line(True, name)
                note(f"{name}: {time.monotonic() - start:.1f} s {text}")
            except Skip as skip:
                self.line(True, name, f" # SKIP {skip}")
            except Exception as error:  # pylint: disable=broad-except
                self.line(False, name)
                self.explain(error, topo)
                if self.options.keep and topo:
                    topo.keep = True
                    return
                self.drop(topo)
                topo = None
        self.drop(topo)

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
                self.drop(topo)
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
        note(f"{type(error).__name__}: {error}" if not isinstance(error, Fail) else error)
        if not isinstance(error, Fail) or self.options.verbose:
            note("".join(traceback.format_exception(error)[-6:]))
        for host in topo.hosts if topo else []:
            note(f"{host.name}: {host.log_tail(3)[-500:]}")

    @staticmethod
    def drop(topo):
        if topo:
            topo.destroy()
