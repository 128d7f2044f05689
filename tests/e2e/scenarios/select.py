# SPDX-License-Identifier: GPL-2.0-only
"""Which packets a monitor gets: filters, points, directions, flows, and changes while they flow."""
import collections
import os
import random
import struct
import subprocess
import time

from lib import capture
from lib.account import session_counters
from lib.one import One
from lib.shell import boot_ns, need, wait_for
from lib.tap import Skip, scenario
from lib.tcp import tcp_transfer
from lib.topo import Three
from lib.traffic import (Production, Rx, Tx, csum, mac_bytes, read_pcap, send, send_gently,
                         write_pcap)
from scenarios.gate import sent_times

RTP_PORTS = range(10000, 20001)
CALLS = "/usr/share/sip-tester"


# ---- VoIP only -----------------------------------------------------------------------------------


def udp_payloads(path):
    """(source port, payload) of the UDP packets of a capture."""
    for frame in read_pcap(path):
        if frame[12:14] == b"\x08\x00" and frame[23] == 17:
            at = 14 + (frame[14] & 15) * 4
            yield frame[at + 8:14 + struct.unpack("!H", frame[16:18])[0]]


def packet(topo, src, dst, sport, dport, payload, ident):
    """A UDP packet from an outside machine to the other, through the routers."""
    net, dev = topo.outside[src], topo.outside_dev[src]
    addresses = b"".join(bytes(map(int, topo.address(s).split("."))) for s in (src, dst))
    seg = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    seg = seg[:6] + struct.pack("!H", csum(addresses + struct.pack("!HH", 17, len(seg)) + seg)
                                or 0xffff) + seg[8:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(seg), ident, 0x4000, 64, 17, 0) + addresses
    head = head[:10] + struct.pack("!H", csum(head)) + head[12:]
    return (mac_bytes(topo.gateway_mac(src)) + mac_bytes(net.mac(dev)) + b"\x08\x00" + head + seg)


def calls(topo):
    """RTP of sip-tester's calls from left to right, each call on ports of its own; and what only
    looks like it: ports beside the range, and the range in TCP and behind other protocols."""
    files = sorted(f for f in os.listdir(CALLS) if f.endswith(".pcap"))
    need(files, f"no captures in {CALLS}")
    rtp, other = [], []
    for n, name in enumerate(files):
        for payload in udp_payloads(f"{CALLS}/{name}"):
            rtp.append(packet(topo, "left", "right", 40000, 10000 + 2 * n, payload, len(rtp) + 1))
    rtp += [packet(topo, "left", "right", 40000, port, udp_payload(n), 5000 + n)
            for n, port in enumerate((10000, 20000, 15001))]
    for n, port in enumerate((9999, 20001, 53, 5060, 40001, 1)):
        other.append(packet(topo, "left", "right", 9000, port, udp_payload(n), 6000 + n))
    return rtp, other


def udp_payload(n):
    """An RTP header and some voice, for ports at the range's ends."""
    return struct.pack("!BBHII", 0x80, 0, n + 1, 160 * n, 0x5eed) + bytes(160)


def sip_calls(topo, n=10):
    """Real SIP dialogues beside it, by sipp."""
    left, right = topo.outside["left"], topo.outside["right"]
    uas = right.popen("sipp", "-sn", "uas", "-i", topo.address("right"), "-p", 5060, "-nostdin",
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=topo.folders["base"])
    try:
        wait_for("the SIP server", lambda: ":5060" in right.out("ss", "-Hlun"))
        done = left.run("sipp", "-sn", "uac", f"{topo.address('right')}:5060", "-i",
                        topo.address("left"), "-p", 5061, "-m", n, "-r", 50, "-d", 50, "-nostdin",
                        "-timeout", "20s", check=False)
        need(done.returncode == 0, f"sipp: exit {done.returncode}: {done.stdout[-300:]}")
    finally:
        uas.kill()
        uas.wait()


def rtp_of(path):
    """What tshark takes for RTP in the range of ports: (SSRC, number, length), and all the rest."""
    decode = ("-d", "udp.port==10000-20000,rtp")
    rtp = capture.tshark(path, *decode, "-Y", "rtp", "-T", "fields", "-e", "rtp.ssrc", "-e", "rtp.seq",
                         "-e", "udp.dstport", "-e", "udp.length", "-e", "ip.id")
    other = capture.tshark(path, *decode, "-Y", "not rtp")
    return collections.Counter(rtp), other


