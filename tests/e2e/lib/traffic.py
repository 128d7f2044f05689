# SPDX-License-Identifier: GPL-2.0-only
"""Senders and sniffers around tests/tools."""
import hashlib
import json
import os
import signal
import struct
import subprocess
import tempfile
import time

from .shell import Fail, binary, need, note, wait_for

MAGIC = b"SvT1"
PROBE_LEN = 18


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def _addr(text):
    import socket
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_pton(family, text)


def csum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(dmac, smac, src, dst, stream, size=100, sport=6999, dport=7000, vlan=None, ttl=64):
    """A marked UDP frame of `size` bytes; txgen fills in number, time and UDP checksum."""
    tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
    v6 = ":" in dst
    head = 14 + len(tag) + (40 if v6 else 20) + 8
    payload = MAGIC + struct.pack("!HIQ", stream, 0, 0)
    payload += bytes(i * 7 & 0xff for i in range(max(0, size - head - PROBE_LEN)))
    seg = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    if v6:
        ip = struct.pack("!IHBB", 6 << 28, len(seg), 17, ttl) + _addr(src) + _addr(dst)
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(seg), 1, 0, ttl, 17, 0)
        ip += _addr(src) + _addr(dst)
        ip = ip[:10] + struct.pack("!H", csum(ip)) + ip[12:]
    kind = b"\x86\xdd" if v6 else b"\x08\x00"
    return mac_bytes(dmac) + mac_bytes(smac) + tag + kind + ip + seg


def cpu_number(n):
    """The n-th CPU we may use, counted around."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[n % len(cpus)]


class Tx:
    """txgen, running. Frames are bytes; several are sent in turn. `fifo` holds a rate whatever else runs;
    who takes all of the CPU for it is stopped for a twentieth of each second."""

    def __init__(self, net, dev, frames, rate=1000, count=0, seconds=0, fifo=False,
                 cpu=None):
        if isinstance(frames, bytes):
            frames = [frames]
        with tempfile.NamedTemporaryFile(suffix=".frames", delete=False) as f:
            for frame in frames:
                f.write(struct.pack("!I", len(frame)) + frame)
        self.path = f.name
        argv = [binary("tools/txgen"), "--dev", dev, "--rate", rate, "--file", self.path]
        if count:
            argv += ["--count", count]
        if seconds:
            argv += ["--seconds", seconds]
        if fifo:
            argv += ["--fifo"]
        if cpu is not None:
            argv += ["--cpu", cpu_number(cpu)]
        self.proc = net.popen(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.result = None

    def _finish(self, timeout):
        if self.result is None:
            try:
                stdout, stderr = self.proc.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.communicate()
                raise Fail("txgen does not end") from None
            finally:
                if os.path.exists(self.path):
                    os.unlink(self.path)
            need(self.proc.returncode == 0, f"txgen: {stderr.strip()}")
            self.result = json.loads(stdout)
        return self.result

    def wait(self, timeout=120):
        return self._finish(timeout)

    def stop(self):
        if self.result is None and self.proc.poll() is None:
            wait_for("txgen to begin", lambda: self.proc.poll() is not None
                     or catches_sigterm(self.proc.pid), step=0.01)
            self.proc.terminate()
        return self._finish(10)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.result is None:
            self.stop()


def catches_sigterm(pid):
    """Is the program that far that it ends in good order? On a slow machine that takes its time."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            caught = next(line for line in f if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def backlog_drops():
    """Frames that this machine's CPUs dropped before any stack saw them, whoever sent them: what a test
    loses there while somebody else floods the machine is nobody's fault."""
    with open("/proc/net/softnet_stat", encoding="utf-8") as f:
        return sum(int(line.split()[1], 16) for line in f)


def send(net, dev, frames, rate=1000, count=None):
    """Sends to the end and returns txgen's report; count: default each frame once."""
    if isinstance(frames, bytes):
        frames = [frames]
    with Tx(net, dev, frames, rate=rate, count=count or len(frames)) as tx:
        return tx.wait()


def received(net, dev):
    """How many frames a device has received so far."""
    text = net.out("ip", "-j", "-s", "link", "show", "dev", dev)
    return json.loads(text)[0]["stats64"]["rx"]["packets"]


