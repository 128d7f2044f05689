#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the end-to-end scenarios: whole networks in namespaces, as TAP. See tests/README.md."""
import argparse
import importlib
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
    p.add_argument("--keep", action="store_true", help="leave the first failure's network as it is")
    p.add_argument("--quick", action="store_true", help="5 instead of 20 restarts")
    p.add_argument("--list", action="store_true", help="only list the scenarios")
    p.add_argument("-v", "--verbose", action="store_true", help="say what is run")
    return p.parse_args()


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
    runner = tap.Runner(options.prefix, options)
    start = time.monotonic()
    print(f"1..{sum(len(m) for m in groups.values())}", flush=True)
    for (topo, datapath), members in groups.items():
        runner.group(topo, datapath, members)
    print(f"# {runner.number - runner.failed} of {runner.number} passed in "
          f"{time.monotonic() - start:.0f} s", flush=True)
    return 1 if runner.failed or not runner.number else 0


if __name__ == "__main__":
    sys.exit(main())