@scenario("select: VoIP only, of A and of its shadow, at the exit", Three)
def voip(topo):
    if not os.path.isdir(CALLS):
        raise Skip(f"{CALLS} is not there: install sip-tester")
    first, h3 = topo.hosts[0], topo.hosts[2]
    left, right = topo.outside["left"], topo.outside["right"]
    right.run("nft", "add rule inet t in udp dport != 5060 drop")
    topo.shadow()
    for name, of in (("va", "A"), ("vb", "B")):
        first.svnet("monitor", "start", name, "--of", of, "--filter", "udp portrange 10000-20000",
                    "--at", "exit", "--direction", "out", "--to", f"Voip:{name}")
    moni = h3.vnode(f"Voip/{h3.name}")
    rtp, other = calls(topo)
    mixed = rtp + other
    random.Random(3).shuffle(mixed)
    # The shadow has to know its neighbour before the first packet counts.
    h3.vnode("B/r3").run("ip", "neigh", "replace", topo.address("right"), "lladdr", right.mac("u0"),
                         "dev", "eth1")
    rx = {name: Rx(moni, name, write=True) for name in ("va", "vb")}
    with Production(topo, rate=200) as production:
        send(left, "u0", mixed, 1000)
        sip_calls(topo)
        tcp_transfer(left, right, [topo.address("right")], 300_000)
        left.run("ping", "-c3", "-i0.05", topo.address("right"))
        production.check("beside the calls")
    sent = write_pcap(f"{topo.folders['base']}/sent.pcap", rtp)
    want, nothing = rtp_of(sent)
    need(sum(want.values()) == len(rtp) and not nothing,
         f"tshark takes {sum(want.values())} of {len(rtp)} packets for RTP, and not {nothing[:3]}")
    for name, sniffer in rx.items():
        sniffer.stop(0.5)
        path = write_pcap(f"{topo.folders['base']}/{name}.pcap", sniffer.frames)
        got, rest = rtp_of(path)
        need(not rest, f"{name}: {len(rest)} packets that are no RTP, first {rest[:1]}")
        need(got == want, f"{name}: {sum(got.values())} RTP packets of {len(rtp)}; "
             f"missing {list((want - got).items())[:3]}, too many {list((got - want).items())[:3]}")
        counters = session_counters(h3, name)
        need(counters["matched"] == counters["copied"] == len(rtp), f"{name}: {counters}")
    return f"{len(rtp)} RTP packets among SIP, TCP, pings and other UDP, in A's and B's copies"


# ---- points and directions -----------------------------------------------------------------------


@scenario("select: points and directions", Three)
def points(topo):
    """Sessions beside one another; each sees its own points, in its own direction."""
    first = topo.hosts[0]
    right = topo.outside["right"]
    # name, points, direction, on which host its copies arrive, packets from left, from right
    table = (("p1", ["entry"], "in", 0, 1, 0),
             ("p2", ["entry"], "out", 0, 0, 1),
             ("p3", ["r1:eth1"], "both", 0, 1, 1),
             ("p4", ["l23"], "in", 1, 0, 1),
             ("p5", ["l23"], "in", 2, 1, 0),
             ("p6", ["exit", "r3:eth0"], "both", 2, 2, 2))
    for name, at, direction, *_ in table:
        if name != "p5":  # the same session on another host
            first.svnet("monitor", "start", name, "--of", "A", "--direction", direction, "--to", "M",
                        *[a for p in at for a in ("--at", p)])
    rx = []
    for name, _, _, host, *counts in table:
        dev = "p4" if name == "p5" else name
        rx.append((name, Rx(topo.hosts[host].vnode(f"M/{topo.hosts[host].name}"), dev), counts))
    n = {"left": 300, "right": 150}
    for stream, src, dst in ((1, "left", "right"), (2, "right", "left")):
        receivers = [(topo.hosts[host].vnode(f"M/{topo.hosts[host].name}"),
                      "p4" if name == "p5" else name, counts[stream - 1])
                     for name, _, _, host, *counts in table]
        send_gently(topo.outside[src], "u0", topo.user_frame(src, dst, stream), 1000, n[src],
                    receivers)
    for name, sniffer, counts in rx:
        for stream, side in ((1, "left"), (2, "right")):
            got, times = sniffer.stream(stream)["received"], counts[stream - 1]
            need(got == times * n[side],
                 f"{name}: {got} copies of the {n[side]} from {side}, {times} times each were asked for")


