#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench/shadow: its report is computed from the CSV files, its verdicts are right, its background is seeded."""

import itertools
import json
import os
import struct
import sys

from reports import BENCH, run

sys.path.append(os.path.join(BENCH, "shadow"))
import capture  # noqa: E402
import figures  # noqa: E402
import load  # noqa: E402
import voice as call  # noqa: E402
from report import Data, write_csv  # noqa: E402
from report.check import unread_cells  # noqa: E402

# phase: members, level, (lost, MOS) of A, B and the receiver in a bin; what a good run would see.
GOOD = {
    1: ("A", "L", (0, 4.36), None, (0, 4.36)),
    2: ("A", "L/H", (4, 3.9), None, (4, 3.9)),
    3: ("A+B", "H", (10, 3.3), (11, 3.2), (10, 3.3)),
    4: ("A+B", "H", (10, 3.3), (0, 4.36), (10, 3.3)),
    5: ("A+B", "H", (10, 3.3), (0, 4.36), (0, 4.36)),
    6: ("B", "H", None, (0, 4.36), (0, 4.36)),
}
PLACES = ("a", "b", "receiver")
FACTS = {"seed": 7, "phase_seconds": 300, "shadow_escapes": 0, "frames_of_b_outside_after_the_flip": 1000,
         "sniffers_dropped": 0, "voice_copies_shed": 0, "flip_map_updates": "host1 1; host3 1", "flip_voice_lost": 1, "flip_voice_twice": 0,
         "accounting_closed": "yes", "frames_that_this_machine_had_no_cpu_for": 0}
MBIT = {"L": 4.5, "H": 15.0}


def voice(seen, bins):
    row = {"sent": 500 * bins}
    for place, cell in zip(PLACES, seen):
        row["lost_" + place] = cell and cell[0] * bins
        row["mos_" + place] = cell and cell[1]
    return row


def write(folder, run_of=None, facts=None, mbit=MBIT):
    phases, bins, links = [], [], []
    for n, (members, level, *seen) in (run_of or GOOD).items():
        begin = 301 * (n - 1)
        phases.append({"phase": n, "begin_s": begin, "seconds": 300, "level": level, "members": members,
                       "qos": "B" if n > 3 else "none", "heard": "A" if n < 5 else "B", "what": "something",
                       **voice(seen, 2)})
        for i in range(2):
            bins.append({"phase": n, "begin_s": begin + 150 * i, "seconds": 150, **voice(seen, 1),
                         "link_mbit_a": mbit[level[-1]] if "A" in members else None,
                         "link_mbit_b": mbit[level[-1]] if "B" in members else None})
        for name in level.split("/"):
            for vnet in members.split("+"):
                links.append({"phase": n, "level": name, "vnet": vnet, "begin_s": begin,
                              "seconds": 300 if "/" not in level else 150, "mbit": mbit[name],
                              "percent": 5 * mbit[name], "frames_dropped": 12})
    for name, rows in (("phases", phases), ("bins", bins), ("utilisation", links),
                       ("facts", [{"fact": k, "value": v} for k, v in (FACTS | (facts or {})).items()])):
        write_csv(f"{folder}/{name}.csv", rows)
    with open(f"{folder}/machine.json", "w", encoding="utf-8") as out:
        json.dump({"kernel": "6"}, out)


def missed(folder):
    return [what for what, _, _, reached in figures.verdicts(Data(folder)) if reached is False]


def with_phase(n, place, mos):
    row = list(GOOD[n])
    row[2 + PLACES.index(place)] = (0, mos)
    return GOOD | {n: tuple(row)}


def test_a_changed_cell_changes_the_report(folder):
    unread = unread_cells(figures.make, folder)
    assert unread == [], unread


def test_a_run_as_it_should_be_reaches_all_targets(folder):
    found = figures.verdicts(Data(folder))
    assert missed(folder) == [] and len(found) == 24, found
    assert [what for what, _, _, reached in found if reached is None] == [
        "phase 2: link of A at level L", "phase 2: link of A at level H"]


