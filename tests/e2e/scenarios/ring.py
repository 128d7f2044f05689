# SPDX-License-Identifier: GPL-2.0-only
"""Rings and captures: files that everybody's tools read, readers that stop, disks that fill up."""
import glob
import os
import subprocess
import time

from lib import capture
from lib.account import session_counters
from lib.one import One
from lib.shell import binary, need, run, wait_for
from lib.tap import scenario
from lib.traffic import Production, Rx, Tx, marked, send
from scenarios.fidelity import same_lists

POINTS = {"{}/entry r1:eth0 in", "{}/entry r1:eth0 out", "{}/exit r1:eth1 in", "{}/exit r1:eth1 out"}
SIZES = (60, 61, 128, 300, 1514)
RING_SLOTS = 16384  # SV_TAP_SLOTS


def ring(topo, name, of="A", *more):
    topo.hosts[0].svnet("monitor", "start", name, "--of", of, "--to", "ring", *more)


def all_sizes(topo, src, dst, stream):
    return [topo.user_frame(src, dst, stream, size=size, v6=v6) for size in SIZES
            for v6 in (False, True) if size >= 80 or not v6]


@scenario("ring: a capture of everything, as tshark and capinfos see it", One)
def everything(topo):
    host, left, right = topo.hosts[0], topo.outside["left"], topo.outside["right"]
    topo.shadow()
    paths = {name: f"{topo.folders['base']}/{name}.pcapng" for name in ("ra", "rb")}
    for name, of in (("ra", "A"), ("rb", "B")):
        ring(topo, name, of)
    # B may not ask its neighbours aloud, and what it has to ask is not what is looked at here.
    for side, dev in (("left", "eth0"), ("right", "eth1")):
        for v6 in (False, True):
            host.vnode("B/r1").run("ip", "neigh", "replace", topo.address(side, v6), "lladdr",
                                   topo.outside[side].mac("u0"), "dev", dev)
    begin = time.time_ns()
    with capture.Capture(host, "ra", paths["ra"]) as ra, capture.Capture(host, "rb", paths["rb"]) as rb, \
            Rx(left, "u0", "out", write=True, marked=True) as from_left, \
            Rx(left, "u0", "in", write=True, marked=True) as to_left, \
            Rx(right, "u0", "out", write=True, marked=True) as from_right, \
            Rx(right, "u0", "in", write=True, marked=True) as to_right:
        for src, dst, stream in (("left", "right", 1), ("right", "left", 2)):
            send(topo.outside[src], "u0", all_sizes(topo, src, dst, stream), 1000, 450)
        rx = (from_left, to_left, from_right, to_right)
        for sniffer in rx:
            sniffer.stop()
        ends = [c.stop() for c in (ra, rb)]
    end = time.time_ns()
    for name, vnet, said in (("ra", "A", ends[0]), ("rb", "B", ends[1])):
        f = check_file(paths[name], {p.format(vnet) for p in POINTS})
        need(said["lost"] == 0 and said["packets"] == len(f.packets), f"{name}: {said}")
        need(len(f.packets) <= session_counters(host, name)["copied"], f"{name}: more than copied")
        need(all(begin - 1e6 < p.at_ns < end for p in f.packets), f"{name}: times of another day")
        for point, want in (("entry r1:eth0 in", from_left), ("exit r1:eth1 in", from_right),
                            ("exit r1:eth1 out", to_right), ("entry r1:eth0 out", to_left)):
            got = [p for p in f.of(f"{vnet}/{point.split()[0]}", point.split()[2]) if marked(p.data)]
            need(len(got) == 450, f"{vnet}/{point}: {len(got)} of 450 packets")
            same_lists(f"{vnet}/{point}", [q.data for q in got], want.frames)
            need({p.direction for p in got} == {1 if point.endswith("in") else 2},
                 f"{vnet}/{point}: directions {sorted({p.direction for p in got})}")
            times = [p.at_ns for p in got]
            need(times == sorted(times), f"{vnet}/{point}: times go back")
            silent = {p.comment for p in got}
            need(silent == ({"silenced: shadow"} if vnet == "B" and point.endswith("out") else {""}),
                 f"{vnet}/{point}: the gate's verdicts are {silent}")
    return f"{len(f.packets)} packets of B, {ends[0]['packets']} of A"