# ---- what is refused -------------------------------------------------------------------------------


@scenario("select: what cannot be done is refused with a reason", One)
def refused(topo):
    first = topo.hosts[0]
    maps = first.dump_config()

    def no(*words, args, code=1):
        got, _, text = first.try_svnet("monitor", "start", "no", "--of", "A", *args)
        need(got == code, f"{args}: exit {got} instead of {code}: {text}")
        for word in words:
            need(word in text, f"{args}: nothing about {word!r} in: {text}")
    no("vlan", args=["--filter", "vlan 5 and udp"])
    no("tag", args=["--filter", "udp or vlan"])
    no("filter", args=["--filter", "udp portrange"])
    no("filter", args=["--filter", "no such word"])
    no("sample", args=["--sample", "packets/0"])
    no("sample", args=["--sample", "some/10"])
    no("snap", args=["--snap", "20"])
    no("budget", args=["--budget", "fast"])
    no("nowhere", args=["--at", "nowhere"])
    need(first.dump_config() == maps, "what was refused changed the maps")
    for n in range(4):
        first.svnet("monitor", "start", f"s{n}", "--of", "A", "--to", "ring", "--priority", n)
    before = first.dump_config()
    no("s0", "s3", args=["--to", "ring"])
    need(first.dump_config() == before, "the fifth session changed the maps")
    first.svnet("monitor", "stop", "s2")
    first.svnet("monitor", "start", "no", "--of", "A", "--to", "ring")


# ---- changes under load ----------------------------------------------------------------------------


@scenario("select: a session on a running flow copies from the next packet on", One)
def running(topo):
    first = topo.hosts[0]
    left = topo.outside["left"]
    first.svnet("monitor", "start", "first", "--of", "A", "--to", "M:first", "--at", "exit",
                "--direction", "in")
    moni = first.vnode(f"M/{first.name}")
    with Rx(left, "u0", "out", write=True, marked=True) as out, \
            Rx(topo.outside["right"], "u0") as rx, \
            Tx(left, "u0", topo.user_frame("left", "right", 7), 1000, cpu=1, fifo=True) as tx:
        time.sleep(0.2)
        first.svnet("monitor", "start", "next", "--of", "A", "--filter", "udp dst port 7000", "--to",
                    "M:next", "--at", "entry", "--direction", "in", "--priority", "1")
        since = boot_ns()
        time.sleep(0.05)
        # Its interface is as new as the session: what it is given before somebody looks is known
        # from its own counter.
        with Rx(moni, "next", write=True, marked=True) as copy:
            seen_from = boot_ns()
            time.sleep(1)
            tx.stop()
            copy.stop()
            out.stop()
        arrived = rx_packets(moni, "next")
        sent, got = sent_times(out.frames, 7), sent_times(copy.frames, 7)
        after = [n for n, at in sorted(sent.items()) if at >= since]
        looked = [n for n, at in sorted(sent.items()) if at >= seen_from]
        need(len(looked) > 500, f"only {len(looked)} packets were sent after it")
        need(sorted(got)[-len(looked):] == looked,
             f"{len(set(looked) - set(got))} of {len(looked)} packets were not copied")
        need(arrived >= len(after), f"{len(after)} packets were sent after the command had returned, "
             f"only {arrived} copies came")
        need(session_counters(first, "next")["copied"] == arrived, "a copy was lost on its way")
        need(rx.stream(7)["unique"] == tx.result["sent"] == len(sent), "production lost packets")
    return f"{len(after)} packets after it, all copied"


def rx_packets(net, dev):
    import json
    text = net.out("ip", "-j", "-s", "link", "show", "dev", dev)
    return json.loads(text)[0]["stats64"]["rx"]["packets"]


CHANGES = 200
# The last bit of the number in the mark (tools/probe.h): every packet is seen by just one of them.
EVEN, ODD = ("udp dst port 7000 and udp[17] & 1 = 0", "udp dst port 7000 and udp[17] & 1 = 1")


