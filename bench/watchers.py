# SPDX-License-Identifier: GPL-2.0-only
"""What runs beside a measurement and takes the copies, on the CPU that does not forward."""

import json
import re
import signal
import subprocess
import sys

from testbed import PLANE_PINS

CPU = 0


class Watcher:
    """Started before a measurement, stopped after it; `notes` says what was not as it should be."""

    def __init__(self, dut):
        self.dut, self.notes, self.lost = dut, set(), 0
        self.process = subprocess.Popen(self.argv(), text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.wait_ready()

    def wait_ready(self):
        line = self.process.stdout.readline()
        if line != "ready\n":
            self.process.kill()
            sys.exit(f"bench: {self.argv()[0]}: {self.process.communicate()[1].strip()}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        if self.process.returncode:
            sys.exit(f"bench: {self.argv()[0]}: {err.strip()}")
        self.judge(out, err)


class Reader(Watcher):
    """The ring's reader. It and the data plane must agree on how many records there were."""

    def argv(self):
        return [self.dut.lab.reader, PLANE_PINS, "1", str(CPU)]

    def wait_ready(self):
        super().wait_ready()
        self.before = self.dut.session_counters()

    def judge(self, out, err):
        seen = json.loads(out)
        after = self.dut.session_counters()
        count = {name: n - self.before.get(name, 0) for name, n in after.items()}
        self.lost = seen["lost"]
        shed = sum(n for name, n in count.items() if name.startswith("shed"))
        if seen["lost"] or shed:
            self.notes.add(f"records lost: {seen['lost']} of {count['matched']}")
        if seen["records"] != count.get("copied", 0) or seen["lost"] != shed:
            sys.exit(f"bench: the reader saw {seen}, the session counted {count}")


class Skipper(Watcher):
    """Lets the records go unread, so that the ring is never full: what its writer alone costs."""

    def argv(self):
        return [self.dut.lab.reader, PLANE_PINS, "1", str(CPU), "skip"]

    def wait_ready(self):
        super().wait_ready()
        self.before = self.dut.session_counters().get("shed-ring", 0)

    def judge(self, out, err):
        shed = self.dut.session_counters().get("shed-ring", 0) - self.before
        if shed:
            self.notes.add(f"{shed} frames found the ring full")


class Tcpdump(Watcher):
    """The same for every way to mirror: 128 bytes of each frame, to nowhere."""

    def argv(self):
        return ["nsenter", f"--net=/run/netns/{self.dut.lab.far}", "taskset", "-c", str(CPU),
                "tcpdump", "-n", "-s", "128", "-w", "/dev/null", "-i", self.dut.watched_dev]

    def wait_ready(self):
        line = ""
        while "listening on" not in line:
            line = self.process.stderr.readline()
            if not line:
                sys.exit("bench: tcpdump does not listen")

    def judge(self, out, err):
        captured, dropped = (int(re.search(rf"(\d+) packets {what}", err).group(1))
                             for what in ("captured", "dropped by kernel"))
        if dropped:
            self.notes.add("tcpdump lost frames")
        if not captured:
            sys.exit("bench: tcpdump captured nothing")
