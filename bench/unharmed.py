#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Is production unharmed? An open-loop sender on one CPU, the host with its monitors on the other.

The sender's frames carry its clock; the far end makes a histogram of their delays. What is compared
goes by turns in short slices: nobody monitors, the same once more (the A/A control), and three
sessions whose monitors do their worst. See README.md.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time

from testbed import IN_MAC, PINS, PLANE_PINS, PREFIX, SINK_IP, SINK_MAC, SRC_IP, SRC_MAC, Lab, run
from ways import TERMS, Svnet

SENDER_CPU, HOST_CPU = 0, 1
PACKETS, PACKETS_MIN = 10_000_000, 400_000
ROUNDS = 10
FRAME = 60
# The host's interrupts: as a NIC's moderation, the device is polled this long after it was empty.
POLL_NS = 20_000
SESSIONS = ("m0 0", f"h0 0 {TERMS.replace('20000', '10007')} < 600", "ring 0")
RING = 3  # of them
PATHS = (("wire", "xdp"), ("vnode", "tc"))
BUDGET = 0.05
SATURATED = 0.4  # seconds of a slice as fast as the sender can
# The search for the throughput: halvings, seconds of a trial, and how often a rate may be tried.
HALVINGS, TRIAL, TRIALS = 8, 0.5, 3


# ---- the host ---------------------------------------------------------------------------------


class PacedLab(Lab):
    def sink(self, ns, dev):
        if not dev.startswith("d1"):
            return super().sink(ns, dev)
        pin = f"{PINS}/{dev}"
        run(self.paced, "sink", dev, pin, ns=ns)
        return pin


def set_device(ns, dev, name, value):
    # A sysfs of the namespace's own: `ip netns exec` mounts one.
    run("ip", "netns", "exec", ns, "sh", "-c", f"echo {value} > /sys/class/net/{dev}/{name}")


