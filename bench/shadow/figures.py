#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The report of one seed, from the files in its folder alone: `figures.py FOLDER` makes it again."""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from report import Axis, Band, Data, Line, Page, boxes, lines  # noqa: E402
from verdicts import LEVELS, fact, medians, verdicts  # noqa: E402

PLACES = {"a": "A, at the exit", "b": "B, at the exit", "receiver": "receiver"}
LEAD = ("A voice call and web-like TCP traffic cross a production VNet A. A shadow VNet B is cloned from it, "
        "gets the same packets, and is silent. Quality of service is turned on in B, B is measured on the "
        "real call, and then a flip makes it production.")
HOW = (
    "The call is SIP between two baresip clients (the paper: pjsip), G.711, 160 bytes every 20 ms, 80 kbit/s with "
    "its IP headers. The background is a generator of ours after Harpoon: sessions of TCP transfers between four "
    "servers beside the caller and four clients beside the callee; sizes Pareto with shape 1.2 from 5,000 bytes "
    "(the synthetic workload in Harpoon's source), cut at 2.8 MB; pauses Pareto with shape 1.5 from 1 s (SURGE's "
    "inactive times), cut at 159 s; TCP is cubic. The number of sessions makes the volume. Everything of it "
    "follows from the seed but for what TCP does.",
    "Each VNet is shaped to 20 Mbit/s on host 2 with 40 packets of queue, what a Cisco router has by default. "
    "Without QoS the voice shares it; with QoS it has a class of its own before the rest. Levels are "
    "what left through the shaped link, voice included.",
    "svnet records the voice alone, at the exits of both VNets, in rings (svnet monitor, svnet capture), before the "
    "gate: what B would have sent is seen, too. The receiver is a tcpdump outside. MOS is what svnet voice says of "
    "these recordings: the E-model of ITU-T G.107 with G.711 without concealment, a fixed de-jitter buffer "
    "of 60 ms, and the network's delay left out. Packets are counted in the bin in which they were sent; MOS is "
    "of what arrived in the bin.",
    "Escapes are counted by tcpdump outside both edges: B's routers mark what they forward (DSCP CS1), so frames "
    "with the mark before the flip, and without it later than 0.2 s after, are of a silent VNet.",
)


def steps(bins, column):
    """A value for every bin, held until its end, and a gap before the next phase."""
    points = []
    for row in bins:
        begin, end = row["begin_s"], row["begin_s"] + row["seconds"]
        if points and abs(begin - points[-1][0]) < 0.01:
            del points[-2:]
        points += [(begin, row[column]), (end, row[column]), (end, None)]
    return tuple(points)


def bands(phases):
    return [Band(row["begin_s"], row["begin_s"] + row["seconds"], "%d: %s, load %s%s, %s heard" % (
        row["phase"], row["members"], row["level"], "" if row["qos"] == "none" else ", QoS in " + row["qos"],
        row["heard"])) for row in phases]


def background(bins, heard):
    """The rate at the link of whoever is heard; nothing between phases."""
    rows = [dict(row, link=row["link_mbit_" + heard[row["phase"]].lower()]) for row in bins]
    return tuple((x, y or 0) for x, y in steps(rows, "link"))


def figure_losses(page, phases, bins):
    heard = {row["phase"]: row["heard"] for row in phases}
    width = bins[0]["seconds"]
    page.heading("Losses (the paper's Figure 7)")
    page.figure(lines([Line(name, steps(bins, "lost_" + place), steps=True) for place, name in PLACES.items()],
                      Axis("time", "s"), Axis("voice packets lost", "per %g s" % width), bands=bands(phases),
                      background=Line("link of the VNet that is heard", background(bins, heard)),
                      background_axis=Axis("rate at the shaped link", "Mbit/s")),
                "Voice packets that did not arrive, of %d in a full bin; behind them the rate at the shaped link." %
                max(row["sent"] for row in bins), bins, phases, save="losses.svg")


def figure_mos(page, phases, bins):
    numbers = [row["phase"] for row in phases]
    page.heading("Quality (the paper's Figure 8)")
    page.figure(boxes(["phase %d" % n for n in numbers],
                      {name: [bins.where(phase=n).column("mos_" + place) or None for n in numbers]
                       for place, name in PLACES.items()},
                      Axis("MOS", "1 … 4.5", low=1), "one dot a bin of %g s" % bins[0]["seconds"]),
                "Mean opinion score of each bin by the E-model; boxes are quartiles, whiskers reach 1.5 quartile "
                "ranges.", bins, save="mos.svg")


