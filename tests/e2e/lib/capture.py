# SPDX-License-Identifier: GPL-2.0-only
"""`svnet capture`, running, and pcapng files read without any of svnet's code."""
import json
import os
import signal
import struct
import subprocess

from .shell import Fail, binary, need, run, wait_for

SECTION, INTERFACE, PACKET, STATISTICS = 0x0A0D0D0A, 1, 6, 5


class Capture:
    """A capture of one session into a file; .stop() ends it and gives what it said at the end."""

    def __init__(self, host, session, path, *more):
        self.path = str(path)
        argv = [binary("svnet"), "--socket", host.socket, "--json", "capture", session, "-w", self.path,
                *more]
        self.proc = host.net.popen(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.report = None
        # The rings are open before the file is: what comes from now on is in it.
        wait_for(f"the capture of {session} to begin",
                 lambda: os.path.exists(self.path) or self.proc.poll() is not None)
        if self.proc.poll() is not None and not os.path.exists(self.path):
            raise Fail(f"capture {session}: exit {self.proc.returncode}: {self.proc.stderr.read()}")

    def pause(self):
        """The reader is kept from reading, and nobody else."""
        self.proc.send_signal(signal.SIGSTOP)

    def resume(self):
        self.proc.send_signal(signal.SIGCONT)

    def wait(self, want=0, timeout=60):
        if self.report is None:
            stdout, self.said = self.proc.communicate(timeout=timeout)
            need(self.proc.returncode == want,
                 f"capture ended with {self.proc.returncode}, not {want}: {self.said.strip()}")
            self.report = json.loads(stdout) if stdout.strip() else {}
        return self.report

    def stop(self):
        if self.report is None and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGINT)
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.report is None:
            if self.proc.poll() is None:
                self.proc.kill()
            self.proc.communicate()


class Packet:
    def __init__(self, interface, at_ns, length, data, options):
        self.interface, self.at_ns, self.length, self.data = interface, at_ns, length, data
        self.comment = options.get(1, b"").decode()
        self.direction = struct.unpack("=I", options[2])[0] & 3 if 2 in options else 0


class Pcapng:
    """A file with one section: .interfaces (names), .packets, .received and .dropped by interface."""

    def __init__(self, path):
        self.interfaces, self.packets, self.received, self.dropped = [], [], {}, {}
        with open(path, "rb") as f:
            data = f.read()
        at = 0
        while at < len(data):
            kind, length = struct.unpack_from("=II", data, at)
            need(length >= 12 and length % 4 == 0 and at + length <= len(data),
                 f"{path}: a broken block at {at}")
            need(data[at + length - 4:at + length] == data[at + 4:at + 8],
                 f"{path}: a block's lengths differ at {at}")
            self._block(kind, data[at + 8:at + length - 4])
            at += length

    def _block(self, kind, body):
        if kind == SECTION:
            need(struct.unpack_from("=IHH", body) == (0x1A2B3C4D, 1, 0) and not self.interfaces,
                 "the section's head")
        elif kind == INTERFACE:
            options = options_of(body, 8)
            need(struct.unpack_from("=H", body)[0] == 1, "not Ethernet")
            need(options.get(9) == b"\x09", "an interface does not count in nanoseconds")
            self.interfaces.append(options.get(2, b"").decode())
        elif kind == PACKET:
            number, high, low, cap, length = struct.unpack_from("=IIIII", body)
            need(number < len(self.interfaces), "a packet of an interface that is not described")
            self.packets.append(Packet(self.interfaces[number], high << 32 | low, length,
                                       body[20:20 + cap], options_of(body, 20 + (cap + 3) // 4 * 4)))
        elif kind == STATISTICS:
            name = self.interfaces[struct.unpack_from("=I", body)[0]]
            options = options_of(body, 12)
            need(2 in options and 3 in options and 4 in options and 5 in options,
                 f"the statistics of {name} lack times or counts")
            self.received[name] = struct.unpack("=Q", options[4])[0]
            self.dropped[name] = struct.unpack("=Q", options[5])[0]

    def of(self, *words):
        """Packets of the interfaces whose names have all these words."""
        return [p for p in self.packets if all(w in p.interface.split() for w in words)]


def options_of(body, at):
    options = {}
    while at + 4 <= len(body):
        code, length = struct.unpack_from("=HH", body, at)
        if not code:
            break
        options[code] = body[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return options


def tshark(path, *more):
    """tshark over a file: its lines; a warning is a failure."""
    done = run("tshark", "-n", "-r", path, *more)
    noise = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    need(not noise, f"tshark about {path}: {noise}")
    return done.stdout.splitlines()


def capinfos(path):
    """What capinfos says, by its words; a warning is a failure."""
    done = run("capinfos", "-M", path)
    need(not done.stderr.strip(), f"capinfos about {path}: {done.stderr.strip()}")
    return done.stdout
