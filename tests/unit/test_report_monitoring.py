#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench/monitoring/show.py: its report is computed from the CSV files, and its verdicts are right."""

import itertools
import json
import os
import sys

from reports import BENCH, run

sys.path.insert(0, os.path.join(BENCH, "monitoring"))
import show  # noqa: E402
from report import write_csv  # noqa: E402
from report.check import unread_cells  # noqa: E402

# Thousands of packets a second, by state: what a run in which all targets are reached would see.
RATES = {
    "direct": {"alone": 400, "monitored": 396, "overloaded": 380},
    "bridged": {"alone": 200, "monitored": 150, "overloaded": 140},
    "svnet-tc": {"alone": 300, "monitored": 200, "overloaded": 190, "budget": 290, "budget-overloaded": 285},
    "svnet-xdp": {"alone": 400, "monitored": 350, "overloaded": 340, "budget": 390, "budget-overloaded": 380},
}


def rate_rows(copies):
    for turn in (1, 2):
        for way, states in RATES.items():
            for state, kpps in states.items():
                yield {"bin": turn, "way": way, "state": state, "seconds": 1 + turn / 100, "offered": 2_000_000 + turn,
                       "forwarded": round(kpps * 1000 * (1 + turn / 100) * turn), "copied": 0 if state == "alone" else round(copies * kpps * 1020 * turn),
                       "softirq_seconds": 0.9}


def slice_rows(lost, away, slices=3, copied=99_000):
    """What is lost in the first slices, and how long the CPU was away in them."""
    for turn, number in itertools.product((1, 2), range(1, slices + 1)):
        for way in RATES:
            for state in show.HALF:
                first = (turn, number) == (1, 1)
                yield {"round": turn, "slice": number, "way": way, "state": state, "packets_per_second": 500_000 + turn,
                       "sent": 100_000,
                       "received": 100_000 - (lost if first else 0), "copied": copied, "stalls": 3,
                       "away_us": away if first else 100, "median_us": 30 + turn, "p99_us": 100 + turn,
                       "p999_us": 900 + turn}


def write(folder, lost=0, copies=1, away=100, slices=3):
    write_csv(f"{folder}/rates.csv", rate_rows(copies))
    write_csv(f"{folder}/slices.csv", slice_rows(lost, away, slices))
    write_csv(f"{folder}/delays.csv", [{"way": way, "state": state, "at_most_us": us, "frames": n} for way in RATES
                                       for state in show.HALF for us, n in ((20.5, 700), (40.2, 200), (900.7, 100))])
    with open(os.path.join(BENCH, "monitoring", "paper.csv"), encoding="utf-8") as f:
        text = f.read()
    with open(f"{folder}/paper.csv", "w", encoding="utf-8") as out:
        out.write(text)
    with open(f"{folder}/machine.json", "w", encoding="utf-8") as out:
        json.dump({"bins": 2, "bin_seconds": 1, "frame_bytes": 64, "kernel": "6.1", "parts": [
            {"date": "Monday", "revision": "1234567890abcdef", "bins": 1},
            {"date": "Tuesday", "revision": "fedcba0987654321", "bins": 1, "kernel": "6.18"}]}, out)


def verdicts(folder):
    return {name: (seen, ok) for name, _, seen, ok in show.verdicts(show.Results(folder))}


def test_a_changed_cell_changes_the_report(folder):
    write(folder, slices=1)  # a median of more does not show every change
    unread = unread_cells(show.make, folder)
    assert unread == [], unread


def test_a_run_as_it_should_be_reaches_all_targets(folder):
    found = verdicts(folder)
    assert len(found) == 11 and all(ok for _, ok in found.values()), found
    assert abs(found["svnet by XDP / bridged, no monitor"][0] - 2) < 1e-4


def test_every_target_can_be_missed(folder):
    for way, state in (("svnet-xdp", "alone"), ("svnet-xdp", "monitored"), ("svnet-tc", "budget"),
                       ("svnet-tc", "budget-overloaded"), ("svnet-xdp", "budget"), ("svnet-xdp", "budget-overloaded")):
        before = RATES[way][state]
        RATES[way][state] = 0.9 * before
        write(folder)
        RATES[way][state] = before
        missed = [name for name, (_, ok) in verdicts(folder).items() if not ok]
        assert len(missed) == 1, (way, state, missed)
    write(folder, copies=0.9)
    assert [name.split(" where")[0] for name, (_, ok) in verdicts(folder).items() if not ok] == [
        "copies that arrived"]
    write(folder, lost=1)
    missed = [name for name, (_, ok) in verdicts(folder).items() if not ok]
    assert len(missed) == 2 and all("lost at half load" in name for name in missed), missed


def test_what_is_lost_while_the_cpu_is_away_is_nobodys(folder):
    limit = int(1e6 * show.HALF_RING / 500_001)
    write(folder, lost=1, away=limit, slices=4)
    assert len([ok for _, ok in verdicts(folder).values() if not ok]) == 2
    write(folder, lost=1, away=limit + 1, slices=4)
    found = verdicts(folder)
    assert all(ok for _, ok in found.values()), found
    assert len([name for name in found if "in the 7 of 8 slices" in name]) == 2, found
    res = show.Results(folder)
    assert res.half("svnet-xdp", "monitored")["lost"] == 1 and res.undisturbed("svnet-xdp", "monitored") == (7, 0, 99)


def test_slices_that_say_nothing_reach_no_target(folder):
    rows = [row | {"away_us": 0 if row["slice"] < 3 else 1000} for row in slice_rows(1, 0, 4)]
    write_csv(f"{folder}/slices.csv", rows)
    assert [seen for seen, ok in verdicts(folder).values() if not ok] == [None] * 4


def test_copies_that_were_shed_are_missed_at_half_load(folder):
    write_csv(f"{folder}/slices.csv", slice_rows(0, 0, copied=97_000))
    missed = [(name, seen) for name, (seen, ok) in verdicts(folder).items() if not ok]
    assert len(missed) == 2 and all("copies that arrived in those" in name and seen == 97 for name, seen in missed), missed


def test_each_part_is_judged_by_its_own_bins(folder):
    rows = [row | {"forwarded": row["forwarded"] * (row["bin"] if row["way"] == "svnet-xdp" else 1)}
            for row in rate_rows(1)]
    write_csv(f"{folder}/rates.csv", rows)
    res = show.Results(folder)
    seen = [round(res.ratio(("svnet-xdp", "alone"), ("bridged", "alone"), bins), 3) for _, bins in res.parts()]
    assert seen == [2, 4], seen
    with open(show.make(folder), encoding="utf-8") as f:
        page = f.read()
    assert all(f"<td>{text}</td>" in page for text in ("Monday", "1234567890ab", "6.1", "6.18")), page


def test_the_drawn_delays_end_at_nothing(folder):
    rows = show.Results(folder).delays.where(way="direct", state="quiet")
    assert [round(y, 6) for _, y in show.longer_than(rows)] == [0.3, 0.1, 0]


run(globals(), write)
