#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Experiment 1, the cost of monitoring (the paper's section 4.1): one bin of every configuration a round.

hosts.py says what forwards, show.py judges and draws. See README.md.
"""

import argparse
import dataclasses
import json
import math
import os
import re
import shutil
import signal
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import hosts  # noqa: E402
import show  # noqa: E402
from report import describe_machine, write_csv  # noqa: E402
from testbed import PLANE_PINS, run  # noqa: E402
from unharmed import FRAME, HOST_CPU, SENDER_CPU, Load, PacedLab, quantiles  # noqa: E402

STATES = ("alone", "monitored", "overloaded")
BUDGETED = ("budget", "budget-overloaded")
QUIET = ("quiet", "control", "monitored")  # at half load; control is quiet once more
BUDGET = 0.05  # of what the way forwards alone, in frames a second
OVERHEAD = 0.55  # seconds that a bin takes beside its own
FIRST = 300_000  # frames of a first bin, from which on it is known how many fill the time
TRIES = 3
STEPS = 16  # of delays.csv, in an octave


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    kind: type
    path: str
    states: tuple = STATES
    half: bool = True  # also its delays at half load


WAYS = (
    Way("routing", hosts.Routing, "wire"),
    Way("bridge", hosts.Bridging, "wire"),
    Way("direct", hosts.Direct, "wire"),
    Way("bridged", hosts.Bridging, "vnode"),
    Way("bridged-plain", hosts.BridgingPlain, "vnode", STATES[:2], False),
    Way("svnet-tc", hosts.Svnet, "vnode", STATES + BUDGETED),
    Way("svnet-xdp", hosts.Svnet, "vnode", STATES + BUDGETED),
)


def rotate(items, by):
    items = list(items)
    by %= len(items)
    return items[by:] + items[:by]


def softirq_seconds(cpu):
    """That the CPU has been in softirqs: receiving, forwarding, copying."""
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            fields = line.split()
            if fields[0] == f"cpu{cpu}":
                return int(fields[7]) / os.sysconf("SC_CLK_TCK")
    raise RuntimeError(f"no CPU {cpu}")


class Experiment:
    def __init__(self, args):
        self.args = args
        self.ways = [way for way in WAYS if re.search(args.only, way.name)]
        self.rates, self.slices, self.delays = [], [], {}
        self.frames = {}  # (way, state): how many fill a bin
        self.repeated, self.part_began = 0, 0
        self.lab = PacedLab(os.path.abspath(args.build))
        try:
            self.load = Load(os.path.join(args.folder, "disk"))
            self.make_hosts()
        except BaseException:
            self.remove()
            raise

    def make_hosts(self):
        """Both of svnet's ways are one host: there is one data plane at a time."""
        self.host = {}
        for way in self.ways:
            name = "svnet" if way.kind is hosts.Svnet else way.name
            self.host[way.name] = self.lab.duts.get(name) or way.kind(self.lab, name, path=way.path)
            self.host[way.name].budget = {}

    def remove(self):
        if getattr(self, "load", None):
            self.load.remove()
        self.lab.remove()
        if os.path.exists(PLANE_PINS):  # a plane that a signal ended has not purged itself
            run(self.lab.plane, PLANE_PINS, text="", check=False)

    def order(self, turn):
        """Every way has each place equally often; svnet's stay together, since its data plane is
        stopped before others are measured: it has programs on tracepoints of the machine."""
        kernel = [way for way in self.ways if way.kind is not hosts.Svnet]
        ours = [way for way in self.ways if way.kind is hosts.Svnet]
        groups = [rotate(g, turn) for g in (kernel, ours) if g]
        return [way for group in rotate(groups, turn) for way in group]

    # ---- one bin ----------------------------------------------------------------------------------

    def slice(self, way, state, frames, interval=0):
        """state as hosts.py knows it. A bin that others' work spoilt is measured again."""
        host = self.host[way.name]
        host.set(way.name, state)
        for attempt in range(TRIES):
            if state.endswith("overloaded"):
                self.load.cont()
            try:
                copied, softirq = host.copied(), softirq_seconds(HOST_CPU)
                out = host.slice(host.destination, frames, interval)
                out["softirq"] = round(softirq_seconds(HOST_CPU) - softirq, 2)
                out["copied"] = host.copied() - copied
                return out
            except SystemExit as err:
                if attempt + 1 == TRIES:
                    raise
                print(f"{way.name}, {state}: once more: {err}", flush=True)
                self.repeated += 1
            finally:
                self.load.stop()

    def bin(self, way, state, seconds):
        key = (way.name, state)
        out = self.slice(way, state, self.frames.get(key, FIRST))
        self.frames[key] = math.ceil(seconds * out["sent"] / out["seconds"])
        return out

    def leave(self, way, following):
        if way.kind is hosts.Svnet and (not following or following.kind is not hosts.Svnet):
            self.host[way.name].stop()

    # ---- all of them ------------------------------------------------------------------------------

    def calibrate(self):
        """How many frames fill a bin, and what the budgets are; nothing of it is kept."""
        for way in self.ways:
            best = 0
            with self.host[way.name].polled():
                for _ in range(3):
                    out = self.bin(way, "alone", 0.4)
                    best = max(best, out["received"] / out["seconds"])
            self.host[way.name].budget[way.name] = math.ceil(BUDGET * best)
            frames = math.ceil(self.args.seconds * out["sent"] / out["seconds"])
            self.frames |= {(way.name, state): frames for state in way.states}
        self.lab.stop_planes()

    def measure_rates(self):
        self.part_began = time.monotonic()
        for i in range(self.args.bins):
            order = self.order(i)
            for way, following in zip(order, order[1:] + [None]):
                with self.host[way.name].polled():
                    for state in rotate(way.states, i):
                        self.measure_rate(way, state, i + 1)
                self.leave(way, following)
            write_csv(f"{self.args.folder}/rates.csv", self.rates)
            self.progress("rates", i + 1, self.args.bins)

    def measure_rate(self, way, state, turn):
        out = self.bin(way, state, self.args.seconds)
        self.rates.append({"bin": turn, "way": way.name, "state": state, "seconds": out["seconds"],
                           "offered": out["sent"], "forwarded": out["received"], "copied": out["copied"],
                           "softirq_seconds": out["softirq"]})

    def half_rate(self, way):
        return statistics.median(r["forwarded"] / r["seconds"] for r in self.rates
                                 if (r["way"], r["state"]) == (way.name, "alone")) / 2

    def measure_delays(self):
        self.part_began = time.monotonic()
        for i in range(self.args.rounds):
            order = [way for way in self.order(i) if way.half]
            for way, following in zip(order, order[1:] + [None]):
                with self.host[way.name].polled():
                    for state in rotate(QUIET, i):
                        self.measure_delay(way, state, i + 1)
                self.leave(way, following)
            write_csv(f"{self.args.folder}/slices.csv", self.slices)
            write_csv(f"{self.args.folder}/delays.csv", self.delay_rows())
            self.progress("delays at half load", i + 1, self.args.rounds)

    def measure_delay(self, way, state, turn):
        rate = self.half_rate(way)
        out = self.slice(way, "half" if state == "monitored" else "alone",
                         math.ceil(rate * self.args.seconds), round(1e9 / rate))
        total = self.delays.setdefault((way.name, state), {})
        for ns, n in out["delays"].items():
            total[ns] = total.get(ns, 0) + n
        median, p99, p999 = (round(us, 2) for us in quantiles(out["delays"]))
        self.slices.append({"round": turn, "way": way.name, "state": state, "sent": out["sent"],
                            "received": out["received"], "copied": out["copied"], "stalls": out["stalls"],
                            "median_us": median, "p99_us": p99, "p999_us": p999})

    def delay_rows(self):
        """The histograms in steps of 1/STEPS octave, each by its upper end."""
        for (way, state), delays in self.delays.items():
            steps = {}
            for ns, n in delays.items():
                if n:
                    step = math.ceil(STEPS * math.log2(ns / 1000))
                    steps[step] = steps.get(step, 0) + n
            for step in sorted(steps):
                yield {"way": way, "state": state, "at_most_us": round(2 ** (step / STEPS), 3),
                       "frames": steps[step]}

    def progress(self, what, done, of):
        """How long it has taken, and what is left of this part at the same pace."""
        now = time.monotonic()
        left = (now - self.part_began) / done * (of - done)
        print(f"{what}: {done} of {of}, {now - self.args.began:.0f} s, {left:.0f} to go", flush=True)


