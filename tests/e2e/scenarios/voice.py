# SPDX-License-Identifier: GPL-2.0-only
"""Voice: what svnet says of RTP streams that were impaired in known ways, beside what tshark says."""
import json
import os
import random
import re
import signal
import struct
import subprocess
import time

from lib import capture
from lib.one import One
from lib.shell import Fail, binary, need, note, run
from lib.tap import scenario
from lib.traffic import backlog_drops, csum, mac_bytes
from scenarios.voice_emodel import opinion, rating, word

SENDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "voice_send.py")
PACKETS, STEP_MS, PORT = 250, 20, 30000
SUM = {"expected", "received", "lost", "lost_rfc3550", "duplicated", "reordered"}


class Call:
    """One stream: .plan is a list of [milliseconds, number], to be impaired."""

    def __init__(self, name, number, seq0=1000, v6=False, ssrc=None, port=None, tags=b""):
        self.name, self.seq0, self.v6, self.tags = name, seq0, v6, tags
        self.ssrc = ssrc or 0x51000000 + number
        self.port = port or PORT + 2 * number
        dice = random.Random(number)
        self.plan = [[i * STEP_MS + dice.uniform(0, 3), i] for i in range(PACKETS)]
        self.ts0 = dice.randrange(1 << 32)

    def schedule(self, head):
        self.plan.sort()
        return [[ms, (head(self) + self.udp(i)).hex()] for ms, i in self.plan]

    def udp(self, i):
        rtp = struct.pack("!BBHII", 0x80, 0, (self.seq0 + i) & 0xffff, (self.ts0 + 160 * i) & 0xffffffff,
                          self.ssrc) + b"\xd5" * 160
        segment = struct.pack("!HHHH", 40000, self.port, 8 + len(rtp), 0) + rtp
        if self.v6:
            # The router does not look at it, but a UDP checksum of zero is none in IPv6.
            segment = segment[:6] + b"\xff\xff" + segment[8:]
        return segment

    def truth(self):
        """What RFC 4737 calls reordered, and what is lost and duplicated, counted from the plan."""
        seen, high, reordered = set(), -1, 0
        for _, i in self.plan:
            if i not in seen:
                reordered += i < high
                high = max(high, i)
            seen.add(i)
        first, last = min(seen), max(seen)
        lost = last - first + 1 - len(seen)
        copies = len(self.plan) - len(seen)
        return {"expected": len(seen) + lost, "received": len(seen), "lost": lost,
                "lost_rfc3550": lost - copies, "duplicated": copies, "reordered": reordered}


def impaired():
    """Ten calls, each impaired in another way. Nothing is out of order just where numbers wrap: there
    tshark counts a round of 65536 packets too many."""
    calls = [Call(name, i, seq0) for i, (name, seq0) in enumerate((
        ("nothing", 1000), ("every tenth lost", 1000), ("bursts of seven lost", 1000),
        ("neighbours swapped", 1000), ("one in twenty repeated", 1000),
        ("one in fifty late by 150 ms", 1000), ("sixty late by 15 ms", 1000),
        ("every tenth lost, over a wrap", 65400), ("swapped and late, with a wrap", 65390),
        ("everything at once", 65390)))]
    _, tenth, bursts, swaps, copies, late, step, wrap, swapwrap, every = calls
    for call in (tenth, wrap):
        call.plan = [p for p in call.plan if p[1] % 10 != 5]
    bursts.plan = [p for p in bursts.plan if not 40 <= p[1] % 100 < 47]
    for call in (swaps, swapwrap, every):
        for i in range(50, 200, 25):
            call.plan[i][0], call.plan[i + 1][0] = call.plan[i + 1][0], call.plan[i][0]
    for call in (copies, every):
        call.plan += [[ms + 4, i] for ms, i in call.plan[10::20]]
    for call, first in ((late, 25), (swapwrap, 30), (every, 35)):
        for p in call.plan[first:240:50]:
            p[0] += 150
    for p in step.plan[100:160]:
        p[0] += 15
    every.plan = [p for p in every.plan if p[1] % 17 != 3]
    return calls


