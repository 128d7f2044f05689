# SPDX-License-Identifier: GPL-2.0-only
"""What a run saw, as tables: phases.csv, bins.csv, utilisation.csv, facts.csv. Judged in targets.py."""
import os

from lab import LINK_MBIT
from phases import PHASES, production

BIN = 10.0
PLACES = ("A", "B", "receiver")
SURE = 0.2  # seconds after a flip by which no frame of the old production is on its way any more


def column(name, place):
    return "%s_%s" % (name, place.lower())


class Results:
    """Of an Experiment that has ended. Packets belong to the time they were sent at, so that a late one
    is not a lost one."""

    def __init__(self, experiment, rate=None):
        """rate(path, begin, end, seconds) says the MOS of each stretch of a recording, or nobody does."""
        self.run, self.rate = experiment, rate
        self.voice = experiment.observers.voice
        self.origin = experiment.bounds[0][0]
        self.sent = self.voice["sender"].first

    def _active(self, place, members):
        return place == "receiver" or place in members

    def _lost(self, begin, end, members):
        sent = {key for key, when in self.sent.items() if begin <= when < end}
        lost = {place: len(sent - self.voice[place].first.keys())
                for place in PLACES if self._active(place, members)}
        return {"sent": len(sent), **{column("lost", place): lost.get(place) for place in PLACES}}

    def _mos(self, begin, end, seconds, members):
        """{place: [MOS of each stretch of so many seconds]}"""
        return {place: self.rate(self.voice[place].path, begin, end, seconds)
                for place in PLACES if self.rate and self._active(place, members)}

    def phases(self):
        rows = []
        for (number, members, qos, level, text), (begin, end) in zip(PHASES, self.run.bounds):
            mos = self._mos(begin, end, end - begin, members)
            rows.append({"phase": number, "begin_s": round(begin - self.origin, 3),
                         "seconds": round(end - begin, 3), "level": level, "members": "+".join(members),
                         "qos": "+".join(qos) or "none", "heard": production(number), "what": text,
                         **self._lost(begin, end, members),
                         **{column("mos", p): mos[p][0] if p in mos else None for p in PLACES}})
        return rows

    def bins(self):
        rows = []
        for (number, members, *_), (begin, end) in zip(PHASES, self.run.bounds):
            count = max(1, round((end - begin) / BIN))
            seconds = (end - begin) / count
            mos = self._mos(begin, end, seconds, members)
            for i in range(count):
                a, b = begin + i * seconds, begin + (i + 1) * seconds
                rates = {vnet: self.run.shapers.between(vnet, a, b)[0] for vnet in "AB"}
                rows.append({"phase": number, "begin_s": round(a - self.origin, 3),
                             "seconds": round(seconds, 3), **self._lost(a, b, members),
                             **{column("mos", p): mos[p][i] if p in mos else None for p in PLACES},
                             **{column("link", v) + "_mbit": rounded(rates[v] if v in members else None)
                                for v in "AB"}})
        return rows

    def utilisation(self):
        rows = []
        for (number, members, _, level, _), (begin, end) in zip(PHASES, self.run.bounds):
            half = (begin + end) / 2
            parts = [(level, begin, end)] if "/" not in level else [
                (level[0], begin, half), (level[-1], half, end)]
            for name, a, b in parts:
                for vnet in members:
                    mbit, dropped = self.run.shapers.between(vnet, a, b)
                    rows.append({"phase": number, "level": name, "vnet": vnet,
                                 "begin_s": round(a - self.origin, 3), "seconds": round(b - a, 3),
                                 "mbit": rounded(mbit), "percent": rounded(100 * mbit / LINK_MBIT),
                                 "frames_dropped": round(dropped)})
        return rows

    def flip_cost(self):
        """Around the flip: voice that both members had at the exit and the receiver did not get, and voice
        that it got twice."""
        flip, receiver = self.run.flip, self.voice["receiver"]
        near = lambda t: flip["from"] - 1 <= t <= flip["to"] + 1
        window = {key for key, when in self.sent.items() if near(when)}
        both = window & self.voice["A"].first.keys() & self.voice["B"].first.keys()
        return len(both - receiver.first.keys()), sum(near(t) for t, _ in receiver.repeats)

    def facts(self):
        """One figure a row: {"fact", "value"}."""
        run = self.run
        lost, twice = self.flip_cost()
        seen = [s.seen(run.flip["from"], run.flip["to"] + SURE) for s in run.observers.sniffers]
        early, marked, late = map(sum, zip(*seen))
        hosts = run.flip["result"]["hosts"].items()
        return [{"fact": name, "value": value} for name, value in (
            ("seed", run.seed),
            ("phase_seconds", run.seconds),
            ("shadow_escapes", early + late),
            ("frames_of_b_outside_after_the_flip", marked),
            ("sniffers_dropped", run.observers.dropped()),
            ("flip_map_updates", "; ".join("%s %d" % (run.lab.plain(host), entry["map_updates"])
                                           for host, entry in sorted(hosts) if entry["map_updates"])),
            ("flip_voice_lost", lost),
            ("flip_voice_twice", twice),
            ("accounting_closed", "yes" if run.lab.accounting_closed() else "no"),
        )]


def rounded(value):
    return None if value is None else round(value, 3)
