#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make demo`: the six phases in short. Exit 0 only if what svnet promises was seen."""
import json
import os
import shutil
import sys
import time

from lab import Lab
from phases import PHASES, Experiment
from results import Results

BUILD = os.environ.get("B", "build")
SEED = 1


def say(text):
    print(text, flush=True)


def percent(row, place):
    lost = row["lost_" + place]
    return "            - " if lost is None else "%5d %6.2f %%" % (lost, 100 * lost / max(1, row["sent"]))


def table(phases, links, facts):
    lines = ["", "phase  heard  load  link %   sent      A lost        B lost   receiver lost"]
    for row in phases:
        used = [u["percent"] for u in links if u["phase"] == row["phase"] and u["vnet"] == row["heard"]]
        lines.append("%5d  %5s  %4s  %6s  %5d  %s" % (
            row["phase"], row["heard"], row["level"], "/".join("%.0f" % u for u in used), row["sent"],
            "  ".join(percent(row, place) for place in ("a", "b", "receiver"))))
    lines += ["", "flip: map updates %(flip_map_updates)s; voice lost %(flip_voice_lost)d, duplicated "
              "%(flip_voice_twice)d" % facts,
              "shadow frames seen outside: %(shadow_escapes)d; counters close: %(accounting_closed)s" % facts]
    return "\n".join(lines)


def failures(phases, facts):
    """What keeps the run from being a success, in words; empty when it is one."""
    row = {p["phase"]: p for p in phases}
    bad = []
    if facts["shadow_escapes"]:
        bad.append("%d frames of a silent VNet were seen outside" % facts["shadow_escapes"])
    if not facts["frames_of_b_outside_after_the_flip"]:
        bad.append("no frame of B was seen outside after the flip")
    if facts["accounting_closed"] != "yes":
        bad.append("the counters do not close")
    if len(row) < len(PHASES) or not all(p["sent"] for p in phases):
        bad.append("there was a phase without voice")
        return bad
    if row[4]["lost_b"] > 0.02 * row[4]["sent"]:
        bad.append("B received less than 98 % of the voice in phase 4")
    if row[4]["lost_b"] >= row[4]["lost_a"]:
        bad.append("B did not lose less than A in phase 4")
    if row[5]["lost_receiver"] >= row[3]["lost_receiver"]:
        bad.append("the receiver did not lose less in phase 5 than in phase 3")
    return bad


def main():
    seconds = int(os.environ.get("DEMO_PHASE_SECONDS", "10"))
    folder = os.path.join(BUILD, "demo")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    folder = os.path.abspath(folder)
    say("three hosts, a shadow, a flip: six phases of %d s" % seconds)
    begin = time.monotonic()
    lab = Lab("svdemo-")
    try:
        lab.up()
        say("VNet A is up on host1, host2 and host3 (%.1f s)" % (time.monotonic() - begin))
        run = Experiment(lab, folder, seconds, SEED, say)
        run.run()
        results = Results(run)
        phases, links = results.phases(), results.utilisation()
        facts = {row["fact"]: row["value"] for row in results.facts()}
    finally:
        lab.destroy()
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as out:
        json.dump({"phases": phases, "utilisation": links, "facts": facts}, out, indent=1)
    say(table(phases, links, facts))
    bad = failures(phases, facts) + ["left behind: " + what for what in lab.left()]
    for line in bad:
        say("FAILED: " + line)
    dropped = facts["frames_that_this_machine_had_no_cpu_for"]
    if bad and dropped:
        say("This machine had no CPU for %d frames meanwhile: try again when it is quiet." % dropped)
    say("report: %s (%.0f s)" % (os.path.join(folder, "report.json"), time.monotonic() - begin))
    return 1 if bad else 0


sys.exit(main())
