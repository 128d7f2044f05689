#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judges and draws what experiment.py measured, from its folder alone: show.py FOLDER."""

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from report import Axis, Data, Line, Page, boxes, lines, quantile

WAYS = {
    "routing": "kernel routing on the host",
    "bridge": "the host's Linux bridge",
    "direct": "VNode with the device itself",
    "bridged": "VNode behind bridges",
    "bridged-plain": "VNode behind bridges, br_netfilter off",
    "svnet-tc": "VNode behind svnet by TC",
    "svnet-xdp": "VNode behind svnet by XDP",
}
COPIED_BY = {
    "routing": "tc mirred", "bridge": "tc mirred", "direct": "an emulated switch's mirror port",
    "bridged": "tc mirred", "bridged-plain": "tc mirred", "svnet-tc": "svnet", "svnet-xdp": "svnet",
}
STATES = {
    "alone": "no monitor",
    "monitored": "every frame copied",
    "overloaded": "every frame copied, overloaded",
    "budget": "copy budget",
    "budget-overloaded": "copy budget, overloaded",
}
HALF = {"quiet": "no monitor", "control": "no monitor, once more (A/A)", "monitored": "every frame copied"}
AT_LEAST = {"alone": 1.9, "monitored": 2.2}  # times what the bridged VNode forwards
BUDGETED = {"budget": 5, "budget-overloaded": 6}  # percent of its rate that production may lose
ARRIVED = 98  # percent of what was forwarded
# A slice in which the host's CPU was away longer than it takes to fill half of a veth's ring says nothing of who lost its
# packets.
HALF_RING = 128
ENOUGH = 5  # such slices, with a monitor and without
DRAWN_WAYS = [way for way in WAYS if way != "bridged-plain"]


# ---- numbers --------------------------------------------------------------------------------------


class Results:
    def __init__(self, folder):
        self.data = Data(folder)
        self.rates, self.slices, self.delays, self.paper = (
            self.data.table(f"{name}.csv") for name in ("rates", "slices", "delays", "paper"))
        self.machine = self.data.json("machine.json")

    def kpps(self, way, state):
        return [r["forwarded"] / r["seconds"] / 1000 for r in self.rates.where(way=way, state=state)]

    def has(self, way, state):
        return bool(self.rates.where(way=way, state=state))

    def ratio(self, over, under, bins=None):
        """Median of the ratios within a round: what was measured close together is compared. Of all bins, or of some."""
        by_bin = {r["bin"]: r["forwarded"] / r["seconds"]
                  for r in self.rates.where(way=under[0], state=under[1])}
        found = [r["forwarded"] / r["seconds"] / by_bin[r["bin"]]
                 for r in self.rates.where(way=over[0], state=over[1]) if bins is None or r["bin"] in bins]
        return quantile(found, 0.5) if found else None

    def cost(self, way, state, bins=None):
        """Percent of what the way forwards alone."""
        kept = self.ratio((way, state), (way, "alone"), bins)
        return None if kept is None else 100 * (1 - kept)

    def parts(self):
        """What was measured without a break: its description, and its bins."""
        first = 1
        for part in self.machine["parts"]:
            yield part, range(first, first + part["bins"])
            first += part["bins"]

    def share(self, way, state, name, of):
        rows = self.rates.where(way=way, state=state)
        return sum(r[name] for r in rows) / sum(r[of] for r in rows)

    def half(self, way, state):
        """Sums and medians over the slices at half load."""
        rows = self.slices.where(way=way, state=state)
        sums = {name: sum(rows.column(name)) for name in ("sent", "received", "copied", "stalls")}
        return sums | {"lost": sums["sent"] - sums["received"], "slices": len(rows)} | {
            name: quantile(rows.column(name), 0.5) for name in ("packets_per_second", "away_us", "median_us", "p99_us", "p999_us")}

    def undisturbed(self, way, state):
        """Of the slices whose CPU was never away for long: how many, packets lost, copies in percent."""
        rows = [r for r in self.slices.where(way=way, state=state)
                if r["away_us"] <= 1e6 * HALF_RING / r["packets_per_second"]]
        received = sum(r["received"] for r in rows)
        return (len(rows), sum(r["sent"] for r in rows) - received,
                100 * sum(r["copied"] for r in rows) / received if rows else None)

    def growth(self, way, state):
        """Median over the rounds of the slice's median delay by that of the quiet slice."""
        quiet = {(r["round"], r["slice"]): r["median_us"] for r in self.slices.where(way=way, state="quiet")}
        return quantile([r["median_us"] / quiet[r["round"], r["slice"]]
                         for r in self.slices.where(way=way, state=state)], 0.5)


