# SPDX-License-Identifier: GPL-2.0-only
"""The six phases of a shadow upgrade (the paper's Table 1), on real traffic, and what was seen of them."""
import json
import os
import subprocess
import sys
import time

from voice import CAPTURE_FILTER, Call, Capture, sent_by

HERE = os.path.dirname(os.path.abspath(__file__))
USERS, PEERS = "10.1.0.2", "10.3.0.2"
MARK = 8  # DSCP CS1, which B's override puts on what B's routers send: how a sniffer knows B's frames
LIGHT = (4, 4.0)  # workers, Mbit/s
HIGH = (24, 0.0)  # as fast as TCP gets
GROUP = "web"

# number, who is in place, who has QoS, load, what the operator does as it begins
PHASES = (
    (1, ["A"], [], "L", "VNet A alone, light load"),
    (2, ["A"], [], "L/H", "the load turns high half-way"),
    (3, ["A", "B"], [], "H", "shadow VNet B started from A; A is heard"),
    (4, ["A", "B"], ["B"], "H", "QoS for voice in B only"),
    (5, ["A", "B"], ["B"], "H", "flipped: B is heard"),
    (6, ["B"], ["B"], "H", "A dismantled"),
)


class Experiment:
    """`lab` is a running network of three hosts, its users behind `entry` and its peers behind `exit`."""

    def __init__(self, lab, folder, seconds, say):
        self.lab, self.folder, self.seconds, self.say = lab, folder, seconds, say
        self.captures = {}
        self.started = []
        self.bounds = []
        self.wire = []
        self.flip = None

    # ---- observers ---------------------------------------------------------------------------------

    def _capture(self, name, start, dev, direction, what=CAPTURE_FILTER):
        path = os.path.join(self.folder, name + ".pcap")
        argv = ["tcpdump", "-i", dev, "-n", "-U", "--immediate-mode", "-Z", "root", "-s", "128", "-B", "16384"]
        argv += ["--time-stamp-precision=nano", "-Q", direction, "-w", path, what]
        self.started.append(start(argv, os.path.join(self.folder, name + ".log")))
        capture = Capture(path)
        capture.name = name
        return capture

    def _at_monitor(self, session):
        def start(argv, log):
            return self.lab.vnode_popen("host3", "Moni/host3", argv, log)

        return self._capture("moni-" + session, start, "moni-" + session, "in")

    def _wait_for_captures(self):
        """tcpdump says `listening on` once it sees packets."""
        deadline = time.monotonic() + 10
        waiting = [name for name in os.listdir(self.folder) if name.endswith(".pcap")]
        while time.monotonic() < deadline:
            logs = [os.path.join(self.folder, n[:-5] + ".log") for n in waiting]
            if all("listening on" in open(log).read() for log in logs if os.path.exists(log)):
                return
            time.sleep(0.05)

    # ---- the run -------------------------------------------------------------------------------------

    def run(self):
        lab = self.lab
        total = self.seconds * len(PHASES)
        lab.svnet("host1", "monitor", "start", "moni-A", "--of", "A", "--at", "exit",
                  "--direction", "both", "--to", "Moni")
        self.captures = {
            "sender": self._capture("sender", lab.users_popen, lab.users_dev, "out"),
            "receiver": self._capture("receiver", lab.peers_popen, lab.peers_dev, "in"),
            "A": self._at_monitor("A"),
        }
        self.outside = [
            self._capture("outside-exit", lab.peers_popen, lab.peers_dev, "in", "ip"),
            self._capture("outside-entry", lab.users_popen, lab.users_dev, "in", "ip"),
        ]
        server = lab.users_popen([sys.executable, os.path.join(HERE, "load.py"), "serve", USERS],
                                 os.path.join(self.folder, "serve.log"))
        fetch = lab.peers_popen([sys.executable, os.path.join(HERE, "load.py"), "fetch", USERS],
                                os.path.join(self.folder, "fetch.log"), stdin=subprocess.PIPE)
        call = Call(os.path.join(self.folder, "voice"), lab.users_popen, USERS, lab.peers_popen,
                    PEERS, total + 60)
        self.started += [server, fetch]
        try:
            self._wait_for_captures()
            time.sleep(1)
            call.dial()
            self._wait_for_voice()
            for phase in PHASES:
                self._phase(phase, fetch)
        finally:
            self._order(fetch, (0, 0))
            call.end()
            time.sleep(1.5)  # what is still in the queues arrives
            for process in reversed(self.started):
                if process.poll() is None:
                    process.terminate()
                    process.wait(10)
        return self._report()

    @staticmethod
    def _order(fetch, load):
        fetch.stdin.write(b"%d %f\n" % load)
        fetch.stdin.flush()

    def _wait_for_voice(self):
        deadline = time.monotonic() + 15
        while not self.captures["receiver"].read():
            if time.monotonic() > deadline:
                raise RuntimeError("no voice packet arrived within 15 s: see %s" % self.folder)
            time.sleep(0.1)

    def _phase(self, phase, fetch):
        number, _, _, load, text = phase
        self._order(fetch, LIGHT if load.startswith("L") else HIGH)
        getattr(self, "_enter_%d" % number, lambda: None)()
        start, wire = time.time(), self.lab.users_tx_bytes()
        self.say("\nphase %d  %s" % (number, text))
        half = False
        for second in range(self.seconds):
            if load == "L/H" and not half and second >= self.seconds / 2:
                self._order(fetch, HIGH)
                half = True
            time.sleep(max(0, start + second + 1 - time.time()))
            self._progress(start + second, second + 1)
        self.bounds.append((start, time.time()))
        sent = self.lab.users_tx_bytes() - wire
        self.wire.append(sent * 8 / 1e6 / (self.bounds[-1][1] - start))

    def _enter_3(self):
        self.lab.svnet("host1", "shadow", "start", "B", "--of", "A",
                       "--override", os.path.join(HERE, "shadow.json"))
        self.lab.svnet("host1", "monitor", "start", "moni-B", "--of", "B", "--at", "exit",
                       "--direction", "both", "--to", "Moni")
        self.captures["B"] = self._at_monitor("B")
        self._wait_for_captures()

    def _enter_4(self):
        self.lab.svnet("host1", "shadow", "update", "B", "--override",
                       os.path.join(HERE, "qos.json"))

    def _enter_5(self):
        before = time.time()
        result = self.lab.svnet("host1", "flip", GROUP, "--to", "B")
        self.flip = {"from": before, "to": time.time(), "result": result}

    def _enter_6(self):
        self.lab.svnet("host1", "shadow", "finish", GROUP)

    def _progress(self, since, second):
        cells = []
        for name in ("sender", "A", "B", "receiver"):
            capture = self.captures.get(name)
            if not capture:
                continue
            voice, _ = sent_by(capture.read(), USERS)
            cells.append("%s %3d" % (name, sum(since - 0.3 <= t < since + 0.7 for t in voice.values())))
        self.say("  %3d s  voice packets/s: %s" % (second, "   ".join(cells)))

    # ---- what was seen --------------------------------------------------------------------------------

    def _voice(self, heard, phase_index, active):
        """Packets are assigned to the phase they were sent in, so a late one is not a lost one."""
        begin, end = self.bounds[phase_index]
        if phase_index + 1 < len(self.bounds):
            end = min(end, self.bounds[phase_index + 1][0])
        sent = {key for key, t in heard["sender"][0].items() if begin <= t < end}
        row = {"sent": len(sent)}
        for name in ("A", "B", "receiver"):
            if name != "receiver" and name not in active:
                row[name] = None
                continue
            received = len(sent & heard[name][0].keys())
            lost = len(sent) - received
            row[name] = {
                "received": received,
                "lost": lost,
                "loss_percent": round(100.0 * lost / len(sent), 2) if sent else 0.0,
            }
        return row

    def _flip_cost(self, heard):
        """Around the flip: voice that both members had at the exit and the receiver did not get, and
        voice that it got twice."""
        near = lambda t: self.flip["from"] - 1 <= t <= self.flip["to"] + 1
        window = {key for key, t in heard["sender"][0].items() if near(t)}
        both = window & heard["A"][0].keys() & heard["B"][0].keys()
        return {
            "map_updates": {
                host: entry["map_updates"]
                for host, entry in sorted(self.flip["result"]["hosts"].items())
                if entry["map_updates"]
            },
            "lost": len(both - heard["receiver"][0].keys()),
            "duplicated": sum(near(t) for t, _ in heard["receiver"][1]),
        }

    def _escapes(self):
        """Frames outside that carry B's mark before the flip, or lack it once B is heard."""
        count = 0
        for capture in self.outside:
            for line in self.lab.fields(capture._path, ["frame.time_epoch", "ip.dsfield.dscp"]):
                when, dscp = float(line[0]), int(line[1].split(",")[0])
                if dscp == MARK and when < self.flip["from"]:
                    count += 1
                if dscp != MARK and when > self.flip["to"] + 0.2:
                    count += 1
        return count

    def _report(self):
        heard = {name: sent_by(capture.read(), USERS) for name, capture in self.captures.items()}
        phases = []
        for index, (number, active, qos, load, _) in enumerate(PHASES):
            phases.append({
                "phase": number,
                "production": "A" if number < 5 else "B",
                "active": active,
                "qos": qos,
                "load": load,
                "offered_mbit": round(self.wire[index], 2),
                "voice": self._voice(heard, index, active),
            })
        return {
            "phases": phases,
            "flip": self._flip_cost(heard),
            "shadow_escapes": self._escapes(),
            "accounting_closed": self.lab.accounting_closed(),
        }


