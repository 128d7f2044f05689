#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the end-to-end scenarios: whole networks in namespaces, as TAP. See tests/README.md."""
import argparse
import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import scenarios  # noqa: E402
from lib import shell, tap  # noqa: E402


def parse():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", action="append", metavar="PATTERN", help="scenarios by name")
    p.add_argument("--datapath", choices=("xdp", "tc", "both"), default="both")
    p.add_argument("--prefix", default="sve", help="of every namespace and folder (default: sve)")
    p.add_argument("--jobs", type=int, default=1, help="groups of scenarios that run beside each other")
    p.add_argument("--keep", action="store_true", help="leave the first failure's network as it is")
    p.add_argument("--quick", action="store_true", help="5 instead of 20 restarts")
    p.add_argument("--list", action="store_true", help="only list the scenarios")
    p.add_argument("-v", "--verbose", action="store_true", help="say what is run")
    return p.parse_args()


class Workers:
    """Processes that run the groups, each under a prefix of its own, and take the next one when they are done."""

    def __init__(self, groups, options, tally):
        self.groups, self.options, self.tally = list(groups.items()), options, tally
        self.following = multiprocessing.Value("i", 0)
        # What they share is inherited.
        self.processes = [multiprocessing.get_context("fork").Process(target=self.work, args=(letter,))
                          for letter in "abcdefgh"[:options.jobs]]

    def turns(self):
        while True:
            with self.following:
                n = self.following.value
                self.following.value += 1
            if n >= len(self.groups):
                return
            yield self.groups[n]

    def work(self, letter):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        runner = tap.Runner(self.options.prefix + letter, self.options, self.tally, beside=True)
        for (topo, datapath), members in self.turns():
            runner.group(topo, datapath, members)

    def run(self):
        try:
            for process in self.processes:
                process.start()
            for process in self.processes:
                process.join()
        finally:
            for process in self.processes:
                if process.is_alive():
                    process.terminate()
                    process.join()
        return all(process.exitcode == 0 for process in self.processes)


def main():
    options = parse()
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"scenarios.{module.name}")
    shell.VERBOSE = options.verbose
    groups = tap.chosen(options.only, options.datapath)
    if options.list:
        for (topo, datapath), members in groups.items():
            for s in members:
                print(f"{topo.__name__:12} {datapath:4} {s.name}")
        return 0
    if os.geteuid():
        print("Bail out! the end-to-end tests need root")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.rounds = 5 if options.quick else 20
    tally = tap.Tally()
    planned = sum(len(m) for m in groups.values())
    start = time.monotonic()
    print(f"1..{planned}", flush=True)
    if options.jobs > 1:
        done = Workers(groups, options, tally).run()
    else:
        runner = tap.Runner(options.prefix, options, tally)
        for (topo, datapath), members in groups.items():
            runner.group(topo, datapath, members)
        done = True
    print(f"# {tally.number - tally.failed} of {tally.number} passed in {time.monotonic() - start:.0f} s", flush=True)
    complete = done and (tally.number == planned or options.keep)
    if not complete:
        print(f"# {planned} scenarios were planned, or one of those that ran them ended early")
    return 0 if complete and tally.number and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