def ways_of(res):
    return [way for way in WAYS if res.has(way, "alone")]


def targets_at_half_load(res, way):
    (n, quiet, _), (_, control, _), (of, lost, copied) = (res.undisturbed(way, state) for state in HALF)
    enough = min(of, n) >= ENOUGH  # else too few slices say anything
    yield (f"{WAYS[way]}: lost at half load while every frame is copied, in the {of} of "
           f"{len(res.slices.where(way=way, state='monitored'))} slices in which the host's CPU was never away for long "
           f"({quiet} and {control} without a monitor)", lost if enough else None, "≤", 0, "packets")
    # Svnet would shed copies rather than lose packets.
    yield (f"{WAYS[way]}: copies that arrived in those slices", copied if enough else None, "≥", ARRIVED, "%")


def targets(res):
    """name, what was seen, "≥" or "≤", what is asked, the unit"""
    if res.has("svnet-xdp", "alone") and res.has("bridged", "alone"):
        for state, least in AT_LEAST.items():
            yield (f"svnet by XDP / bridged, {STATES[state]}", res.ratio(("svnet-xdp", state), ("bridged", state)),
                   "≥", least, "×")
    for way in ("svnet-tc", "svnet-xdp"):
        if not res.has(way, "alone"):
            continue
        if len(res.slices.where(way=way)):
            yield from targets_at_half_load(res, way)
        for state, most in BUDGETED.items():
            yield (f"{WAYS[way]}: lost of its rate at saturation, {STATES[state]}", res.cost(way, state), "≤",
                   most, "%")
    # Else it would not have been monitored.
    yield ("copies that arrived where every frame is copied, the least of all ways",
           min(100 * res.share(way, state, "copied", "forwarded") for way in ways_of(res)
               for state in ("monitored", "overloaded") if res.has(way, state)), "≥", ARRIVED, "%")


def verdicts(res):
    for name, seen, op, target, unit in targets(res):
        ok = seen is not None and (seen >= target if op == "≥" else seen <= target)
        yield name, f"{op} {target} {unit}", seen, ok


# ---- the page -------------------------------------------------------------------------------------


def draw_rates(page, res):
    drawn = [way for way in DRAWN_WAYS if res.has(way, "alone")]
    series = {text: [res.kpps(way, state) or None for way in drawn] for state, text in STATES.items()}
    page.figure(boxes([WAYS[way] for way in drawn], {k: v for k, v in series.items() if any(v)},
                      Axis("forwarded", "1000 packets/s"), size=(960, 460),
                      label="Forwarding rate of every configuration"),
                f"Forwarding rate of frames of {res.machine['frame_bytes']} bytes, a value (dot) for every bin "
                f"of {res.machine['bin_seconds']:g} s; boxes are quartiles, whiskers reach 1.5 quartile ranges. "
                "What the paper's Figure 5 shows.", res.rates, save="rates.svg")


def paper_of(res, way, state):
    said = res.paper.where(way=way, state=state)
    return f"{said[0]['lost_percent']:g} ({said[0]['what']})" if said else ""


def tabulate_cost(page, res):
    states = list(STATES)[1:]
    rows = [[WAYS[way], COPIED_BY[way], *(res.cost(way, state) for state in states),
             "; ".join(filter(None, (paper_of(res, way, state) for state in states)))] for way in ways_of(res)]
    page.heading("Beside the paper")
    page.text("What monitoring takes of the rate that the same way has without it, in percent: the median of the "
              "ratios within a round. The paper's medians are of other hardware, so only such ratios can be compared.")
    page.table(["rate lost, %", "copied by", *(STATES[s] for s in states), "the paper"], rows, "", res.rates,
               res.paper)