def failures(report):
    """What keeps the run from being a success, in words; empty when it is one."""
    phase = {p["phase"]: p["voice"] for p in report["phases"]}
    bad = []
    if report["shadow_escapes"]:
        bad.append("%d frames of a silent VNet were seen outside" % report["shadow_escapes"])
    if not report["accounting_closed"]:
        bad.append("the counters do not close")
    if any(not v["sent"] for v in phase.values()):
        bad.append("there was a phase without voice")
        return bad
    if phase[4]["B"]["received"] < 0.98 * phase[4]["sent"]:
        bad.append("B received less than 98 % of the voice in phase 4")
    if phase[4]["B"]["lost"] >= phase[4]["A"]["lost"]:
        bad.append("B did not lose less than A in phase 4")
    if phase[5]["receiver"]["lost"] >= phase[3]["receiver"]["lost"]:
        bad.append("the receiver did not lose less in phase 5 than in phase 3")
    return bad


def table(report):
    lines = ["", "phase  heard  load  Mbit/s   sent      A lost        B lost   receiver lost"]
    for p in report["phases"]:
        cells = []
        for name in ("A", "B", "receiver"):
            v = p["voice"][name]
            cells.append("%5d %6.2f %%" % (v["lost"], v["loss_percent"]) if v else "            - ")
        lines.append("%5d  %5s  %4s  %6.2f  %5d  %s" % (
            p["phase"], p["production"], p["load"], p["offered_mbit"], p["voice"]["sent"],
            "  ".join(cells)))
    flip = report["flip"]
    lines.append("")
    lines.append("flip: map updates %s; voice lost %d, duplicated %d" % (
        json.dumps(flip["map_updates"]), flip["lost"], flip["duplicated"]))
    lines.append("shadow frames seen outside: %d; counters close: %s" % (
        report["shadow_escapes"], "yes" if report["accounting_closed"] else "NO"))
    return "\n".join(lines)