@scenario("select: a filter changed 200 times under load: each packet meets the old or the new", One)
def changed(topo):
    first = topo.hosts[0]
    left, right = topo.outside["left"], topo.outside["right"]
    rounds = CHANGES if topo.options.rounds >= 20 else 50
    path = f"{topo.folders['base']}/changed.pcapng"
    first.svnet("monitor", "start", "m", "--of", "A", "--filter", EVEN, "--at", "entry", "--direction",
                "in", "--to", "ring")
    with Rx(right, "u0") as rx, capture.Capture(first, "m", path) as capturing:
        with Tx(left, "u0", topo.user_frame("left", "right", 9), 4000, cpu=1, fifo=True) as tx:
            time.sleep(0.1)
            for n in range(rounds):
                first.svnet("monitor", "update", "m", "--filter", EVEN if n % 2 else ODD)
            time.sleep(0.1)
            sent = tx.stop()["sent"]
        time.sleep(0.1)
        capturing.stop()
        production = rx.stream(9)
    need(production["unique"] == sent and not production["duplicated"] + production["reordered"],
         f"production: {sent} sent, {production}")
    numbers = [struct.unpack_from("!I", p.data, p.data.find(b"SvT1") + 6)[0]
               for p in capture.Pcapng(path).packets]
    need(len(numbers) == len(set(numbers)), "a packet was copied twice")
    need(numbers == sorted(numbers), "copies came out of order")
    seen = set(numbers)
    # A packet that was copied met the filter of its own kind, one that was not met the other.
    met = [(n & 1) if n in seen else 1 - (n & 1) for n in range(sent)]
    changes = sum(a != b for a, b in zip(met, met[1:]))
    counters = session_counters(first, "m")
    need(counters["matched"] == counters["copied"] == len(numbers),
         f"{len(numbers)} copies came: {counters}")
    need(met[0] == 0 and met[-1] == rounds % 2 and changes == rounds,
         f"{rounds} changes were made, the packets tell of {changes}")
    return f"{rounds} changes, {sent} packets, {len(numbers)} copies"


# ---- flows -----------------------------------------------------------------------------------------


FLOWS = 2000


def flow_frames(topo, src, dst, ports):
    """A marked frame of each flow; both directions of a flow have the same number."""
    frames = [bytearray(topo.user_frame(src, dst, 1000, v6=v6, sport=7000, dport=7000))
              for v6 in (False, True)]
    for n, port in enumerate(ports):
        frame = frames[n % 4 == 3]
        at = (54 if n % 4 == 3 else 34) + (0 if src == "left" else 2)
        yield bytes(frame[:at] + port.to_bytes(2, "big") + frame[at + 2:])


def flows_of(frames):
    """Flows of captured frames: the port that is not 7000, and the family."""
    flows = set()
    for f in frames:
        at = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(f[12:14])
        if at and b"SvT1" in f[:256]:
            ports = struct.unpack_from("!HH", f, at)
            flows.add((f[12:14], ports[0] if ports[1] == 7000 else ports[1]))
    return flows


@scenario("select: flow sampling picks the same flows on two hosts, both ways", Three)
def flows(topo):
    first, _, h3 = topo.hosts
    first.svnet("monitor", "start", "f", "--of", "A", "--sample", "flows/16", "--at", "entry", "--at",
                "exit", "--direction", "both", "--filter", "udp port 7000")
    ports = random.Random(5).sample([p for p in range(20000, 60000)], FLOWS)
    for side in ("left", "right"):
        topo.outside[side].run("nft", "add rule inet t in udp sport 7000 drop")
    rx = [Rx(h.vnode(f"f/{h.name}"), "f", write=True) for h in (first, h3)]
    send(topo.outside["left"], "u0", list(flow_frames(topo, "left", "right", ports)), 2000, 2 * FLOWS)
    send(topo.outside["right"], "u0", list(flow_frames(topo, "right", "left", ports)), 2000, FLOWS)
    for sniffer in rx:
        sniffer.stop(0.5)
    one, two = (flows_of(s.frames) for s in rx)
    need(one and one == two, f"{len(one)} flows at the entry, {len(two)} at the exit, "
         f"{len(one ^ two)} of them only at one")
    need(0.75 < len(one) * 16 / FLOWS < 1.25, f"{len(one)} of {FLOWS} flows were chosen, 1/16 wanted")
    for host, sniffer in zip((first, h3), rx):
        n = sum(b"SvT1" in f[:256] for f in sniffer.frames)
        need(n == 3 * len(one), f"{host.name}: {n} copies of {len(one)} flows, 3 packets each")
        counters = session_counters(host, "f")
        need(counters["matched"] == 3 * FLOWS and counters["copied"] == n, f"{counters}")
    return f"{len(one)} of {FLOWS} flows, the same at both ends and in both directions"