def tabulate_rates(page, res):
    rows = []
    for way in ways_of(res):
        for state, text in STATES.items():
            kpps = res.kpps(way, state)
            if kpps:
                rows.append([WAYS[way] if state == "alone" else "", text,
                             *(quantile(kpps, q) for q in (0.25, 0.5, 0.75)),
                             res.ratio((way, state), ("bridged", "alone")) if res.has("bridged", "alone") else None,
                             res.share(way, state, "offered", "seconds") / 1000,
                             100 * res.share(way, state, "softirq_seconds", "seconds"),
                             1e9 * res.share(way, state, "softirq_seconds", "forwarded"),
                             100 * res.share(way, state, "copied", "forwarded")])
    page.heading("All rates")
    page.table(["1000 packets/s", "monitor", "first quartile", "median", "third quartile", "× bridged alone",
                "offered", "CPU in softirq, %", "ns a frame", "copies, % of forwarded"], rows, "", res.rates)


def draw_drift(page, res):
    drawn = [way for way in DRAWN_WAYS if res.has(way, "alone")]
    series = [Line(WAYS[way], tuple((r["bin"], r["forwarded"] / r["seconds"] / 1000)
                                    for r in res.rates.where(way=way, state="alone")), markers=True)
              for way in drawn]
    page.figure(lines(series, Axis("round", "one bin of every configuration"),
                      Axis("forwarded", "1000 packets/s"), size=(960, 320),
                      label="Rates without a monitor over the run"),
                "The same rates, without a monitor, in the order they were measured: what the machine itself "
                "drifts.", res.rates)


def longer_than(rows):
    """The share of packets that took longer, for each delay seen."""
    total, left, points = sum(r["frames"] for r in rows), sum(r["frames"] for r in rows), []
    for r in rows:
        left -= r["frames"]
        points.append((r["at_most_us"], max(left / total, 0)))
    return tuple(points)


def draw_delays(page, res):
    page.heading("Delay at half load: the probe effect")
    page.text("Half of what each way forwards alone (the median of its last bins), one packet at a time by the clock, "
              "from the sender to the far end.")
    low, high = min(res.delays.column("at_most_us")), max(res.delays.column("at_most_us"))
    small = {}
    for way in res.delays.distinct("way"):
        series = [Line(text, longer_than(res.delays.where(way=way, state=state)))
                  for state, text in HALF.items()]
        small[WAYS[way]] = lines(series, Axis("delay", "µs", low, high, True),
                                 Axis("share of packets that took longer", "", 1e-6, 1, True), size=(470, 320),
                                 label=f"Delays, {WAYS[way]}")
    page.grid(small, "All packets of all slices.", res.delays)


def tabulate_delays(page, res):
    rows = []
    for way in res.slices.distinct("way"):
        for state, text in HALF.items():
            h = res.half(way, state)
            rows.append([WAYS[way] if state == "quiet" else "", text, h["packets_per_second"] / 1000,
                         100 * h["packets_per_second"] / 1000 / quantile(res.kpps(way, "alone"), 0.5),
                         h["median_us"], res.growth(way, state),
                         h["p99_us"], h["p999_us"], h["sent"], h["lost"], *res.undisturbed(way, state)[:2], h["slices"],
                         h["away_us"],
                         100 * h["copied"] / h["received"], h["stalls"]])
    page.table(["way", "monitor", "1000 packets/s", "% of the rate alone", "median, µs", "× quiet", "99 %, µs", "99.9 %, µs", "sent", "lost",
                "slices left alone", "lost in those", "slices", "away at a time, µs", "copies that arrived, %", "sender stalled"], rows,
               f"Medians over the slices. Left alone: the host's CPU was never away longer than {HALF_RING} packets take to come, "
               "half of a veth's ring.",
               res.slices)


