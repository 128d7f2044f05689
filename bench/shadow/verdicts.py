# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of a run, judged by the files it left and nothing else."""
from report import quantile

LEVELS = {"L": (20.0, 25.0), "H": (60.0, 86.0)}  # percent of the link: the paper's Table 1
JUDGED_S = 300  # heavy tails: a shorter stretch than the paper's may be outside
GAIN = 0.5  # MOS of B above A's in phase 4
SAME = 0.05  # MOS of the receiver beside production's
GOOD = 4.3  # MOS heard after the flip


def fact(data, name):
    return data.table("facts.csv").where(fact=name)[0]["value"]


def medians(data, place):
    """{phase: median over the bins of the MOS there}, of phases in which there is one."""
    bins = data.table("bins.csv")
    found = {}
    for phase in bins.distinct("phase"):
        values = bins.where(phase=phase).column("mos_" + place)
        if values:
            found[phase] = quantile(values, 0.5)
    return found


def produced(data):
    """{phase: "a" or "b"}, who is heard."""
    return {row["phase"]: row["heard"].lower() for row in data.table("phases.csv")}


def silence(data):
    escapes, marked = fact(data, "shadow_escapes"), fact(data, "frames_of_b_outside_after_the_flip")
    yield "frames of a silent VNet outside", "0", escapes, escapes == 0
    yield "frames of B outside after the flip (the sniffers see its mark)", "> 0", marked, marked > 0
    dropped = fact(data, "sniffers_dropped")
    yield "frames that the sniffers missed", "0", dropped, dropped == 0
    shed = fact(data, "voice_copies_shed")
    yield "voice packets that svnet's sessions did not record", "0", shed, shed == 0
    closed = fact(data, "accounting_closed")
    yield "svnet's counters close", "yes", closed, closed == "yes"


def quality(data):
    mos = {place: medians(data, place) for place in ("a", "b", "receiver")}
    gain = mos["b"][4] - mos["a"][4]
    yield "phase 4: median MOS of B less A's", "≥ %.1f" % GAIN, round(gain, 2), gain >= GAIN
    for phase, heard in produced(data).items():
        apart = abs(mos["receiver"][phase] - mos[heard][phase])
        yield ("phase %d: the receiver's median MOS, apart from production's" % phase, "≤ %.2f" % SAME,
               round(apart, 3), apart <= SAME)
    for phase in (5, 6):
        yield ("phase %d: the receiver's median MOS" % phase, "≥ %.1f" % GOOD,
               round(mos["receiver"][phase], 2), mos["receiver"][phase] >= GOOD)


def levels(data):
    """A verdict of None: too short a stretch to be judged."""
    for row in data.table("utilisation.csv"):
        low, high = LEVELS[row["level"]]
        judged = row["seconds"] >= JUDGED_S
        yield ("phase %d: link of %s at level %s" % (row["phase"], row["vnet"], row["level"]),
               "%.0f–%.0f %%" % (low, high), round(row["percent"], 1),
               low <= row["percent"] <= high if judged else None)


def verdicts(data):
    """Rows of what, asked, seen, reached."""
    return [*silence(data), *quality(data), *levels(data)]


def table(rows):
    words = {True: "reached", False: "MISSED", None: "not judged"}
    width = max(len(what) for what, *_ in rows)
    return "\n".join("  %-*s  %9s  %8s  %s" % (width, what, asked, seen, words[reached])
                     for what, asked, seen, reached in rows)
