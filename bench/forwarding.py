#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Forwarding rates of svnet against the kernel's own ways, on one CPU, in interleaved rounds.

testbed.py says what the devices are, ways.py who forwards, targets.py what is asked. See README.md.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

import ways
from targets import MANY, Results, bridge_of, judge, name_of, ratio
from testbed import IN_MAC, SINK_IP, SINK_MAC, SRC_IP, SRC_MAC, Lab, run
from ways import COPIES

CPU = 1
IN_VLAN, FIRST_VLAN = 100, 1
BUDGET = 540  # seconds: a round that would end later is not begun, but there are three at least
# ---- rows ----------------------------------------------------------------------------------------

PEERS = {"bridge": ways.Bridge, "mirred": ways.Mirred, "nft": ways.Nft, "route": ways.Route,
         "drop": ways.Drop, "tc": ways.Svnet, "xdp": ways.Svnet, "bare": ways.Bare,
         "bridge-plain": ways.PlainBridge, "mirred-plain": ways.PlainMirred}
DATAPATHS = ("drop", "bare", "route", "bridge", "bridge-plain", "mirred", "mirred-plain", "nft",
             "tc", "xdp")
# Measured for comparison, beside the rows proper.
REFERENCES = ("bare", "bridge-plain", "mirred-plain")
# Measured with every path and tag.
PLAIN_COPIES = ("none", "monitor", "shadow", "both")


def selected(path, datapath, copies, tag, size):
    """Of the rows with sessions that select: rings, filters, a monitor with tcpdump."""
    if path != "wire" or tag != "same" or (copies.startswith("filter") and size != 64):
        return False
    if datapath.startswith("mirred"):
        return copies == "tcpdump"
    return datapath in ("tc", "xdp")


def meaningful(path, datapath, copies, tag, size):
    if copies not in PLAIN_COPIES:
        return selected(path, datapath, copies, tag, size)
    if datapath in ("drop", "route"):
        return path == "wire" and copies == "none" and tag == "same"
    if datapath.startswith("bridge"):
        return copies == "none" and tag == "same"
    if datapath.startswith("mirred"):
        return copies != "none" and tag == "same"
    if datapath in ("nft", "bare"):
        return tag == "same"
    # A shadow gets its copies at an edge; what a trunk brings for an edge is one VNet's alone.
    return not (path == "wire" and tag == "pop" and copies in ("shadow", "both"))


def forwarding_rows():
    rows = []
    for size in (64, 1518):
        for path in ("wire", "vnode"):
            for tag in ("same", "push", "pop"):
                for copies in COPIES:
                    for datapath in DATAPATHS:
                        if meaningful(path, datapath, copies, tag, size):
                            rows.append({"path": path, "datapath": datapath, "copies": copies,
                                         "tag": tag, "size": size})
    return rows


def many_rows():
    base = {"path": "wire", "datapath": "xdp", "copies": "none", "tag": "same", "size": 64}
    return [base | {"many": 2, "vlans": 1}, base | {"many": MANY, "vlans": 1},
            base | {"many": 2, "vlans": 2}, base | {"many": MANY, "vlans": MANY}]


def tcp_rows():
    return [{"path": path, "datapath": datapath}
            for path in ("through", "from") for datapath in ("bridge", "bridge-plain", "tc", "xdp")]


def dut_of(lab, row):
    """svnet changes its attachments from row to row; every other way is set up once for each."""
    if "size" not in row:
        kind = "svnet" if row["datapath"] in ("tc", "xdp") else row["datapath"]
        name, args = f"tcp {kind}", dict(path="vnode", hosts=True)
    elif row["datapath"] in ("tc", "xdp"):
        name, args = "svnet", dict(path="vnode")
    else:
        name = f"{row['datapath']} {row['path']} {row['copies']}"
        args = dict(path=row["path"], copies=row["copies"])
    return lab.duts.get(name) or PEERS[row["datapath"]](lab, name, **args)


# ---- measuring ---------------------------------------------------------------------------------


def frame_len(row, tagged):
    """Sizes are as on the wire, with the check sequence; a long frame's tag comes on top."""
    return row["size"] - 4 + (4 if tagged and row["size"] > 1500 else 0)


def send(lab, dut, row, seconds):
    tagged = row["tag"] == "pop" or row.get("many")
    vlan = ["--vid", str(FIRST_VLAN if row.get("many") else IN_VLAN),
            "--vlans", str(row.get("vlans", 1))] if tagged else []
    to_router = row["path"] == "vnode" or row["datapath"] == "route"
    counted = ("d1",) + COPIES[row["copies"]].devices
    out = json.loads(run(
        lab.gen, "send", dut.source_dev, "--len", str(frame_len(row, tagged)),
        "--seconds", str(seconds), "--cpu", str(CPU), "--src", SRC_MAC,
        "--dst", IN_MAC if to_router else SINK_MAC, "--saddr", SRC_IP, "--daddr", SINK_IP, *vlan,
        *[arg for dev in counted for arg in ("--count", dut.counters[dev])], ns=dut.source))
    forwarded = out["counted"][0]
    if not forwarded:
        sys.exit(f"bench: {name_of(row)}: nothing was forwarded of {out['attempted']}")
    for dev, n in zip(counted[1:], out["counted"][1:]):
        if n < 0.99 * forwarded:
            row.setdefault("notes", set()).add(f"copies to {dev} were lost")
    return forwarded / out["seconds"] / 1000