def tabulate_parts(page, res):
    def ratio(state, bins):
        return res.ratio(("svnet-xdp", state), ("bridged", state), bins)

    rows = [[part["date"], part["revision"][:12], part.get("kernel", res.machine["kernel"]), len(bins),
             *(ratio(state, bins) for state in AT_LEAST),
             *(res.cost(way, state, bins) for way in ("svnet-tc", "svnet-xdp") for state in BUDGETED)]
            for part, bins in res.parts()]
    page.heading("In parts")
    page.text("The run was ended and gone on with. What one part alone says:")
    page.table(["from", "revision", "kernel", "bins", *(f"XDP / bridged, {STATES[state]}" for state in AT_LEAST),
                *(f"{by} lost, %, {STATES[state]}" for by in ("TC", "XDP") for state in BUDGETED)], rows, "", res.rates)


def make(folder):
    res = Results(folder)
    page = Page("What monitoring costs", res.data,
                "Experiment 1 of svnet, after section 4.1 of “Network Troubleshooting with Shadow VNets”: "
                f"{res.machine['bins']} bins of every configuration, one of each a round (the paper: 500 bins).")
    page.heading("What is asked")
    page.table(["", "target", "seen", ""], map(list, verdicts(res)), "", res.rates, res.slices)
    page.heading("Forwarding rate")
    draw_rates(page, res)
    tabulate_cost(page, res)
    tabulate_rates(page, res)
    draw_drift(page, res)
    draw_delays(page, res)
    tabulate_delays(page, res)
    page.heading("How")
    for text in HOW:
        page.text(text)
    if len(res.machine["parts"]) > 1:
        tabulate_parts(page, res)
    page.machine({name: said for name, said in res.machine.items() if name != "parts"})
    return page.write()


HOW = (
    "One CPU sends and, for the VNode with the device itself, is the switch that is outside of the host; the "
    "other CPU is the host with its VNode, its monitors and their load, and the far end, which counts. The sender "
    "does its utmost, and what the host does not fetch in time is lost.",
    "Every frame copied: to a monitor that takes it at once, on the host's CPU. Copy budget: as svnet's agent would "
    "have it, a session of 5 % of the frames that are forwarded alone, a host that sheds copies when its CPU is "
    "busy, a monitor whose interface has a thread of its own at low priority. At half load every frame is copied to "
    "a monitor that takes it at once; svnet sheds copies while its CPU is busy.",
    "Overloaded: a program that never sleeps and one that writes to the disk without end, on the host's CPU, in a "
    "cgroup as monitors have it.",
    "CPU in softirq: how much of a bin the host's CPU spent receiving, forwarding and copying. What others took of "
    "it is missing there, so on a quiet machine it is some 100 % wherever no monitor is overloaded.",
    "Copies are those that arrived, counted behind the monitor's interface: more than were forwarded, where frames "
    "were lost after they had been copied. The bridges have br_netfilter as the kernel starts it; “br_netfilter "
    "off” is beside them.",
)


def print_all(folder):
    res = Results(folder)
    print(f"\n{'':40} {'monitor':40} {'kpps':>7} {'lost, %':>8}  copies, %")
    for way in ways_of(res):
        for state, text in STATES.items():
            if res.has(way, state):
                print(f"{WAYS[way]:40} {text:40} {quantile(res.kpps(way, state), 0.5):7.0f} "
                      f"{res.cost(way, state):8.1f} {100 * res.share(way, state, 'copied', 'forwarded'):9.1f}")
    print(f"\nat half load {'':27} {'':29} {'sent':>10} {'lost':>7} {'left alone, lost':>22} {'median us':>10} "
          f"{'99 % us':>9}")
    for way in res.slices.distinct("way"):
        for state, text in HALF.items():
            h = res.half(way, state)
            slices, lost, _ = res.undisturbed(way, state)
            print(f"{WAYS[way]:40} {text:29} {h['sent']:10} {h['lost']:7} {slices:6} of {h['slices']:3}: {lost:7} "
                  f"{h['median_us']:10.1f} {h['p99_us']:9.1f}")
    print()
    found = list(verdicts(res))
    for name, target, seen, ok in found:
        print(f"target {name} {target}: seen {'nothing' if seen is None else f'{seen:.2f}'} "
              f"{'ok' if ok else 'MISSED'}")
    print(f"\n{sum(ok for *_, ok in found)} of {len(found)} targets reached")


if __name__ == "__main__":
    print_all(sys.argv[1])
    print(f"\nreport: {make(sys.argv[1])}")
