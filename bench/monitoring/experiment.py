#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Experiment 1, the cost of monitoring (the paper's section 4.1): one bin of every configuration a round.

hosts.py says what forwards, show.py judges and draws. See README.md.
"""

import argparse
import dataclasses
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import hosts  # noqa: E402
import show  # noqa: E402
from folder import Folder  # noqa: E402
from report import describe_machine  # noqa: E402
from testbed import PLANE_PINS, run  # noqa: E402
from unharmed import FRAME, HOST_CPU, SENDER_CPU, Load, PacedLab, quantiles, rate_of  # noqa: E402

STATES = ("alone", "monitored", "overloaded")
BUDGETED = ("budget", "budget-overloaded")
QUIET = ("quiet", "control", "monitored")  # at half load; control is quiet once more
BUDGET = 0.05  # of what the way forwards alone, in frames a second
OVERHEAD = 0.55  # seconds that a bin takes beside its own
FIRST = 300_000  # frames of a first bin, from which on it is known how many fill the time
TRIES = 3
SLICE = 0.2  # seconds of a slice at half load: most are over before a hypervisor takes the CPU
RECENT = 9  # bins that say what a way forwards alone: the machine's own speed drifts


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


class Awake:
    """Keeps a CPU from idling: a hypervisor gives an idle one away, and is slow to give it back."""

    def __init__(self, cpu):
        self.process = subprocess.Popen(["chrt", "--idle", "0", "taskset", "-c", str(cpu), "sh", "-c", "while :; do :; done"])
        self.process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        self.process.send_signal(signal.SIGCONT)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGSTOP)

    def remove(self):
        self.process.kill()
        self.process.wait()


class Experiment:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.ways = [way for way in WAYS if re.search(args.only, way.name)]
        self.frames = {}  # (way, state): how many fill a bin
        self.begun = {}  # way: packets a second alone, before the first bin
        self.repeated = 0
        self.began_bins, self.began = folder.bins, time.monotonic()
        self.awake = Awake(HOST_CPU)
        self.lab = PacedLab(os.path.abspath(args.build))
        try:
            self.load = Load(os.path.join(folder.path, "disk"))
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
        self.awake.remove()
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
        """How many frames fill a bin, and about what a way forwards; nothing of it is kept."""
        for way in self.ways:
            with self.host[way.name].polled():
                outs = [self.bin(way, "alone", 0.4) for _ in range(5)]
            self.begun[way.name] = statistics.median(map(rate_of, outs[1:]))
            frames = math.ceil(self.args.seconds * outs[-1]["sent"] / outs[-1]["seconds"])
            self.frames |= {(way.name, state): frames for state in way.states}
        self.lab.stop_planes()

    def alone(self, way):
        """Packets a second that the way forwarded of late."""
        recent = self.folder.rates_of(way.name, "alone")[-RECENT:]
        return statistics.median(recent or [self.begun[way.name]])

    def measure(self):
        """The rounds that are missing; rounds of delays are spread over those of the rates."""
        part = {"date": self.args.machine["date"], "revision": self.args.machine["revision"]}
        self.folder.machine["parts"].append(part)
        for turn in range(self.folder.bins + 1, self.args.bins + 1):
            self.in_turn(turn, self.ways, self.measure_rates)
            while self.folder.rounds < turn * self.args.rounds // self.args.bins:
                self.in_turn(self.folder.rounds + 1, [way for way in self.ways if way.half], self.measure_delays)
            part |= {"bins": turn - self.began_bins, "took_seconds": round(time.monotonic() - self.began),
                     "bins_measured_again": self.repeated}
            self.folder.machine |= {"bins": turn, "delay_rounds": self.folder.rounds}
            self.folder.save()
            self.progress(turn)

    def in_turn(self, turn, ways, measure):
        """measure(way, turn) for every way, each with its device polled."""
        order = [way for way in self.order(turn) if way in ways]
        for way, following in zip(order, order[1:] + [None]):
            with self.host[way.name].polled():
                measure(way, turn)
            self.leave(way, following)

    def measure_rates(self, way, turn):
        self.host[way.name].budget[way.name] = math.ceil(BUDGET * self.alone(way))
        for state in rotate(way.states, turn):
            out = self.bin(way, state, self.args.seconds)
            self.folder.rates.append({
                "bin": turn, "way": way.name, "state": state, "seconds": out["seconds"], "offered": out["sent"],
                "forwarded": out["received"], "copied": out["copied"], "softirq_seconds": out["softirq"]})

    def measure_delays(self, way, turn):
        rate = round(self.alone(way) / 2)
        for state in rotate(QUIET, turn):
            for number in range(max(1, round(self.args.seconds / SLICE))):
                self.measure_delay(way, state, rate, turn, number + 1)

    def measure_delay(self, way, state, rate, turn, number):
        with self.awake:
            out = self.slice(way, "half" if state == "monitored" else "alone", math.ceil(rate * SLICE), round(1e9 / rate))
        self.folder.add_delays(way.name, state, out["delays"])
        median, p99, p999 = (round(us, 2) for us in quantiles(out["delays"]))
        self.folder.slices.append({
            "round": turn, "slice": number, "way": way.name, "state": state, "packets_per_second": rate,
            "sent": out["sent"], "received": out["received"], "copied": out["copied"], "stalls": out["stalls"],
            "away_us": round(out["away_ns"][HOST_CPU] / 1000),
            "median_us": median, "p99_us": p99, "p999_us": p999})

    def progress(self, done):
        """How long it has taken, and what is left at the same pace."""
        spent = time.monotonic() - self.began
        left = spent / (done - self.began_bins) * (self.args.bins - done)
        print(f"{done} of {self.args.bins} bins, {self.folder.rounds} rounds at half load, {spent:.0f} s, "
              f"{left:.0f} to go", flush=True)


def seconds_needed(args, folder):
    """What the whole run will take, roughly."""
    ways = [way for way in WAYS if re.search(args.only, way.name)]
    rates = sum(len(way.states) for way in ways) * (args.seconds + OVERHEAD) + 2
    delays = sum(len(QUIET) for way in ways if way.half) * args.seconds * (1 + OVERHEAD / SLICE) + 2
    return 20 + (args.bins - folder.bins) * rates + (args.rounds - folder.rounds) * delays


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
    parser.add_argument("--resume", action="store_true", default=env("RESUME", "") not in ("", "0"),
                        help="go on with what is in the folder, up to --bins in all")
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


def open_folder(args):
    folder = Folder(args.folder)
    settings = {"bin_seconds": args.seconds, "frame_bytes": FRAME + 4, "sender_cpu": SENDER_CPU,
                "host_cpu": HOST_CPU, "ways": args.only}
    if args.resume and os.path.exists(f"{args.folder}/machine.json"):
        folder.go_on(args.machine | settings)
    else:
        folder.begin(args.machine | settings)
    return folder


def main():
    args = arguments()
    args.machine = describe_machine()
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, terminate)
    folder = open_folder(args)
    print(f"{args.bins - folder.bins} bins of {args.seconds:g} s of every configuration, "
          f"{args.rounds - folder.rounds} rounds at half load: about {seconds_needed(args, folder) / 60:.0f} minutes "
          "(the paper's 500 bins: BINS=500; RESUME=1 goes on with a run that was ended)", flush=True)
    os.sched_setaffinity(0, {SENDER_CPU})  # what is started from here leaves the host's CPU alone
    experiment = Experiment(args, folder)
    try:
        experiment.calibrate()
        experiment.measure()
    finally:
        experiment.remove()
        os.rmdir(f"{args.folder}/disk")
    show.print_all(args.folder)
    print(f"\nreport: {show.make(args.folder)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("experiment: ended by a signal")
