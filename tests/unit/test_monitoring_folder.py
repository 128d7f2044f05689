#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench/monitoring/folder.py: a run goes on where it was ended, and not on another machine or with other code."""

import os
import sys

from reports import BENCH, run

sys.path.insert(0, os.path.join(BENCH, "monitoring"))
import folder as keeping  # noqa: E402

MACHINE = {"revision": "one", "date": "Monday", "kernel": "6.1", "processor": "A", "cpus": 2, "memory_gib": 4,
           "virtual": "kvm", "versions": {"clang": "14"}, "bin_seconds": 1, "ways": ""}
RATE = {"bin": 3, "way": "svnet-xdp", "state": "alone", "seconds": 1, "forwarded": 5}
SLICE = {"round": 2, "slice": 1, "way": "svnet-xdp", "state": "quiet"}


def part(kept, **said):
    kept.machine["parts"].append(said)
    kept.save()


def write(path):
    kept = keeping.Folder(path)
    kept.begin(MACHINE)
    kept.rates.append(RATE)
    kept.slices.append(SLICE)
    kept.add_delays("svnet-xdp", "quiet", {1000: 2, 70_000: 1})
    part(kept, date="Monday")


def go_on(path, changed=(), **other):
    keeping.changed_since = lambda revision: list(changed)
    kept = keeping.Folder(path)
    kept.go_on(MACHINE | other)
    return kept


def test_what_was_measured_is_there_again(path):
    kept = go_on(path)
    assert (kept.bins, kept.rounds) == (3, 2) and kept.rates_of("svnet-xdp", "alone") == [5]
    assert kept.delays == {("svnet-xdp", "quiet"): {0: 2, 99: 1}}, kept.delays
    part(kept, date="Tuesday")
    assert go_on(path).machine["parts"] == [{"date": "Monday"}, {"date": "Tuesday"}]


def test_another_kernel_is_told_of_by_its_part(path):
    part(go_on(path, kernel="6.18"), date="Tuesday")
    assert go_on(path).machine["parts"] == [{"date": "Monday"}, {"date": "Tuesday", "kernel": "6.18"}]
    assert go_on(path).machine["kernel"] == "6.1"


def test_another_machine_or_other_code_is_refused(path):
    for changed, other, named in (((), {"processor": "B"}, "processor"), ((), {"cpus": 4}, "cpus"),
                                  ((), {"versions": {}}, "versions"), ((), {"bin_seconds": 2}, "bin_seconds"),
                                  (("bpf/tc.bpf.c",), {}, "bpf/tc.bpf.c")):
        try:
            go_on(path, changed, **other)
            raise AssertionError(f"went on with another {named}")
        except SystemExit as err:
            assert named in str(err), err


run(globals(), write)