def sums(phases, bins):
    """Do the bins add up to their phases?"""
    names = ["sent", "lost_a", "lost_b", "lost_receiver"]
    return all(sum(bins.where(phase=row["phase"]).column(name)) == (row[name] or 0)
               for row in phases for name in names)


def table_phases(page, phases, bins):
    middle = {place: medians(page.data, place) for place in PLACES}
    rows = []
    for row in phases:
        rows.append([row["phase"], row["what"], "%.0f–%.0f" % (row["begin_s"], row["begin_s"] + row["seconds"]),
                     row["sent"], *(row["lost_" + place] for place in PLACES),
                     *("–" if row["mos_" + place] is None else
                       "%.2f\u00a0(%.2f)" % (middle[place][row["phase"]], row["mos_" + place]) for place in PLACES)])
    page.heading("Phases")
    page.table(["phase", "", "time, s", "sent", "A lost", "B lost", "receiver lost", "A MOS", "B MOS", "receiver MOS"],
               rows, "Voice by phase: packets, and the median of the bins' MOS (that of the whole phase in brackets). "
               "The bins %s." % ("add up to the phases" if sums(phases, bins) else "DO NOT ADD UP to the phases"),
               phases, bins)


def load(page, phases, bins):
    """Beside the paper's Table 1: its levels are ranges."""
    page.heading("Load (the paper's Table 1)")
    page.figure(lines([Line("link of " + vnet.upper(), steps(bins, "link_mbit_" + vnet), steps=True) for vnet in "ab"],
                      Axis("time", "s"), Axis("rate at the shaped link", "Mbit/s"), bands=bands(phases), size=(960, 300)),
                "What left through the shaped link of each VNet, as its own counters say.", bins, phases)
    links = page.data.table("utilisation.csv")
    rows = [[row["phase"], row["level"], row["vnet"], "%.0f, %.0f s" % (row["begin_s"], row["seconds"]), row["mbit"],
             "%g–%g %%" % LEVELS[row["level"]], "%.1f %%" % row["percent"], row["frames_dropped"]] for row in links]
    page.table(["phase", "level", "VNet", "from, for", "Mbit/s", "paper's utilisation", "ours", "frames dropped"], rows,
               "The same by level.", links)


def span(values, unit):
    return "%.1f–%.1f %s" % (min(values), max(values), unit) if values else "–"


def table_paper(page, phases):
    links = page.data.table("utilisation.csv")
    seconds = phases[0]["seconds"]
    rows = [["phases", "6, of 300 s", "%d, of %g s" % (len(phases), seconds)],
            ["call", "SIP (pjsip), G.711, 160 bytes every 20 ms", "SIP (baresip), the same"],
            ["background", "Harpoon", "a generator of ours after Harpoon, TCP"],
            ["link of each VNet", "20 Mbit/s, shaped on host 2", "the same"]]
    for level, (low, high) in LEVELS.items():
        rows.append(["utilisation at level %s" % level, "%g–%g %%" % (low, high),
                     span(links.where(level=level).column("percent"), "%")])
    page.heading("Beside the paper")
    page.table(["", "the paper", "here"], rows, "Its Figures 7 and 8 are drawn above from our own data.", phases, links)


def table_facts(page):
    facts = page.data.table("facts.csv")
    page.heading("The flip, and what came out")
    page.table(["", ""], [[row["fact"].replace("_", " "), str(row["value"])] for row in facts], "", facts)


def make(folder):
    data = Data(folder)
    phases, bins = data.table("phases.csv"), data.table("bins.csv")
    page = Page("Shadow upgrade: seed %s" % fact(data, "seed"), data, LEAD)
    page.text("The paper is “Network Troubleshooting with Shadow VNets” (Wundsam, Mehmood, Feldmann, Maennel), "
              "section 4.2.")
    figure_losses(page, phases, bins)
    figure_mos(page, phases, bins)
    page.heading("Targets")
    page.table(["", "asked", "seen", ""], [[what, asked, seen, "not judged: too short" if reached is None else reached]
                                           for what, asked, seen, reached in verdicts(data)], "",
               bins, phases, "utilisation.csv", "facts.csv")
    table_phases(page, phases, bins)
    load(page, phases, bins)
    table_facts(page)
    table_paper(page, phases)
    page.heading("How")
    for text in HOW:
        page.text(text)
    page.machine(data.json("machine.json"))
    return page.write()


if __name__ == "__main__":
    print(make(sys.argv[1]))
