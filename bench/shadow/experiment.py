#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make experiment-shadow`: the paper's section 4.2. `experiment.py` runs all SEEDS, `experiment.py SEED` one.

PHASE_SECONDS, SEEDS ("1 2 3"), JOBS (how many at a time) and NS_PREFIX (of namespaces) come from the
environment. A seed's files are in B/experiments/shadow/SEED/, and a report can be made of them again:
`figures.py FOLDER`.
"""
import functools
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, ".."))

from lab import USERS, Lab, binary  # noqa: E402
from phases import PHASES, Experiment  # noqa: E402
from report import Data, describe_machine, write_csv  # noqa: E402
from results import Results  # noqa: E402
from verdicts import fact, table, verdicts  # noqa: E402
from voice import rated  # noqa: E402
import figures  # noqa: E402

BUILD = os.environ.get("B", "build")
SECONDS = int(os.environ.get("PHASE_SECONDS", "300"))
LONGEST = 1600  # of six phases, in bins of ten seconds: `svnet voice --bin` takes 1,024 instants
SEEDS = os.environ.get("SEEDS", "1").split()
JOBS = int(os.environ.get("JOBS", "1"))
PREFIX = os.environ.get("NS_PREFIX", "svexp")
PACKAGES = ("libbpf1", "libxdp1", "clang", "iproute2", "baresip-core", "tcpdump", "python3")
OUTSIDE = ("outside-exit.pcap", "outside-entry.pcap")


def folder_of(seed):
    return os.path.abspath(os.path.join(BUILD, "experiments", "shadow", str(seed)))


def say(text):
    print(text, flush=True)


def keep(folder, results):
    rate = functools.partial(rated, binary("svnet"), source=USERS)
    results.rate = lambda path, cuts: rate(path, cuts=cuts)
    for name in ("phases", "bins", "utilisation", "facts"):
        write_csv(os.path.join(folder, name + ".csv"), getattr(results, name)())


def one(seed):
    """Exit 0 when every target was reached."""
    folder = folder_of(seed)
    shutil.rmtree(folder, ignore_errors=True)
    captures = os.path.join(folder, "captures")
    os.makedirs(captures)
    machine = describe_machine(PACKAGES)
    say("seed %s: six phases of %d s" % (seed, SECONDS))
    lab = Lab("%s%s-" % (PREFIX, seed))
    try:
        lab.up()
        run = Experiment(lab, captures, SECONDS, seed, say)
        run.run()
        keep(folder, Results(run))
    finally:
        lab.destroy()
    with open(os.path.join(folder, "machine.json"), "w", encoding="utf-8") as out:
        json.dump(machine, out, indent=1)
    data = Data(folder)
    rows = verdicts(data)
    say("\n" + table(rows))
    say("report: %s" % figures.make(folder))
    left = lab.left()
    for what in left:
        say("LEFT BEHIND: " + what)
    if data.table("facts.csv").where(fact="shadow_escapes")[0]["value"] == 0:
        for name in OUTSIDE:  # large, and they have nothing more to say
            os.unlink(os.path.join(captures, name))
    return 0 if all(reached in (True, None) for *_, reached in rows) and not left else 1


def start(seed, shown):
    """A seed in a process of its own; its output in SEED.log and, if it is the only one, here as well."""
    path = folder_of(seed) + ".log"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    argv = [sys.executable, os.path.abspath(__file__), str(seed)]
    with open(path, "w", encoding="utf-8") as log:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            log.write(line)
            log.flush()
            if shown:
                print(line, end="", flush=True)
    return process.wait()


def everything():
    if SECONDS > LONGEST:
        sys.exit("experiment: PHASE_SECONDS=%d: %d is the most that one recording can be rated for" % (SECONDS, LONGEST))
    estimate = (SECONDS * len(PHASES) + 60) * -(-len(SEEDS) // JOBS)
    say("seeds %s, %d at a time: about %d minutes" % (", ".join(SEEDS), JOBS, -(-estimate // 60)))
    begin = time.monotonic()
    with ThreadPoolExecutor(JOBS) as pool:
        status = list(pool.map(lambda seed: start(seed, JOBS == 1), SEEDS))
    say("")
    for seed, bad in zip(SEEDS, status):
        say(verdict(seed, bad))
    say("%d of %d seeds reached every target (%.0f s)" % (status.count(0), len(SEEDS),
                                                          time.monotonic() - begin))
    return 1 if any(status) else 0


def verdict(seed, bad):
    """A line of a seed, and a line for everything that it missed."""
    folder = folder_of(seed)
    if not os.path.exists(os.path.join(folder, "machine.json")):
        return "seed %s: FAILED, see %s.log" % (seed, folder)
    data = Data(folder)
    missed = ["    %s: %s asked, %s seen" % row[:3] for row in verdicts(data) if row[3] is False]
    dropped = fact(data, "frames_that_this_machine_had_no_cpu_for")
    if bad and dropped:
        missed.append("    this machine had no CPU for %d frames meanwhile: is it quiet?" % dropped)
    return "\n".join(["seed %s: %s, %s/report.html" % (seed, "MISSED" if bad else "reached", folder), *missed])


if __name__ == "__main__":
    sys.exit(one(int(sys.argv[1])) if len(sys.argv) > 1 else everything())
