#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make demo`: the six phases in short. Exit 0 only if what svnet promises was seen."""
import json
import os
import shutil
import sys
import time

from lab import Lab
from phases import Experiment, failures, table

BUILD = os.environ.get("B", "build")


def say(text):
    print(text, flush=True)


def main():
    seconds = int(os.environ.get("DEMO_PHASE_SECONDS", "10"))
    folder = os.path.join(BUILD, "demo")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    folder = os.path.abspath(folder)
    say("three hosts, a shadow, a flip: six phases of %d s" % seconds)
    begin = time.monotonic()
    lab = Lab()
    try:
        lab.up()
        say("VNet A is up on host1, host2 and host3 (%.1f s)" % (time.monotonic() - begin))
        report = Experiment(lab, folder, seconds, say).run()
    finally:
        lab.destroy()
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as out:
        json.dump(report, out, indent=1)
    say(table(report))
    bad = failures(report) + ["left behind: " + what for what in lab.left()]
    for line in bad:
        say("FAILED: " + line)
    say("report: %s (%.0f s)" % (os.path.join(folder, "report.json"), time.monotonic() - begin))
    return 1 if bad else 0


sys.exit(main())