def seconds_needed(args):
    """What the whole run will take, roughly."""
    ways = [way for way in WAYS if re.search(args.only, way.name)]
    bins = args.bins * sum(len(way.states) for way in ways) + \
        args.rounds * sum(len(QUIET) for way in ways if way.half)
    return 10 + bins * (args.seconds + OVERHEAD) + 2 * (args.bins + args.rounds)


def arguments():
    env = os.environ.get
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--folder", help="what is measured goes here (BUILD/experiments/monitoring)")
    parser.add_argument("--bins", type=int, default=int(env("BINS", "20")),
                        help="of each configuration; the paper: 500")
    parser.add_argument("--seconds", type=float, default=float(env("BIN_SECONDS", "1")), help="of a bin")
    parser.add_argument("--rounds", type=int, default=int(env("DELAY_ROUNDS", "0")),
                        help="of the delays at half load (a fifth of the bins, at least 3)")
    parser.add_argument("--only", default="", help="ways whose name matches this expression")
    args = parser.parse_args()
    args.folder = os.path.abspath(args.folder or f"{args.build}/experiments/monitoring")
    args.rounds = args.rounds or max(3, args.bins // 5)
    return args


def terminate(*_):
    """Once, so that what was made is removed; no SystemExit, since a bin that ends with it is tried again."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def describe(args, experiment):
    return args.machine | {
        "bins": args.bins, "bin_seconds": args.seconds, "delay_rounds": args.rounds,
        "frame_bytes": FRAME + 4, "sender_cpu": SENDER_CPU, "host_cpu": HOST_CPU,
        "took_seconds": round(time.monotonic() - args.began),
        "bins_measured_again": experiment.repeated,
        "budget_packets_per_second": {way.name: experiment.host[way.name].budget[way.name]
                                      for way in experiment.ways if "budget" in way.states},
        "half_load_packets_per_second": {way.name: round(experiment.half_rate(way))
                                         for way in experiment.ways if way.half},
    }


def main():
    args = arguments()
    args.began, args.machine = time.monotonic(), describe_machine()
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, terminate)
    print(f"{args.bins} bins of {args.seconds:g} s of every configuration, {args.rounds} rounds at half load: "
          f"about {seconds_needed(args) / 60:.0f} minutes (the paper's 500 bins: BINS=500)", flush=True)
    shutil.rmtree(args.folder, ignore_errors=True)
    os.makedirs(args.folder)
    os.sched_setaffinity(0, {SENDER_CPU})  # what is started from here leaves the host's CPU alone
    experiment = Experiment(args)
    try:
        experiment.calibrate()
        experiment.measure_rates()
        experiment.measure_delays()
    finally:
        experiment.remove()
    os.rmdir(f"{args.folder}/disk")
    shutil.copy(os.path.join(HERE, "paper.csv"), args.folder)
    with open(f"{args.folder}/machine.json", "w", encoding="utf-8") as out:
        json.dump(describe(args, experiment), out, indent=1)
        out.write("\n")
    show.print_all(args.folder)
    print(f"\nreport: {show.make(args.folder)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("experiment: ended by a signal")