def measure_forwarding(lab, row, seconds):
    dut = dut_of(lab, row)
    dut.prepare(row)
    watch = COPIES[row["copies"]].watcher
    if not watch:
        return send(lab, dut, row, seconds)
    watcher = watch(dut)
    try:
        kpps = send(lab, dut, row, seconds)
    finally:
        watcher.stop()
    row["lost"] = row.get("lost", 0) + watcher.lost
    row.setdefault("notes", set()).update(watcher.notes)
    return kpps


def measure_tcp(lab, row, seconds):
    dut = dut_of(lab, row)
    dut.prepare(row | {"path": "vnode", "tag": "same", "copies": "none"})
    server = subprocess.Popen(["nsenter", f"--net=/run/netns/{dut.far}", "iperf3", "-s", "-1", "-A",
                               "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_listening(dut.far)
        client = dut.source if row["path"] == "through" else dut.vnode
        out = json.loads(run("iperf3", "-c", SINK_IP, "-J", "-A", str(CPU), "-t", str(seconds),
                             ns=client))
        server.wait(timeout=10)
    finally:
        server.kill()
        server.wait()
    return out["end"]["sum_received"]["bits_per_second"] / 1e9


def wait_listening(ns):
    for _ in range(100):
        if run("ss", "-Hltn", "sport", "=", "5201", ns=ns).strip():
            return
        time.sleep(0.02)
    sys.exit("bench: iperf3 does not listen")


def spread(values):
    return {"min": round(min(values), 2), "median": round(statistics.median(values), 2),
            "max": round(max(values), 2)}


# ---- the report ---------------------------------------------------------------------------------


def print_table(rows):
    print(f"\n{'size':>5} {'path':6} {'copies':8} {'tag':5} {'datapath':12} "
          f"{'kpps':>8} {'min':>8} {'max':>8}  / bridge")
    res = Results(rows)
    for row in rows:
        if "size" not in row or row.get("many"):
            continue
        s, base = spread(row["seen"]), ratio(row["seen"], bridge_of(res, row))
        print(f"{row['size']:5} {row['path']:6} {row['copies']:8} {row['tag']:5} "
              f"{row['datapath']:12} {s['median']:8.0f} {s['min']:8.0f} {s['max']:8.0f}  "
              f"{f'{base:5.2f}' if base else '    -'}  {', '.join(sorted(row.get('notes', ())))}")
    for row in rows:
        if row.get("many"):
            s = spread(row["seen"])
            print(f"{row['many']:5} attachments, traffic on {row['vlans']:4}: {s['median']:8.0f} "
                  f"{s['min']:8.0f} {s['max']:8.0f} kpps")
    for row in rows:
        if "size" not in row:
            s = spread(row["seen"])
            print(f"  tcp {row['path']:8} {row['datapath']:12} {s['median']:8.2f} {s['min']:8.2f} "
                  f"{s['max']:8.2f} Gbit/s")


def print_targets(ratios):
    print()
    for name, r in ratios.items():
        if r["target"]:
            print(f"target {name} {r['target']}: seen {r['seen']:.2f} "
                  f"{'ok' if r['ok'] else 'MISSED'}")
    print()
    for name, r in ratios.items():
        if not r["target"]:
            print(f"for proportion: {name}: {r['seen']:.2f}")
    missed = [name for name, r in ratios.items() if r["ok"] is False]
    aims = sum(1 for r in ratios.values() if r["target"])
    print(f"\n{aims - len(missed)} of {aims} targets reached")
    for name in missed:
        print(f"MISSED: {name} {ratios[name]['target']}: {ratios[name]['seen']:.2f}")


def write_report(path, rows, ratios):
    keys = ("path", "datapath", "copies", "tag", "size")
    forwarding = [{k: row[k] for k in keys} | {"kpps": spread(row["seen"])}
                  for row in rows if "size" in row and not row.get("many")]
    tcp = [{"path": row["path"], "datapath": row["datapath"], "gbit": spread(row["seen"])}
           for row in rows if "size" not in row]
    report = {
        "rows": [row for row in forwarding if row["datapath"] not in REFERENCES],
        "tcp": [row for row in tcp if row["datapath"] not in REFERENCES],
        "ratios": ratios,
        "references": [row for row in forwarding + tcp if row["datapath"] in REFERENCES],
    }
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(report, f, indent=1)
        f.write("\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", 6)))
    parser.add_argument("--seconds", type=float,
                        default=float(os.environ.get("BENCH_SECONDS", 0.25)))
    parser.add_argument("--only", default="", help="rows whose name matches this expression")
    return parser.parse_args()


def measure_all(lab, rows, args):
    for row in rows:
        row["seen"] = []
        dut_of(lab, row)
    started = time.time()
    for i in range(args.rounds):
        for row in (row for row in rows if "size" in row):
            row["seen"].append(measure_forwarding(lab, row, args.seconds))
        lab.stop_planes()
        for row in (row for row in rows if "size" not in row):
            row["seen"].append(measure_tcp(lab, row, max(1, round(4 * args.seconds))))
        lab.stop_planes()
        took = time.time() - started
        print(f"round {i + 1} of {args.rounds}, {took:.0f} s", flush=True)
        if i >= 2 and took * (i + 2) / (i + 1) > BUDGET:
            print("no more rounds: the machine is busy, and the bench is to end within 10 minutes")
            break


def main():
    args = arguments()
    # SIGTERM must also remove what was made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))
    rows = [row for row in forwarding_rows() + many_rows() + tcp_rows()
            if re.search(args.only, name_of(row))]
    lab = Lab(os.path.abspath(args.build))
    try:
        measure_all(lab, rows, args)
    finally:
        lab.remove()
    print_table(rows)
    ratios = judge(Results(rows))
    print_targets(ratios)
    write_report(f"{args.build}/bench/forwarding.json", rows, ratios)


if __name__ == "__main__":
    main()
