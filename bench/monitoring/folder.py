# SPDX-License-Identifier: GPL-2.0-only
"""The folder of a run: what was measured, whole rounds only, so that a run that was ended can be gone on with."""

import json
import math
import os
import shutil
import subprocess
import sys

from report import Data, write_csv

HERE = os.path.dirname(os.path.abspath(__file__))
MEASURES = ("bench", "bpf", "loader", "maps", ":!bench/results", ":!bench/shadow", ":!bench/report", ":!*.md",
            ":!bench/monitoring/show.py", ":!bench/monitoring/folder.py")
SAME = ("processor", "cpus", "memory_gib", "virtual", "versions", "bin_seconds", "ways")
TOLD = ("kernel",)  # may be another, since all ratios are within a round; the part says so
STEPS = 16  # of delays.csv, in an octave


def changed_since(revision):
    """What measures and is not as it was at a revision."""
    done = subprocess.run(["git", "diff", "--name-only", revision.rstrip("+"), "--", *MEASURES],
                          cwd=os.path.join(HERE, "..", ".."), capture_output=True, text=True, check=False)
    return done.stdout.split() if not done.returncode else [f"revision {revision} is not known here"]


class Folder:
    """rates and slices: rows of the CSV files; delays: {(way, state): {step: frames}}; machine: machine.json;
    told: what is not as it says of the first part."""

    def __init__(self, path):
        self.path = path
        self.rates, self.slices, self.delays, self.machine, self.told = [], [], {}, {}, {}

    @property
    def bins(self):
        return max((r["bin"] for r in self.rates), default=0)

    @property
    def rounds(self):
        return max((r["round"] for r in self.slices), default=0)

    def rates_of(self, way, state):
        """Packets a second in every bin, in their order."""
        return [r["forwarded"] / r["seconds"] for r in self.rates if (r["way"], r["state"]) == (way, state)]

    def add_delays(self, way, state, delays):
        """Adds {ns: frames} in steps of 1/STEPS octave."""
        steps = self.delays.setdefault((way, state), {})
        for ns, n in delays.items():
            if n:
                step = math.ceil(STEPS * math.log2(ns / 1000))
                steps[step] = steps.get(step, 0) + n

    def delay_rows(self):
        """Each step by its upper end."""
        for (way, state), steps in self.delays.items():
            for step in sorted(steps):
                yield {"way": way, "state": state, "at_most_us": round(2 ** (step / STEPS), 3),
                       "frames": steps[step]}

    def begin(self, machine):
        """Empty, but for what was not measured."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)
        shutil.copy(os.path.join(HERE, "paper.csv"), self.path)
        self.machine = machine | {"parts": []}

    def go_on(self, machine):
        """Reads what there is; ends the program when it is not of such a machine, or of other code."""
        data = Data(self.path)
        self.machine = data.json("machine.json")
        other = [name for name in SAME if self.machine.get(name) != machine.get(name)] + \
            changed_since(self.machine["revision"])
        if other:
            sys.exit(f"experiment: {self.path} cannot be gone on with, since this is not as it was: {', '.join(other)}")
        self.told = {name: machine[name] for name in TOLD if machine[name] != self.machine[name]}
        self.rates = list(data.table("rates.csv"))
        if os.path.exists(f"{self.path}/slices.csv"):
            self.slices = list(data.table("slices.csv"))
            for row in data.table("delays.csv"):
                steps = self.delays.setdefault((row["way"], row["state"]), {})
                steps[round(STEPS * math.log2(row["at_most_us"]))] = row["frames"]

    def save(self):
        self.machine["parts"][-1] |= self.told
        if self.rates:
            write_csv(f"{self.path}/rates.csv", self.rates)
        if self.slices:
            write_csv(f"{self.path}/slices.csv", self.slices)
            write_csv(f"{self.path}/delays.csv", self.delay_rows())
        with open(f"{self.path}/machine.json.new", "w", encoding="utf-8") as out:
            json.dump(self.machine, out, indent=1)
            out.write("\n")
        os.rename(f"{self.path}/machine.json.new", f"{self.path}/machine.json")