def threads_of(dev):
    """The kernel threads that poll a device."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as f:
            if f.read().startswith(f"napi/{dev}-"):
                found.append(pid)
    return found


class Host(Svnet):
    """svnet with everything of the host on one CPU: interrupts, VNode, monitors and their load."""

    monitors = ("m0", "h0", "t0")
    share = "default"

    def configure(self):
        super().configure()
        # From the first poll on, a timer of that CPU polls again: as a NIC's interrupts would.
        set_device(self.ns, "d0", "gro_flush_timeout", POLL_NS)
        set_device(self.ns, "d0", "napi_defer_hard_irqs", 2_000_000_000)
        for dev in ("m0", "h0"):
            self.set_threaded(f"{dev}-{self.number}")

    def set_threaded(self, dev):
        """As the agent does for a monitor's interface; the threads stay on the host's CPU."""
        set_device(self.lab.far, dev, "threaded", 1)
        threads = threads_of(dev)
        if not threads:
            sys.exit(f"bench: {dev} has no thread of its own")
        for pid in threads:
            run("renice", "-n", "19", "-p", pid)
            run("taskset", "-p", "-c", str(HOST_CPU), pid)

    def histogram(self):
        return json.loads(run(self.lab.paced, "read", self.counters["d1"]))

    def send(self, path, frames, interval, batch, *more, cpu=SENDER_CPU):
        return json.loads(run(
            "nice", "-n", "-20", self.lab.paced, "send", self.source_dev, "--cpu", str(cpu), "--frames", str(frames),
            "--interval", str(interval), "--batch", str(batch), "--len", str(FRAME), "--src", SRC_MAC,
            "--dst", IN_MAC if path == "vnode" else SINK_MAC, "--saddr", SRC_IP, "--daddr", SINK_IP, *more,
            ns=self.source))

    def slice(self, path, frames, interval=0):
        """Sends, and tells what became of it. interval 0: as fast as it can; else also how long the CPUs were away."""
        self.send(path, 20, 1000, 20, cpu=HOST_CPU)  # who polls first, polls on
        time.sleep(0.01)
        before = self.histogram()
        out = self.send(path, frames, interval, 1, "--away") if interval else self.send(path, frames, 0, 64)
        time.sleep(0.05)
        after = self.histogram()
        delays = dict(map(tuple, after["delays"]))
        for ns, n in before["delays"]:
            delays[ns] -= n
        by_cpu = [b - a for a, b in zip(before["by_cpu"], after["by_cpu"])]
        if by_cpu[SENDER_CPU] > sum(by_cpu) / 1000:
            sys.exit(f"bench: the host worked on the sender's CPU: {by_cpu}")
        return out | {"received": sum(by_cpu), "delays": delays}


# ---- the worst that monitors can do --------------------------------------------------------------


def cpu_group():
    """A cgroup as the agent makes it for monitors, and what it writes there, the best first."""
    with open("/proc/self/mounts", encoding="ascii") as f:
        mounts = [line.split() for line in f]
    for fields in mounts:
        if fields[2] == "cgroup2":
            with open(f"{fields[1]}/cgroup.controllers", encoding="ascii") as f:
                if "cpu" in f.read().split():
                    with open(f"{fields[1]}/cgroup.subtree_control", "w", encoding="ascii") as f:
                        f.write("+cpu")
                    return f"{fields[1]}/{PREFIX}", (("cpu.idle", "1"), ("cpu.weight", "1"))
    for fields in mounts:
        if fields[2] == "cgroup" and "cpu" in fields[3].split(","):
            return f"{fields[1]}/{PREFIX}", (("cpu.idle", "1"), ("cpu.shares", "10"))
    sys.exit("bench: no cgroup hierarchy has CPU weights")


def weigh(group, ways):
    for name, value in ways:
        with contextlib.suppress(OSError):
            with open(f"{group}/{name}", "w", encoding="ascii") as f:
                f.write(value)
            return
    sys.exit(f"bench: {group} takes no CPU weight")


class Load:
    """The monitor's own programs: one that never sleeps, and one that fills the disk."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.group, ways = cpu_group()
        os.mkdir(self.group)
        weigh(self.group, ways)
        hog = "while :; do :; done"
        disk = (f"while :; do dd if=/dev/zero of={folder}/busy bs=1M count=32 conv=fsync "
                "2>/dev/null; done")
        self.processes = [self.start(script) for script in (hog, disk)]
        self.stop()

    def start(self, script):
        def join():
            with open(f"{self.group}/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")

        return subprocess.Popen(["taskset", "-c", str(HOST_CPU), "sh", "-c", script],
                                preexec_fn=join, start_new_session=True)

    def signal(self, sig):
        for process in self.processes:
            os.killpg(process.pid, sig)

    def cont(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        self.signal(signal.SIGSTOP)

    def remove(self):
        self.signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/busy")
        for _ in range(50):  # dd may still be on its way out
            try:
                os.rmdir(self.group)
                return
            except OSError:
                time.sleep(0.1)


@contextlib.contextmanager
def stopped_reader(host, cpu=HOST_CPU):
    """A reader of the ring that has stopped reading."""
    reader = subprocess.Popen([host.lab.reader, PLANE_PINS, str(RING), str(cpu)],
                              stdout=subprocess.PIPE, text=True)
    try:
        if reader.stdout.readline() != "ready\n":
            sys.exit("bench: the ring has no reader")
        reader.send_signal(signal.SIGSTOP)
        yield
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()


# ---- measuring ---------------------------------------------------------------------------------


def quantiles(delays, at=(0.5, 0.99, 0.999)):
    total, seen, found = sum(delays.values()), 0, []
    for ns in sorted(delays):
        seen += delays[ns]
        while len(found) < len(at) and seen >= at[len(found)] * total:
            found.append(ns / 1000)
    return found


class Tally:
    """All slices of one configuration."""

    def __init__(self):
        self.slices = []

    def add(self, out):
        self.slices.append(out)

    def sum(self, name):
        return sum(s[name] for s in self.slices)

    def medians(self):
        return [quantiles(s["delays"], (0.5,))[0] for s in self.slices]

    def delays(self):
        total = {}
        for s in self.slices:
            for ns, n in s["delays"].items():
                total[ns] = total.get(ns, 0) + n
        return total

    def report(self):
        median, p99, p999 = quantiles(self.delays())
        return {"offered": self.sum("offered"), "sent": self.sum("sent"),
                "received": self.sum("received"), "lost": self.sum("sent") - self.sum("received"),
                "sender_stalls": self.sum("stalls"),
                "sender_slowdown_percent": round(100 * self.sum("stalled_seconds") /
                                                 self.sum("seconds"), 3),
                "delay_us": {"median": round(median, 2), "p99": round(p99, 2),
                             "p999": round(p999, 2)}}


def rate_of(out):
    return out["received"] / out["seconds"]


def find_maximum(host, path):
    """What the host forwards when the sender does its utmost, in packets a second."""
    host.set_row(path, "same")
    frames, rates = 200_000, []
    for _ in range(6):
        out = host.slice(path, frames)
        rates.append(rate_of(out))
        if out["sent"] < 1.02 * out["received"]:
            print(f"{path}: the sender may be what limits the rate", flush=True)
        frames = max(50_000, int(SATURATED * out["sent"] / out["seconds"]))
    return max(rates)


def loses_nothing(host, path, rate):
    """In one trial of a few: what the machine takes in the others is not the host's doing."""
    frames = max(1000, int(rate * TRIAL))
    return any(out["received"] == out["sent"] for out in
               (host.slice(path, frames, round(1e9 / rate)) for _ in range(TRIALS)))


def find_throughput(host, path, maximum):
    """RFC 2544, section 26.1: the highest rate at which all arrives that is sent, without sessions. 0: a
    machine that loses at a tenth of the maximum already is too busy to measure any."""
    host.set_row(path, "same")
    low, high = 0, maximum
    for _ in range(HALVINGS):
        rate = (low + high) / 2
        if loses_nothing(host, path, rate):
            low = rate
        else:
            high = rate
    return low if low > maximum / 10 else 0


def run_monitored(host, load, path, frames, interval):
    host.set_row(path, "same", SESSIONS)
    before = [host.session_counters(i + 1) for i in range(len(SESSIONS))]
    with stopped_reader(host):
        load.cont()
        try:
            out = host.slice(path, frames, interval)
        finally:
            load.stop()
    after = [host.session_counters(i + 1) for i in range(len(SESSIONS))]
    out["sessions"] = [{k: n - b.get(k, 0) for k, n in a.items() if n != b.get(k, 0)}
                       for b, a in zip(before, after)]
    return out


def run_quiet(host, path, frames, interval):
    host.set_row(path, "same")
    return host.slice(path, frames, interval)


def measure_half(host, load, path, rate, packets):
    """Half of the maximum: quiet, control and monitored by turns."""
    tallies = {"quiet": Tally(), "control": Tally(), "monitored": Tally()}
    frames, interval = -(-packets // ROUNDS), round(1e9 / rate)
    names = list(tallies)
    for i in range(ROUNDS):
        for name in names[i % 3:] + names[:i % 3]:
            if name == "monitored":
                tallies[name].add(run_monitored(host, load, path, frames, interval))
            else:
                tallies[name].add(run_quiet(host, path, frames, interval))
    return tallies


def sum_sessions(tally):
    sums = [{} for _ in SESSIONS]
    for out in tally.slices:
        for total, counters in zip(sums, out["sessions"]):
            for name, n in counters.items():
                total[name] = total.get(name, 0) + n
    if not all(s.get("matched") for s in sums):
        sys.exit(f"bench: the sessions did not do what they were to do: {sums}")
    return sums


def measure_saturated(host, path, maximum):
    """Production's rate with copies up to the budget, over its rate without sessions."""
    ratios, counters = [], {}
    budget = round(BUDGET * maximum)
    frames = int(2 * maximum * SATURATED)
    for _ in range(ROUNDS):
        host.set_row(path, "same")
        without = rate_of(host.slice(path, frames))
        host.set_row(path, "same", (f"m0 {budget}",))
        before = host.session_counters()
        ratios.append(rate_of(host.slice(path, frames)) / without)
        for name, n in host.session_counters().items():
            counters[name] = counters.get(name, 0) + n - before.get(name, 0)
    return {"budget_pps": budget, "kept": {"min": round(min(ratios), 3),
                                          "median": round(statistics.median(ratios), 3),
                                          "max": round(max(ratios), 3)},
            "session": counters}


def measure_rate(host, load, path, rate, packets):
    tallies = measure_half(host, load, path, rate, packets)
    quiet, control, monitored = (t.medians() for t in tallies.values())
    growth = [m / statistics.mean((q, c)) for m, q, c in zip(monitored, quiet, control)]
    result = {"offered_kpps": round(rate / 1000, 1)}
    result |= {name: tally.report() for name, tally in tallies.items()}
    result["sessions"] = sum_sessions(tallies["monitored"])
    result["median_growth"] = round(statistics.median(growth), 3)
    result["median_control"] = round(statistics.median([c / q for c, q in zip(control, quiet)]), 3)
    return result


def measure_path(host, load, path, datapath, packets):
    host.start_datapath(datapath)
    maximum = find_maximum(host, path)
    throughput = find_throughput(host, path, maximum)
    result = {"path": path, "datapath": datapath, "maximum_kpps": round(maximum / 1000, 1),
              "throughput_kpps": round(throughput / 1000, 1), "rates": {}}
    for name, rate in (("maximum", maximum), ("throughput", throughput)):
        if rate:
            result["rates"][name] = measure_rate(host, load, path, rate / 2, packets)
    result["saturated"] = measure_saturated(host, path, maximum)
    return result


# ---- the report ---------------------------------------------------------------------------------


def targets(result, packets):
    name = f"{result['path']} {result['datapath']}"
    for of in ("maximum", "throughput"):
        seen = result["rates"].get(of)
        half = f"{name}: half of the {of}:"
        yield f"{half} packets offered", seen["monitored"]["sent"] if seen else 0, ">=", packets
        if seen:
            yield f"{half} production lost, monitored", seen["monitored"]["lost"], "<=", 0
            yield f"{half} growth of the median delay", seen["median_growth"], "<=", 1.1
    yield (f"{name}: production kept at saturation, copies up to 5 %",
           result["saturated"]["kept"]["median"], ">=", 0.95)


def judge(results, packets):
    verdicts = {}
    for result in results:
        for name, seen, op, target in targets(result, packets):
            ok = seen >= target if op == ">=" else seen <= target
            verdicts[name] = {"seen": seen, "target": f"{op} {target}", "ok": ok}
    return verdicts


def print_rate(of, seen):
    print(f"\n  half of the {of}: {seen['offered_kpps']:.0f} kpps offered")
    print(f"  {'':10} {'offered':>10} {'received':>10} {'lost':>7} {'sender slower':>14} "
          f"{'median us':>10} {'p99':>8} {'p99.9':>9}")
    for name in ("quiet", "control", "monitored"):
        r = seen[name]
        print(f"  {name:10} {r['sent']:10} {r['received']:10} {r['lost']:7} "
              f"{r['sender_slowdown_percent']:12.2f} % {r['delay_us']['median']:10.2f} "
              f"{r['delay_us']['p99']:8.1f} {r['delay_us']['p999']:9.1f}")
    for text, counters in zip(SESSIONS, seen["sessions"]):
        print(f"  session {text.split()[0]:5} " + ", ".join(f"{k} {n}" for k, n in counters.items()))


def print_path(result):
    print(f"\n{result['path']} by {result['datapath']}: at most {result['maximum_kpps']:.0f} kpps, "
          f"without a loss {result['throughput_kpps']:.0f} kpps")
    for of, seen in result["rates"].items():
        print_rate(of, seen)
    saturated = result["saturated"]
    print(f"\n  saturated, copies up to {saturated['budget_pps']} a second: production keeps "
          f"{100 * saturated['kept']['median']:.1f} % ({100 * saturated['kept']['min']:.1f} … "
          f"{100 * saturated['kept']['max']:.1f})")


def print_verdicts(verdicts):
    print()
    for name, v in verdicts.items():
        print(f"target {name} {v['target']}: seen {v['seen']} {'ok' if v['ok'] else 'MISSED'}")
    reached = sum(v["ok"] for v in verdicts.values())
    print(f"\n{reached} of {len(verdicts)} targets reached")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--packets", type=int, default=int(os.environ.get("BENCH_PACKETS", PACKETS)),
                        help="of each configuration")
    parser.add_argument("--only", choices=[path for path, _ in PATHS])
    args = parser.parse_args()
    if args.packets < PACKETS_MIN:
        parser.error(f"at least {PACKETS_MIN} packets, or the ring of a stopped reader is never full")
    return args


def measure_all(args):
    lab = PacedLab(os.path.abspath(args.build))
    load = None
    try:
        load = Load(f"{os.path.abspath(args.build)}/bench/log")
        host = Host(lab, "svnet", path="vnode")
        results = []
        for path, datapath in PATHS:
            if args.only in (None, path):
                results.append(measure_path(host, load, path, datapath, args.packets))
                print_path(results[-1])
        return results
    finally:
        if load:
            load.remove()
        lab.remove()


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))
    results = measure_all(args)
    verdicts = judge(results, args.packets)
    print_verdicts(verdicts)
    with open(f"{args.build}/bench/unharmed.json", "w", encoding="utf-8") as f:
        json.dump({"paths": results, "targets": verdicts}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
