# SPDX-License-Identifier: GPL-2.0-only
"""The six phases of a shadow upgrade (the paper's Table 1), on real traffic."""
import os
import subprocess
import sys
import time

from lab import CLIENTS, LINK_MBIT, PEERS, SERVERS, USERS
from observe import Observers, Shapers, backlog_drops
from voice import Call

HERE = os.path.dirname(os.path.abspath(__file__))
LOAD = [sys.executable, os.path.join(HERE, "load.py")]
PORT = 8080
GROUP = "web"
# Of the shaped link, what the background is to take: in the middle of the paper's 20-25 % and 60-86 %.
LEVELS = {"L": 0.225, "H": 0.75}

# number, who is in place, who has QoS, level, what the operator does as it begins
PHASES = (
    (1, ["A"], [], "L", "VNet A alone, light load"),
    (2, ["A"], [], "L/H", "the load turns high half-way"),
    (3, ["A", "B"], [], "H", "shadow VNet B started from A; A is heard"),
    (4, ["A", "B"], ["B"], "H", "QoS for voice in B only"),
    (5, ["A", "B"], ["B"], "H", "flipped: B is heard"),
    (6, ["B"], ["B"], "H", "A dismantled"),
)


def production(number):
    return "A" if number < 5 else "B"


class Experiment:
    """`lab` is a running network of three hosts. What was seen is left in `folder` and in the attributes."""

    def __init__(self, lab, folder, seconds, seed, say):
        self.lab, self.folder, self.seconds, self.seed, self.say = lab, folder, seconds, seed, say
        self.observers = Observers(lab, folder)
        self.shapers = Shapers(lab)
        self.bounds = []  # of each phase, in wall time
        self.flip = None
        self.backlog = -backlog_drops()

    def run(self):
        lab, log = self.lab, lambda name: os.path.join(self.folder, name)
        server = lab.users_popen([*LOAD, "serve", str(PORT), *SERVERS], log("serve.log"))
        fetch = lab.peers_popen([*LOAD, "fetch", str(PORT), str(self.seed), log("transfers.csv"),
                                 ",".join(CLIENTS), ",".join(SERVERS)], log("fetch.log"),
                                stdin=subprocess.PIPE)
        call = Call(log("voice"), lab.users_popen, USERS, lab.peers_popen, PEERS,
                    self.seconds * len(PHASES) + 120)
        try:
            self.observers.outside()
            self.observers.exit_of("A")
            self.shapers.add("A")
            self.shapers.start()
            time.sleep(1)
            call.dial()
            self.observers.heard("receiver")
            for phase in PHASES:
                self._phase(phase, fetch)
            self.observers.look()
        finally:
            self._order(fetch, 0)
            call.end()
            time.sleep(1.5)  # what is still in the queues arrives
            if self.shapers.is_alive():
                self.shapers.stop()
            fetch.stdin.close()
            for process in (fetch, server):
                process.terminate()
                process.wait(10)
            self.observers.stop()
        self.backlog += backlog_drops()

    @staticmethod
    def _order(fetch, share):
        fetch.stdin.write(b"%f\n" % (share * LINK_MBIT))
        fetch.stdin.flush()

    def _phase(self, phase, fetch):
        number, members, _, level, text = phase
        getattr(self, "_enter_%d" % number, lambda: None)()
        self._order(fetch, LEVELS[level[0]])
        start = time.time()
        self.say("\nphase %d  %s" % (number, text))
        half = level != "L/H"
        for second in range(self.seconds):
            if not half and second >= self.seconds / 2:
                self._order(fetch, LEVELS["H"])
                half = True
            time.sleep(max(0, start + second + 1 - time.time()))
            self._progress(members, start, second + 1)
        self.bounds.append((start, start + self.seconds))

    def _enter_3(self):
        self.lab.svnet("host1", "shadow", "start", "B", "--of", "A",
                       "--override", os.path.join(HERE, "shadow.json"))
        self.observers.exit_of("B")
        self.shapers.add("B")
        self.observers.heard("B")

    def _enter_4(self):
        self.lab.svnet("host1", "shadow", "update", "B", "--override", os.path.join(HERE, "qos.json"))

    def _enter_5(self):
        before = time.time()
        result = self.lab.svnet("host1", "flip", GROUP, "--to", "B")
        self.flip = {"from": before, "to": time.time(), "result": result}

    def _enter_6(self):
        self.observers.look()
        self.shapers.remove("A")
        self.lab.svnet("host1", "shadow", "finish", GROUP)

    def _progress(self, members, start, second):
        every = 1 if self.seconds <= 15 else 10
        if second % every:
            return
        cells = []
        for name in ("sender", *members, "receiver"):
            voice, end = self.observers.voice[name], start + second - 0.3
            voice.read()
            cells.append("%s %3.0f" % (name, voice.count(end - every, end) / every))
        self.say("  %3d s  voice packets/s: %s" % (second, "   ".join(cells)))
