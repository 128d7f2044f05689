# SPDX-License-Identifier: GPL-2.0-only
"""Who watches a run: svnet's own sessions at the exit, tcpdump outside, and the counters of the shapers."""
import json
import os
import threading
import time

from capture import Sniffer, Voice
from lab import USERS
from voice import FILTER

MARK = 8  # DSCP CS1, which B's override puts on what B's routers send: how a sniffer knows B's frames


class Observers:
    """Every capture of a run, by name; `folder` has the files."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.voice, self.sniffers, self._processes = {}, [], []
        self.shed = {}  # session: copies that were not made

    def _path(self, name, kind):
        return os.path.join(self.folder, name + "." + kind)

    def _tcpdump(self, name, start, dev, direction, what, *more):
        path = self._path(name, "pcap")
        argv = ["tcpdump", "-i", dev, "-n", "-Z", "root", "-B", "16384", *more, "-Q", direction,
                "--time-stamp-precision=nano", "-w", path, what]
        self._processes.append(start(argv, self._path(name, "log")))
        return path

    def outside(self):
        """The call as it was sent and as it was heard, and whatever comes out of the edges."""
        lab = self.lab
        live = ("-U", "--immediate-mode", "-s", "128")
        for name, start, dev, way in (("sender", lab.users_popen, lab.users_dev, "out"),
                                      ("receiver", lab.peers_popen, lab.peers_dev, "in")):
            self.voice[name] = Voice(self._tcpdump(name, start, dev, way, FILTER, *live), USERS)
        for name, start, dev in (("outside-exit", lab.peers_popen, lab.peers_dev),
                                 ("outside-entry", lab.users_popen, lab.users_dev)):
            path = self._tcpdump(name, start, dev, "in", "ip", "-s", "40")
            self.sniffers.append(Sniffer(path, MARK))
        self._wait_for("listening on", ("sender", "receiver", "outside-exit", "outside-entry"))

    def exit_of(self, vnet):
        """The voice alone, at the exit of a VNet whoever is heard, recorded in a ring on its host."""
        session = "voice-" + vnet
        self.lab.svnet("host1", "monitor", "start", session, "--of", vnet, "--at", "exit",
                       "--direction", "out", "--filter", FILTER, "--to", "ring")
        path = self._path("exit-" + vnet, "pcapng")
        argv = [*self.lab.command("host3"), "capture", session, "-w", "-"]
        self._processes.append(self.lab.here_popen(argv, path, self._path("exit-" + vnet, "log")))
        self.voice[vnet] = Voice(path, USERS)
        self._wait(lambda: os.path.getsize(path) > 0, "svnet capture to begin")

    def look(self):
        """What became of the sessions' copies; theirs go with their VNet."""
        for row in self.lab.svnet("host3", "monitor", "list")["sessions"]:
            self.shed[row["name"]] = sum(count["packets"] for name, count in row["counters"].items()
                                         if name.startswith("shed"))

    def _wait_for(self, text, names):
        def said():
            return all(text in open(self._path(name, "log"), encoding="utf-8").read() for name in names)
        self._wait(said, "tcpdump to listen")

    def heard(self, name, after=None):
        """Waits for a voice packet there, or for one that is newer."""
        voice = self.voice[name]
        self._wait(lambda: any(t > (after or 0) for t in reversed(voice.read().values())),
                   "voice at " + name)

    @staticmethod
    def _wait(ready, what, seconds=15):
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise RuntimeError("waited %d s in vain for %s" % (seconds, what))
            time.sleep(0.05)

    def stop(self):
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
                process.wait(10)
        for voice in self.voice.values():
            voice.read()

    def dropped(self):
        """Packets that tcpdump itself says it missed."""
        count = 0
        for name in ("sender", "receiver", "outside-exit", "outside-entry"):
            with open(self._path(name, "log"), encoding="utf-8") as text:
                count += sum(int(line.split()[0]) for line in text if "dropped by kernel" in line)
        return count


class Shapers(threading.Thread):
    """Once a second: what left through the shaped link of every VNet, and what its queue dropped."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.rows = lab, []
        self._of, self._last = {}, {}
        self._end = threading.Event()

    def add(self, vnet):
        self._of[vnet] = self.lab.host("host2").vnode(vnet + "/r2")

    def remove(self, vnet):
        self._of.pop(vnet, None)

    def run(self):
        due = time.monotonic()
        while not self._end.wait(max(0, due - time.monotonic())):
            due += 1
            for vnet, net in list(self._of.items()):
                self._look(vnet, net)

    def _look(self, vnet, net):
        done = net.run("tc", "-s", "-j", "qdisc", "show", "dev", "eth1", check=False)
        when = time.time()
        if done.returncode or not done.stdout.strip():
            return  # the VNode has just been dismantled
        queues = json.loads(done.stdout)
        root = next(q for q in queues if q.get("root"))
        now = (when, root["bytes"], root["drops"])
        last, self._last[vnet] = self._last.get(vnet), now
        # A change of the shaper begins its counters anew.
        if last and now[1] >= last[1] and now[2] >= last[2]:
            self.rows.append({"vnet": vnet, "begin": last[0], "end": when, "bytes": now[1] - last[1],
                              "drops": now[2] - last[2]})

    def stop(self):
        self._end.set()
        self.join()

    def between(self, vnet, begin, end):
        """Mbit/s and frames dropped in a stretch of time; a sample across its edge counts in part."""
        total, drops, covered = 0.0, 0.0, 0.0
        for row in self.rows:
            overlap = min(end, row["end"]) - max(begin, row["begin"])
            if row["vnet"] != vnet or overlap <= 0:
                continue
            part = overlap / (row["end"] - row["begin"])
            total, drops, covered = total + part * row["bytes"], drops + part * row["drops"], covered + overlap
        return (total * 8 / 1e6 / covered, drops) if covered else (None, None)


def backlog_drops():
    """Frames dropped by the receive queues of this machine's CPUs, whoever's they were."""
    with open("/proc/net/softnet_stat", encoding="ascii") as rows:
        return sum(int(row.split()[1], 16) for row in rows)
