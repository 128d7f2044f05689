#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs modules of dom0's scenarios, as TAP, with what the end-to-end tests are made of."""
import argparse
import importlib
import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "e2e")]

from lib import shell, tap  # noqa: E402


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("module", nargs="+")
    p.add_argument("--only", action="append", metavar="PATTERN", help="scenarios by name")
    p.add_argument("--prefix", default="svd", help="of every namespace and folder (default: svd)")
    p.add_argument("--keep", action="store_true")
    p.add_argument("-v", "--verbose", action="store_true", help="say what is run")
    options = p.parse_args()
    for module in options.module:
        importlib.import_module(module)
    # Not those of end-to-end modules that they take functions from.
    tap.SCENARIOS[:] = [s for s in tap.SCENARIOS if s.fn.__module__ in options.module]
    shell.VERBOSE = options.verbose
    groups = tap.chosen(options.only, "both")
    options.rounds = 5
    runner = tap.Runner(options.prefix, options)
    start = time.monotonic()
    print(f"1..{sum(len(m) for m in groups.values())}", flush=True)
    for (topo, datapath), members in groups.items():
        runner.group(topo, datapath, members)
    shell.note(f"{runner.number - runner.failed} of {runner.number} passed in "
               f"{time.monotonic() - start:.0f} s")
    return 1 if runner.failed or not runner.number else 0


if __name__ == "__main__":
    sys.exit(main())