def check_file(path, names):
    """A finished file, by Wireshark's tools and by our own eyes."""
    f = capture.Pcapng(path)
    need(set(f.interfaces) == names and len(f.interfaces) == len(names),
         f"{path}: interfaces {f.interfaces}, not {sorted(names)}")
    text = capture.capinfos(path)
    for name in names:
        need(f"Name = {name}" in text, f"capinfos does not name {name}: {text}")
    lines = capture.tshark(path, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.len")
    need([line.split("\t")[0] for line in lines] == [p.interface for p in f.packets],
         "tshark sees other interfaces")
    need([int(line.split("\t")[1]) for line in lines] == [p.length for p in f.packets],
         "tshark sees other lengths")
    for name in f.interfaces:
        got = sum(p.interface == name for p in f.packets)
        need(f.received.get(name) == got, f"{path}: {name}: {got} packets, its statistics say "
             f"{f.received.get(name)}")
    return f


@scenario("ring: into a pipe, and files in turn", One)
def pipe_and_rotation(topo):
    host, left = topo.hosts[0], topo.outside["left"]
    ring(topo, "r", "A", "--at", "entry", "--direction", "in", "--filter", "udp dst port 7000")
    pipe = subprocess.Popen(
        host.net.argv("sh", "-c", f"{binary('svnet')} --socket {host.socket} capture r -w - | "
                      "tshark -l -n -i - -c 50 -T fields -e udp.dstport"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    frame = topo.user_frame("left", "right", 3, size=500)
    try:
        with Tx(left, "u0", frame, 500):
            stdout, stderr = pipe.communicate(timeout=30)
    finally:
        pipe.kill()
    need(stdout.split() == ["7000"] * 50, f"through a pipe: {stdout.split()[:60]} {stderr[-300:]}")
    base = f"{topo.folders['base']}/turn.pcapng"
    turning = subprocess.Popen(
        host.net.argv(binary("svnet"), "--socket", host.socket, "--json", "capture", "r", "-w", base,
                      "--rotate-size", "100k", "--packets", 1000),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for("the first file", lambda: glob.glob(f"{topo.folders['base']}/turn*"))
        sent = send(left, "u0", frame, 2000, 1000)["sent"]
        _, stderr = turning.communicate(timeout=30)
    finally:
        turning.kill()
    need(turning.returncode == 0, f"files in turn: exit {turning.returncode}: {stderr}")
    files = sorted(glob.glob(f"{topo.folders['base']}/turn*"))
    need(len(files) >= 5 and all(os.path.getsize(f) <= 100_000 for f in files),
         f"{[(os.path.basename(f), os.path.getsize(f)) for f in files]}")
    n = sum(len(check_file(f, {"A/entry r1:eth0 in"}).packets) for f in files)
    need(n == sent == 1000, f"{n} of {sent} packets in {len(files)} files")
    return f"{len(files)} files"


@scenario("ring: a stopped reader costs itself only, and every record is accounted for", One)
def stopped(topo):
    host, left = topo.hosts[0], topo.outside["left"]
    path = f"{topo.folders['base']}/stopped.pcapng"
    ring(topo, "r", "A", "--at", "entry", "--direction", "in", "--filter", "udp dst port 7000")
    ring(topo, "other", "A", "--at", "exit", "--direction", "out")
    with capture.Capture(host, "r", path) as reader:
        send(left, "u0", topo.user_frame("left", "right", 4), 2000, 500)
        reader.pause()
        with Production(topo, rate=20000) as production:
            wait_for("the ring to overflow", lambda: session_counters(host, "r")["shed-ring"] > 5000,
                     30, 0.2)
            carried = production.check("while nobody read")
        full = session_counters(host, "r")
        reader.resume()
        time.sleep(0.5)
        send(left, "u0", topo.user_frame("left", "right", 5), 2000, 500)
        time.sleep(0.2)
        said = reader.stop()
    now = session_counters(host, "r")
    f = check_file(path, {"A/entry r1:eth0 in"})
    need(now["matched"] == now["copied"] + now["shed-ring"], f"{now}")
    need(full["copied"] - 500 >= RING_SLOTS // 2, f"the rings only took {full['copied'] - 500}")
    need(len(f.packets) == now["copied"] == said["packets"],
         f"{len(f.packets)} packets in the file, {said}, {now}")
    need(said["lost"] == now["shed-ring"] == sum(f.dropped.values()),
         f"lost: the reader says {said['lost']}, the file {f.dropped}: {now}")
    need(now["shed-ring"] == full["shed-ring"], "it went on losing with its reader back")
    last = [p for p in f.packets if b"SvT1\x00\x05" in p.data]
    need(len(last) == 500, f"{len(last)} of 500 after the reader had come back")
    return f"{now['shed-ring']} shed, {now['copied']} copied, {carried} of production's carried"


@scenario("ring: a full disk ends the capture and nothing else", One)
def full_disk(topo):
    host = topo.hosts[0]
    small = f"{topo.folders['base']}/small"
    os.makedirs(small)
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small)
    ring(topo, "r", "A", "--filter", "udp port 7000")
    ring(topo, "other", "A", "--at", "entry")
    path, beside = f"{small}/full.pcapng", f"{topo.folders['base']}/beside.pcapng"
    try:
        with Production(topo, rate=2000, size=500) as production, \
                capture.Capture(host, "r", path) as full, capture.Capture(host, "other", beside) as other:
            full.wait(want=1, timeout=30)
            need("full.pcapng" in full.said and "space" in full.said, f"it says {full.said!r}")
            production.check("while a disk filled up")
            time.sleep(0.1)
            need(other.stop()["packets"] > 100, "the other capture has stopped")
        f = capture.Pcapng(path)
        need(len(f.packets) > 50, f"{len(f.packets)} packets in the file")
        need(len(capture.tshark(path)) == len(f.packets), "tshark reads another number of packets")
        need(capture.capinfos(path), "capinfos says nothing")
        with capture.Capture(host, "r", f"{topo.folders['base']}/again.pcapng") as again:
            need(again.stop()["lost"] == 0, "the session does not go on")
    finally:
        run("umount", "-l", small, check=False)
    return f"{len(f.packets)} packets fitted"


@scenario("ring: one reader a session, and it is told when its session ends", One)
def readers(topo):
    host = topo.hosts[0]
    base = topo.folders["base"]
    ring(topo, "r")
    with capture.Capture(host, "r", f"{base}/one.pcapng") as one:
        code, _, text = host.try_svnet("capture", "r", "-w", f"{base}/two.pcapng")
        need(code == 1 and text, f"a second reader: exit {code}: {text}")
        code, _, text = host.try_svnet("capture", "nobody", "-w", f"{base}/two.pcapng")
        need(code == 1 and "nobody" in text, f"a session that is not: exit {code}: {text}")
        send(topo.outside["left"], "u0", topo.user_frame("left", "right", 6), 1000, 100)
        host.svnet("monitor", "stop", "r")
        said = one.wait()
        need(said["ended"] == "stopped", f"it ended because {said}")
    need(sum(marked(p.data) for p in capture.Pcapng(f"{base}/one.pcapng").packets) == 200,
         "the last records are missing")
    ring(topo, "r")
    with capture.Capture(host, "r", f"{base}/two.pcapng") as two:
        send(topo.outside["left"], "u0", topo.user_frame("left", "right", 6), 1000, 100)
        time.sleep(0.1)
        two.stop()
    need(sum(marked(p.data) for p in capture.Pcapng(f"{base}/two.pcapng").packets) == 200,
         "a session made anew is not captured")


@scenario("ring: svnet top names the flows", One)
def top(topo):
    host, left = topo.hosts[0], topo.outside["left"]
    ring(topo, "r", "A", "--at", "entry", "--direction", "in")
    frames = [topo.user_frame("left", "right", 8, size=1000, sport=4001)] * 3 + \
             [topo.user_frame("left", "right", 8, size=100, sport=4002, v6=True)]
    with Tx(left, "u0", frames, 1000):
        time.sleep(0.2)
        text = run(*host.net.argv(binary("svnet"), "--socket", host.socket, "top", "r", "--interval",
                                  "1s", "--count", 2)).stdout
    for word in ("4001", "4002", topo.address("right"), topo.address("right", True), "7000", "A"):
        need(word in text, f"top does not name {word}: {text}")
    big = next(line for line in text.splitlines() if "4001" in line)
    small = next(line for line in text.splitlines() if "4002" in line)
    need(text.index(big) < text.index(small), f"the largest flow is not first: {text}")
