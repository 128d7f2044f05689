# SPDX-License-Identifier: GPL-2.0-only
"""What a run saw, as tables: phases.csv, bins.csv, utilisation.csv, facts.csv. Judged in verdicts.py."""
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
        """rate(path, cuts) says the MOS of a recording between each two instants, or nobody does."""
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

    def _mos(self, stretches):
        """{place: {begin: MOS}} for (begin, end)s."""
        cuts = sorted({edge for stretch in stretches for edge in stretch})
        return {place: self.rate(self.voice[place].path, cuts) for place in PLACES} if self.rate else {}

    def _judged(self, mos, begin, members):
        """MOS columns; none but those of members and the receiver."""
        if not self.rate:
            return {}
        return {column("mos", place): mos[place][begin] if self._active(place, members) else None
                for place in PLACES}

    def phases(self):
        rows, mos = [], self._mos(self.run.bounds)
        for (number, members, qos, level, text), (begin, end) in zip(PHASES, self.run.bounds):
            rows.append({"phase": number, "begin_s": rounded(begin - self.origin),
                         "seconds": rounded(end - begin), "level": level, "members": "+".join(members),
                         "qos": "+".join(qos) or "none", "heard": production(number), "what": text,
                         **self._lost(begin, end, members), **self._judged(mos, begin, members)})
        return rows

    def bins(self):
        stretches = [(phase, a, b) for phase, bounds in zip(PHASES, self.run.bounds)
                     for a, b in divided(*bounds)]
        mos = self._mos([(a, b) for _, a, b in stretches])
        rows = []
        for (number, members, *_), a, b in stretches:
            rates = {vnet: self.run.shapers.between(vnet, a, b)[0] if vnet in members else None
                     for vnet in "AB"}
            rows.append({"phase": number, "begin_s": rounded(a - self.origin), "seconds": rounded(b - a),
                         **self._lost(a, b, members), **self._judged(mos, a, members),
                         **{column("link_mbit", vnet): rounded(rates[vnet]) for vnet in "AB"}})
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
            ("voice_copies_shed", sum(run.observers.shed.values())),
            ("flip_map_updates", "; ".join("%s %d" % (run.lab.plain(host), entry["map_updates"])
                                           for host, entry in sorted(hosts) if entry["map_updates"])),
            ("flip_voice_lost", lost),
            ("flip_voice_twice", twice),
            ("accounting_closed", "yes" if run.lab.accounting_closed() else "no"),
            # Not one of ours need be among them, but then others kept the CPUs busy.
            ("frames_that_this_machine_had_no_cpu_for", run.backlog),
        )]


def rounded(value):
    return None if value is None else round(value, 3)


def divided(begin, end):
    """Into stretches of BIN seconds, or one where there is no room for two."""
    count = max(1, round((end - begin) / BIN))
    edges = [begin + i * (end - begin) / count for i in range(count)] + [end]
    return list(zip(edges, edges[1:]))