def send_gently(net, dev, frames, rate, count, receivers):
    """Sends `count` frames without ever running ahead of the receivers, each (namespace, device,
    share of the frames): copies are shed when a monitor or a shadow is kept from its CPU, which is
    right, and not what is asked here. A veth's ring holds 256."""
    if isinstance(frames, bytes):
        frames = [frames]
    sent = 0
    while sent < count:
        n = min(150 // len(frames) * len(frames), count - sent)
        before = [received(r_net, r_dev) for r_net, r_dev, _ in receivers]
        done = send(net, dev, frames, rate, n)
        need(done["sent"] == n, f"sent only {done}")
        for (r_net, r_dev, share), old in zip(receivers, before):
            end = time.monotonic() + 10
            while received(r_net, r_dev) < old + n * share and time.monotonic() < end:
                time.sleep(0.01)
        sent += n


class Rx:
    """rxcount on one device; .stop() gives its report, in which its own drops must be zero."""

    def __init__(self, net, dev, direction="in", write=False, marked=False):
        self.pcap = None
        argv = [binary("tools/rxcount"), "--dev", dev]
        if direction:
            argv += ["--dir", direction]
        if write:
            fd, self.pcap = tempfile.mkstemp(suffix=".pcap")
            os.close(fd)
            argv += ["--write", self.pcap]
        if marked:
            argv += ["--marked"]
        self.where = f"{net.name}:{dev}"
        self.proc = net.popen(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.proc.stderr.readline()
        need(line == "ready\n", f"rxcount on {self.where}: {line.strip()}")
        self.report = None
        self.frames = []

    def stop(self, settle=0.25):
        if self.report is not None:
            return self.report
        time.sleep(settle)
        if self.proc.poll() is None:
            self.proc.terminate()
        stdout, stderr = self.proc.communicate(timeout=20)
        if self.pcap:
            if self.proc.returncode == 0:
                self.frames = list(read_pcap(self.pcap))
            os.unlink(self.pcap)
        need(self.proc.returncode == 0, f"rxcount on {self.where}: {stderr.strip()}")
        self.report = json.loads(stdout)
        need(self.report["kernel_drops"] == 0,
             f"the sniffer on {self.where} itself lost {self.report['kernel_drops']} frames")
        return self.report

    def stream(self, number):
        """The stream's figures; zeros when it was never seen."""
        empty = dict(received=0, unique=0, lost=0, duplicated=0, reordered=0, first_seq=0,
                     last_seq=0, max_seq=0, first_ns=0, last_ns=0, max_gap_ns=0, gaps=[],
                     max_delay_ns=0, bytes=0, late=[])
        return self.stop()["streams"].get(str(number), empty)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.report is None:
            try:
                self.stop(0)
            except Fail:
                if exc[0] is None:
                    raise


def timed_pcap(path):
    """(when, frame) of each in a pcap file that rxcount or tcpdump wrote; when: seconds, by the wall's clock."""
    with open(path, "rb") as f:
        head = f.read(24)
        if len(head) < 24:
            return
        order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        parts = 1e9 if b"\x4d" in (head[:1], head[3:4]) else 1e6
        while True:
            head = f.read(16)
            if len(head) < 16:
                return
            sec, part, length, _ = struct.unpack(order + "IIII", head)
            yield sec + part / parts, f.read(length)


def read_pcap(path):
    """The frames of it."""
    return (frame for _, frame in timed_pcap(path))


def write_pcap(path, frames):
    """Frames into a pcap file; returns its path."""
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for n, frame in enumerate(frames):
            f.write(struct.pack("=IIII", n // 1000, n % 1000 * 1000000, len(frame), len(frame)) + frame)
    return path


def digest(frame):
    return hashlib.sha256(frame).hexdigest()


def marked(frame):
    return MAGIC in frame[:256]


class Tcpdump:
    """An independent count: tcpdump, as anybody has it. Of traffic that flows already it also tells a packet or
    two from before its filter was in place, and none from while it was put there: they are left out."""

    def __init__(self, net, dev, expr="", direction=None):
        argv = ["tcpdump", "-i", dev, "-n", "-B", "16384", "-s", "2048", "-U", "--immediate-mode",
                "-w"]
        fd, self.path = tempfile.mkstemp(suffix=".pcap")
        os.close(fd)
        os.chmod(self.path, 0o666)
        argv += [self.path, "-Z", "root"]
        if direction:
            argv += ["-Q", direction]
        self.proc = net.popen(*argv, *expr.split(), stderr=subprocess.PIPE, text=True)
        line = ""
        while "listening on" not in line:
            line = self.proc.stderr.readline()
            need(line, "tcpdump did not start")
        self.since = time.time()

    def stop(self, settle=0.4):
        time.sleep(settle)
        self.proc.terminate()
        _, stderr = self.proc.communicate(timeout=20)
        need("0 packets dropped by kernel" in stderr, f"tcpdump lost packets: {stderr.strip()}")
        frames = [frame for when, frame in timed_pcap(self.path) if when >= self.since]
        os.unlink(self.path)
        return frames


class Production:
    """Marked traffic through production both ways, and the sniffers that must see all of it."""

    def __init__(self, topo, rate=1000, size=100, v6=False):
        self.sides = []
        self.rate = rate
        self.backlog = backlog_drops()
        for n, (src, dst) in enumerate((("left", "right"), ("right", "left")), 1):
            frame = topo.user_frame(src, dst, stream=n, size=size, v6=v6)
            rx = Rx(topo.outside[dst], topo.outside_dev[dst])
            self.sides.append([src, n, rx, None, frame])
        for side in self.sides:
            # A high rate must be held whatever else runs: the network, not the sender, is on trial.
            side[3] = Tx(topo.outside[side[0]], topo.outside_dev[side[0]], side[4], rate=rate,
                         fifo=rate >= 10000, cpu=side[1])

    def stop(self):
        for side in self.sides:
            side[3].stop()
        return [side[2].stop() for side in self.sides]

    def check(self, what):
        """Nothing lost, nothing repeated, nothing out of order; returns how many went through. A machine
        that is busy elsewhere may keep the sender from its rate: that is told."""
        self.stop()
        total = 0
        for src, n, rx, tx, _ in self.sides:
            sent, got = tx.result["sent"], rx.stream(n)
            need(tx.result["errors"] == 0, f"{what}: {tx.result['errors']} frames could not be sent")
            need(sent > 0, f"{what}: no production traffic was sent")
            need(got["unique"] == sent,
                 f"{what}: from {src} {sent} sent, {got['unique']} arrived, gaps {got['gaps'][:8]}; the "
                 f"machine's backlogs dropped {backlog_drops() - self.backlog} of anybody's meanwhile")
            need(got["duplicated"] == 0, f"{what}: from {src} {got['duplicated']} repeated")
            need(not got["reordered"], f"{what}: from {src} {got['reordered']} of {sent} out of order, "
                 f"[number, after number, when] {got['late']}")
            kept = sent / max(tx.result["elapsed"], 1e-9) / self.rate
            if kept < 0.9:
                note(f"{what}: the sender only kept up {kept:.0%} of {self.rate} a second")
            total += sent
        return total

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for side in self.sides:
            try:
                side[3].stop()
                side[2].stop(0)
            except Fail:
                if exc[0] is None:
                    raise