def others():
    """Two streams on one port, IPv6, and behind a tag of the VNet's own."""
    return [Call("on a port", 20, ssrc=0x52000001, port=PORT + 100),
            Call("on the same port", 21, ssrc=0x52000002, port=PORT + 100),
            Call("IPv6", 22, v6=True), Call("behind a service tag", 23, tags=b"\x88\xa8\x00\x07")]


def header(topo):
    left = topo.outside["left"]
    mac = mac_bytes(topo.gateway_mac("left")) + mac_bytes(left.mac("u0"))

    def ip(call):
        import socket
        src, dst = (socket.inet_pton(socket.AF_INET6 if call.v6 else socket.AF_INET,
                                     topo.address(side, call.v6)) for side in ("left", "right"))
        length = 8 + 12 + 160
        if call.v6:
            head = b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, length, 17, 64) + src + dst
        else:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0) + src + dst
            head = b"\x08\x00" + head[:10] + struct.pack("!H", csum(head)) + head[12:]
        return mac + call.tags + head
    return ip


def start(topo, calls):
    """Begins to send all calls at once."""
    head = header(topo)
    frames = sorted(frame for call in calls for frame in call.schedule(head))
    path = topo.write_text(json.dumps(frames), "voice.json")
    return topo.outside["left"].popen("/usr/bin/python3", SENDER, "u0", path)


def play(topo, calls):
    """To the end."""
    need(start(topo, calls).wait(timeout=60) == 0, "the sender failed")