def test_every_target_can_be_missed(folder):
    for facts, what in (({"shadow_escapes": 1}, "frames of a silent VNet outside"),
                        ({"frames_of_b_outside_after_the_flip": 0}, "frames of B outside after the flip"),
                        ({"sniffers_dropped": 1}, "frames that the sniffers missed"),
                        ({"voice_copies_shed": 1}, "voice packets that svnet's sessions did not record"),
                        ({"accounting_closed": "no"}, "svnet's counters close")):
        write(folder, facts=facts)
        assert len(missed(folder)) == 1 and missed(folder)[0].startswith(what), (facts, missed(folder))
    for n, place, mos, what in ((4, "b", 3.79, "phase 4: median MOS of B less A's"),
                                *((n, "receiver", GOOD[n][4][1] + 0.06, f"phase {n}: the receiver's median MOS, apart")
                                  for n in GOOD),
                                (5, "receiver", 4.29, "phase 5: the receiver's median MOS"),
                                (6, "receiver", 4.29, "phase 6: the receiver's median MOS")):
        write(folder, with_phase(n, place, mos))
        assert any(name.startswith(what) for name in missed(folder)), (n, place, mos, missed(folder))
    for level, wrong in (("L", 3.9), ("L", 5.1), ("H", 11.9), ("H", 17.3)):
        write(folder, mbit=MBIT | {level: wrong})
        names = missed(folder)
        assert names and all(name.endswith(f"at level {level}") for name in names), (level, wrong, names)


def test_a_phase_that_its_bins_do_not_add_up_to_is_said(folder):
    with open(figures.make(folder), encoding="utf-8") as page:
        assert "The bins add up to the phases" in page.read()
    bins = Data(folder).table("bins.csv")
    bins[3]["lost_a"] += 1
    write_csv(f"{folder}/bins.csv", bins)
    with open(figures.make(folder), encoding="utf-8") as page:
        assert "DO NOT ADD UP" in page.read()


def first(seed, order, count, n=2000):
    return list(itertools.islice(load.schedule(seed, order, count), n))


def test_a_seed_repeats_the_background(_folder):
    assert first(1, 1, 200) == first(1, 1, 200)
    assert first(1, 1, 200) != first(2, 1, 200) and first(1, 1, 200) != first(1, 2, 200)


def test_the_background_has_its_volume_and_a_heavy_tail(_folder):
    for seed, mbit in ((1, 4.5), (2, 4.5), (1, 15.0), (2, 15.0)):
        seen = [size for when, _, size in itertools.takewhile(
            lambda row: row[0] < 300, load.schedule(seed, 1, load.sessions(mbit)))]
        wire = sum(size + -(-size // load.SEGMENT) * (load.FRAME - load.SEGMENT) + load.CONNECTION for size in seen)
        assert abs(wire * 8 / 300e6 - mbit) < 0.1 * mbit, (seed, mbit, wire * 8 / 300e6)
        seen.sort()
        assert sum(seen[-len(seen) // 100:]) > 0.2 * sum(seen), "a hundredth of the files has a fifth of the bytes"


def rtp_frame(sequence, dscp=0):
    rtp = struct.pack("!BBHII", 0x80, 0, sequence, 160 * sequence, 0x1234) + bytes(160)
    udp = struct.pack("!HHHH", 10000, 10002, 8 + len(rtp), 0) + rtp
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, dscp << 2, 20 + len(udp), 0, 0, 64, 17, 0, bytes([10, 1, 0, 2]), bytes([10, 3, 0, 2]))
    return bytes(12) + b"\x08\x00" + ip + udp


def pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for when, frame in frames:
            sec = int(when)
            out.write(struct.pack("<IIII", sec, int((when - sec) * 1e9), len(frame), len(frame)) + frame)


def test_voice_and_escapes_are_counted(folder):
    path = f"{folder}/x.pcap"
    pcap(path, [(1, rtp_frame(1)), (2, rtp_frame(2, 8)), (3, rtp_frame(2, 8)), (4, rtp_frame(4, 8)), (6, rtp_frame(5))])
    heard = capture.Voice(path, "10.1.0.2")
    assert sorted(key[1] for key in heard.read()) == [1, 2, 4, 5] and len(heard.repeats) == 1
    assert heard.count(2, 6) == 2
    # The flip was between 2.5 and 3.5: one frame with the mark too early, one without it too late.
    assert capture.Sniffer(path, 8).seen(2.5, 3.5) == (1, 2, 1)


def test_a_bin_has_its_own_mos_and_none_is_the_worst(_folder):
    found = {10.0: 4.0, 20.0: None, 20.0005: 3.0}
    assert [call.mos_at(found, cut) for cut in (10.00001, 20.0, 20.0005, 30.0)] == [4.0, 1.0, 3.0, 1.0]


run(globals(), write)