class Listener:
    """`svnet voice SESSION`, running."""

    def __init__(self, host, session, *more):
        self.proc = host.net.popen(binary("svnet"), "--socket", host.socket, "--json", "voice", session,
                                   *more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.proc.stderr.readline()
        need(line.endswith(" listening\n"), f"voice {session}: {line.strip()}")

    def stop(self):
        self.proc.send_signal(signal.SIGINT)
        stdout, stderr = self.proc.communicate(timeout=30)
        need(self.proc.returncode == 0 and not stderr, f"voice: {self.proc.returncode} {stderr}")
        return stdout

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.communicate()


STREAM = re.compile(r"\s*[\d.]+\s+[\d.]+\s+\S+\s+\d+\s+\S+\s+\d+\s+(0x\w+)\s+.*?\s(\d+)\s+(-?\d+) \([-\d.]+%\)"
                    r"\s+[-\d.]+\s+[-\d.]+\s+[-\d.]+\s+[-\d.]+\s+([-\d.]+)\s+([-\d.]+)")


def wireshark(path):
    """tshark's RTP stream analysis: SSRC -> packets, lost, mean and maximum jitter."""
    lines = capture.tshark(path, "--enable-heuristic", "rtp_udp", "-q", "-z", "rtp,streams")
    found = {}
    for line in lines:
        m = STREAM.match(line)
        if m:
            found[int(m[1], 16)] = {"packets": int(m[2]), "lost": int(m[3]), "jitter": float(m[5])}
    return found


def sequences(path):
    """The numbers of every stream, in order, as tshark dissects them."""
    found = {}
    for line in capture.tshark(path, "--enable-heuristic", "rtp_udp", "-Y", "rtp", "-T", "fields", "-e",
                               "rtp.ssrc", "-e", "rtp.seq"):
        ssrc, number = line.split()
        found.setdefault(int(ssrc, 16), []).append(int(number))
    return found


def reordered(numbers):
    """RFC 4737, on extended sequence numbers."""
    count, high, seen = 0, None, set()
    for n in numbers:
        extended = n if high is None else high + ((n - high + 0x8000) & 0xffff) - 0x8000
        if extended not in seen:
            count += high is not None and extended < high
            high = extended if high is None else max(high, extended)
        seen.add(extended)
    return count


def streams(doc, *, point=None):
    return {int(s["ssrc"], 16): s for s in doc["streams"] if point is None or s["point"] == point}


def voice_of(path, *more):
    done = run(binary("svnet"), "--json", "voice", "-r", path, *more)
    return json.loads(done.stdout)


def undisturbed(attempt):
    """What frames others' floods made this machine drop are nobody's losses: then it is tried again."""
    for last in (False, False, False, False, True):
        before = backlog_drops()
        try:
            return attempt()
        except Fail as fail:
            dropped = backlog_drops() - before
            if last or not dropped:
                raise
            note(f"again, since this machine's CPUs dropped {dropped} frames: {fail}")
    return None


@scenario("voice: ten recordings, impaired in known ways, as tshark sees them", One)
def recordings(topo):
    for name in ("va", "vb"):
        topo.hosts[0].svnet("monitor", "start", name, "--of", "A", "--to", "ring", "--at", "exit",
                            "--direction", "out", "--filter", f"udp dst portrange {PORT}-{PORT + 99}")
    return undisturbed(lambda: record(topo, impaired()))


def record(topo, calls):
    """Plays the calls while one session is captured and another listened to, and compares."""
    host, path = topo.hosts[0], f"{topo.folders['base']}/voice.pcapng"
    if os.path.exists(path):
        os.unlink(path)
    with capture.Capture(host, "va", path) as recording, Listener(host, "vb") as listener:
        play(topo, calls)
        said = recording.stop()
        live = streams(json.loads(listener.stop()))
    need(said["lost"] == 0, f"the recording lost {said['lost']}")
    ours, theirs, numbers = streams(voice_of(path)), wireshark(path), sequences(path)
    for found in (live, ours, theirs, numbers):
        need(len(found) == len(calls), f"{len(found)} streams of {len(calls)}")
    for call in calls:
        check_recording(call, ours[call.ssrc], theirs[call.ssrc], numbers[call.ssrc])
        for name in SUM:
            need(ours[call.ssrc][name] == live[call.ssrc][name],
                 f"{call.name}: live {name} {live[call.ssrc][name]}, not {ours[call.ssrc][name]}")
    return "maximum jitter " + " ".join(f"{theirs[call.ssrc]['jitter']:.1f}" for call in calls) + " ms"


def check_recording(call, ours, theirs, numbers):
    truth = call.truth()
    need(ours["packet_ms"] == STEP_MS and ours["vnet"] == "A" and ours["point"] == "exit" and
         ours["direction"] == "out", f"{call.name}: {ours}")
    got = {name: ours[name] for name in SUM}
    need(got == truth, f"{call.name}: {got}, sent was {truth}")
    need(theirs["packets"] == ours["received"] + ours["duplicated"], f"{call.name}: packets")
    need(theirs["lost"] == ours["lost_rfc3550"],
         f"{call.name}: lost {ours['lost_rfc3550']}, tshark says {theirs['lost']}")
    need(reordered(numbers) == ours["reordered"], f"{call.name}: order")
    need(abs(theirs["jitter"] - ours["jitter_max_ms"]) < 0.00051,
         f"{call.name}: jitter {ours['jitter_max_ms']}, tshark says {theirs['jitter']}")
    check_impaired(call, ours)


def at_random(number):
    """A short call whose packets are late, lost and repeated at random: [milliseconds, number] as they come."""
    dice = random.Random(number)
    plan = []
    for i in range(60):
        ms, fate = i * STEP_MS + dice.uniform(0, 4), dice.random()
        if 0.05 <= fate < 0.1:
            continue
        if fate < 0.05:
            ms += dice.uniform(0, 100)
        elif fate < 0.15:
            plan.append([ms + dice.uniform(0, 50), i])
        plan.append([ms, i])
    return sorted(plan)


@scenario("voice: streams impaired at random, as tshark sees them", One, ("xdp",))
def random_streams(topo):
    calls = [Call("at random", i, random.Random(i).randrange(65536 - 60)) for i in range(150)]
    head, path = header(topo), f"{topo.folders['base']}/random.pcap"
    frames = []
    for i, call in enumerate(calls):
        call.plan = at_random(i)
        frames += [[ms + i / 7, frame] for ms, frame in call.schedule(head)]
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for ms, frame in sorted(frames):
            data = bytes.fromhex(frame)
            f.write(struct.pack("<IIII", 1700000000, round(ms * 1e6), len(data), len(data)) + data)
    ours, theirs = streams(voice_of(path)), wireshark(path)
    need(len(ours) == len(theirs) == len(calls), f"{len(ours)}, {len(theirs)} of {len(calls)} streams")
    for call in calls:
        got, want, truth = ours[call.ssrc], theirs[call.ssrc], call.truth()
        need({name: got[name] for name in SUM} == truth, f"{call.ssrc:x}: {truth}")
        # tshark's numbers end with the packet that came last, ours with the highest.
        behind = max(i for _, i in call.plan) - call.plan[-1][1]
        ahead = call.plan[0][1] - min(i for _, i in call.plan)
        need(want["lost"] == got["lost_rfc3550"] - behind - ahead,
             f"{call.ssrc:x}: lost {got['lost_rfc3550']}, tshark says {want['lost']}")
        need(abs(want["jitter"] - got["jitter_max_ms"]) < 0.00051,
             f"{call.ssrc:x}: jitter {got['jitter_max_ms']}, tshark says {want['jitter']}")
    return f"{sum(len(call.plan) for call in calls)} packets"


def check_rating(name, ours, ie=0, bpl=4.3):
    """R and MOS follow from the figures beside them."""
    r = rating(ours["mouth_to_ear_ms"], ours["missing_percent"], min(max(ours["burst_ratio"], 1), 8), ie, bpl)
    need(abs(ours["r"] - r) < 0.05 and abs(ours["mos"] - opinion(r)) < 0.01 and ours["rating"] == word(r),
         f"{name}: R {ours['r']}, MOS {ours['mos']}, {ours['rating']}; G.107 says {r:.2f}, {opinion(r):.2f}")


def check_impaired(call, ours):
    """What is peculiar to this one. The sender may have been late as well, on a busy machine."""
    check_rating(call.name, ours)
    if call.name.startswith("every tenth") and not ours["discarded"]:
        need(abs(ours["burst_ratio"] - 0.9) < 0.01, f"{call.name}: burst ratio {ours['burst_ratio']}")
    if call.name.startswith("bursts"):
        need(ours["burst_max"] >= 7 and ours["burst_ratio"] > 3, f"{call.name}: {ours['burst_ratio']}")
    if "150 ms" in call.name:
        need(ours["late"] >= 5, f"{call.name}: {ours['late']} late")


@scenario("voice: streams of a port, of IPv6, behind a tag; the way through; live by the second", One)
def live_streams(topo):
    topo.hosts[0].svnet("monitor", "start", "v", "--of", "A", "--to", "ring", "--at", "entry", "--at", "exit",
                        "--direction", "both")
    return undisturbed(lambda: watch(topo, others()))


def watch(topo, calls):
    host = topo.hosts[0]
    with Listener(host, "v", "--watch", "--bin", "500ms") as listener:
        play(topo, calls)
        lines = [json.loads(line) for line in listener.stop().splitlines()]
    need(len(lines) >= 8, f"{len(lines)} intervals in {PACKETS * STEP_MS / 1000} s")
    edges = [(line["from"], line["to"]) for line in lines]
    need(all(abs(a[1] - b[0]) < 1e-5 for a, b in zip(edges, edges[1:])), "intervals do not meet")
    inside = [line for line in lines[2:-2] if line["streams"]]
    for call in calls:
        routed = not call.tags
        for line in inside:
            entry = streams(line, point="entry").get(call.ssrc)
            leaving = streams(line, point="exit").get(call.ssrc)
            if entry is None or (routed and leaving is None):
                raise Fail(f"{call.name}: not seen at {'entry' if entry is None else 'exit'}")
            if not routed:
                need(leaving is None, f"{call.name}: a router forwarded a tagged frame")
                continue
            # A packet counts where it came first: 25 of 20 ms, give or take those at the edges.
            for seen in (entry, leaving):
                need(seen["lost"] == 0 and abs(seen["expected"] - 25) <= 2,
                     f"{call.name}: {seen['expected']} expected, {seen['lost']} lost")
            need(entry["delay_ms"] is None and leaving["delay_ms"]["since"] == "A/entry r1:eth0 in",
                 f"{call.name}: delay since {leaving['delay_ms']}")
            need(leaving["delay_ms"]["packets"] == leaving["received"] and
                 0 <= leaving["delay_ms"]["min"] < 20, f"{call.name}: {leaving['delay_ms']}")
            check_rating(call.name, leaving)
    need({s["source_port"] for s in inside[0]["streams"]} == {40000}, "ports")
    return f"{len(lines)} intervals"


@scenario("voice: a way that is longer in between is measured, and rated", One)
def delay(topo):
    host = topo.hosts[0]
    # 85.6 kbit/s of frames through 84: every second they come up to 19 ms later.
    host.svnet("monitor", "start", "v", "--of", "A", "--to", "ring", "--at", "entry", "--at", "exit")
    host.vnode("A/r1").run("tc", "qdisc", "add", "dev", "eth1", "root", "tbf", "rate", "84kbit",
                           "burst", "600", "limit", "60000")
    return undisturbed(lambda: delayed(host, topo, Call("delayed", 30)))


def delayed(host, topo, call):
    with Listener(host, "v", "--bin", "1s") as listener:
        play(topo, [call])
        doc = json.loads(listener.stop())
    leaving = streams(doc, point="exit")[call.ssrc]
    bins = [b for b in leaving["bins"] if b["delay_ms"]]
    delays = [b["delay_ms"]["mean"] for b in bins]
    need(leaving["lost"] == 0 and len(bins) >= 4, f"{leaving['lost']} lost, {len(bins)} bins")
    need(all(b > a - 1 for a, b in zip(delays, delays[1:])) and delays[-1] > delays[0] + 20,
         f"delays {delays}")
    for b in bins:
        check_rating("a second", b)
    need(all(abs(b["mouth_to_ear_ms"] - (b["delay_ms"]["mean"] + b["buffer_ms"] + STEP_MS + 0.125)) < 0.01
             for b in bins), "mouth to ear is not the sum of its parts")
    return f"delay {' '.join(f'{d:.0f}' for d in delays)} ms"


@scenario("voice: nothing comes through for a while, and then no more: both are told from silence", One)
def outage(topo):
    host = topo.hosts[0]
    host.svnet("monitor", "start", "v", "--of", "A", "--to", "ring", "--at", "entry", "--at", "exit")
    vnode = host.vnode("A/r1")
    vnode.run("nft", "add table ip cut { chain c { type filter hook forward priority 0; policy accept; }; }")
    return undisturbed(lambda: cut(host, topo, vnode, Call("cut", 31)))


def cut(host, topo, vnode, call):
    vnode.run("nft", "chain ip cut c { policy accept; }")
    with Listener(host, "v", "--watch", "--bin", "500ms") as listener:
        sender = start(topo, [call])
        for wait, policy in ((1.2, "drop"), (1.3, "accept"), (1.2, "drop")):
            time.sleep(wait)
            vnode.run("nft", f"chain ip cut c {{ policy {policy}; }}")
        need(sender.wait(timeout=60) == 0, "the sender failed")
        time.sleep(1.2)
        lines = [json.loads(line) for line in listener.stop().splitlines()]
    entry = [line for line in (streams(line, point="entry").get(call.ssrc) for line in lines) if line]
    leaving = [line for line in (streams(line, point="exit").get(call.ssrc) for line in lines) if line]
    came, lost = (sum(line[name] for line in leaving) for name in ("received", "lost"))
    missed = sum(line["entry_missed"] for line in leaving)
    need(sum(line["received"] for line in entry) == PACKETS, "not all were seen at the entry")
    need(came + missed == PACKETS, f"{came} came, {missed} were missed of {PACKETS}")
    need(30 < lost < missed and any(not line["expected"] and line["entry_missed"] for line in leaving),
         f"{lost} lost of {missed}")
    tail = leaving[-1]
    need(tail["received"] == 0 and tail["mos"] is None, f"at the end {tail['received']} came")
    return f"{came} came, {lost} known to be lost by the numbers, {missed} missed"
