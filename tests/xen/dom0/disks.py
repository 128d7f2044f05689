# SPDX-License-Identifier: GPL-2.0-only
"""A domain cloned while it writes to its disk: a disk for each of the two, both consistent."""
import hashlib
import os
import re

import domains
from chain import DOM0, Chain, router
from lib import topo
from lib.shell import need, out, run, wait_for
from lib.tap import scenario

FOLDER = "/tmp/svdisks"
GROUP = "svdisks"  # of volumes
SIZE_MIB = 64


class Writer(Chain):
    """Dom0 alone: VNet A = w, a domain behind the edge e1 that writes files to xvda for ever."""

    def __init__(self, prefix, datapath):
        self.second = f"{prefix}2"
        self.undo = []
        self.old = {}
        topo.Topo.__init__(self, prefix, 2)
        self.edge(self.hosts[0], "e1", "left", ["10.1.0.100/24"])
        self.base_network = {
            "version": 1,
            "hosts": {DOM0: {"ports": {"e1": {"role": "edge"}}}},
            "vnets": {}, "groups": {},
        }

    def pings(self):
        return [(self.outside["left"], "10.1.0.1")]

    def up(self):
        self.hosts = self.hosts[:1]
        self.start_agents()

    def reset(self):
        """Every scenario brings a disk and a domain of its own."""
        self.apply(self.base_network)
        for command in reversed(self.undo):
            run(*command, check=False)
        self.undo = []
        self.old = {v: len(self.said(v)) for v in ("A/w", "B/w")}

    def said(self, vnode):
        """What a VNode's console has, of all the domains that bore its name."""
        name = self.domain_name(vnode)
        return domains.console(name) if os.path.exists(f"{domains.LOGS}/guest-{name}.log") else ""

    def console(self, vnode):
        return self.said(vnode)[self.old.get(vnode, 0):]

    def destroy(self):
        super().destroy()
        for command in reversed(self.undo):
            run(*command, check=False)
        self.undo = []

    def with_undo(self, command, *undo):
        run(*command)
        self.undo.append(undo)

    # ---- where disks can be ----------------------------------------------------------------------

    def file_system(self, kind):
        """A folder on a file system of its own."""
        os.makedirs(FOLDER, exist_ok=True)
        run("truncate", "-s", "512M", f"/tmp/{kind}.img")
        self.undo.append(("rm", "-rf", f"/tmp/{kind}.img", FOLDER))
        run(f"mkfs.{kind}", "-q", f"/tmp/{kind}.img")
        self.with_undo(["mount", "-o", "loop", f"/tmp/{kind}.img", FOLDER], "umount", FOLDER)
        return FOLDER

    def volume(self):
        """A logical volume in a group with room for a snapshot."""
        run("truncate", "-s", "256M", "/tmp/lvm.img")
        self.undo.append(("rm", "-f", "/tmp/lvm.img"))
        loop = out("losetup", "--find", "--show", "/tmp/lvm.img").strip()
        self.undo.append(("losetup", "-d", loop))
        self.with_undo(["vgcreate", "-y", GROUP, loop], "vgremove", "-ff", "-y", GROUP)
        run("lvcreate", "-y", "-L", f"{SIZE_MIB}M", "-n", "disk", GROUP)
        return f"/dev/{GROUP}/disk"

    # ---- the writer ------------------------------------------------------------------------------

    def write_on(self, disk):
        """A applied, writing to `disk`."""
        # How long it stands still is for network.py to judge.
        vnode = router("w", ["10.1.0.1/24"], [], disks=[disk], memory=128, pause_limit_ms=60000)
        vnode["xen"]["cmdline"] += " sv.disk=ext4"
        network = self.network()
        network["vnets"]["A"] = {
            "vnodes": {"w": vnode}, "links": {},
            "edges": {"entry": {"port": f"{DOM0}:e1", "ends": ["w:eth0"]}}}
        network["groups"]["web"] = {"production": "A"}
        self.apply(network)
        wait_for("the guest to mount its disk", lambda: "SVNET-DISK" in self.console("A/w"), 150, 0.3)
        wait_for("the guest to write", lambda: self.wrote("A/w")[-1:] > [5], 60, 0.2)

    def wrote(self, vnode):
        """The numbers that a guest said its disk has."""
        return [int(n) for n in re.findall(r"SVNET-WROTE (\d+)\n", self.console(vnode))]

    def pause_ms(self, vnode):
        row = self.hosts[0].vnode_row(vnode)
        return (row.get("xen") or row.get("detail"))["pause_ms"]


def make_file(path):
    run("truncate", "-s", f"{SIZE_MIB}M", path)
    make_ext4(path)
    return path


def make_ext4(path):
    run("mkfs.ext4", "-q", "-F", "-b", "1024", path)


# ---- what is on a disk ---------------------------------------------------------------------------

def taken(topology, vnode, path):
    """A copy of a disk at an instant at which its guest stands still, as a failure of its power leaves it."""
    copy = "/tmp/svdisks.copy"
    topology.hosts[0].svnet("vnode", "pause", vnode)
    run("sync")
    run("dd", f"if={path}", f"of={copy}", "bs=1M", "conv=sparse")
    topology.hosts[0].svnet("vnode", "resume", vnode)
    return copy


def judge(path, name, least):
    """The journal replayed, nothing is wrong, every file is there that the guest said was written, and of the two
    that say their names only this one. Returns the last number."""
    run("e2fsck", "-E", "journal_only", "-y", path, check=False)
    checked = run("e2fsck", "-f", "-n", path, check=False)
    need(checked.returncode == 0, f"{path}: {checked.stdout[-400:]}")
    rows = [line.split() for line in content(path, "/numbers").decode().splitlines()]
    numbers = [int(row[0]) for row in rows]
    need(numbers == list(range(1, len(numbers) + 1)), f"{path}: numbers are missing: {numbers}")
    need(numbers[-1:] >= [least], f"{path} ends with {numbers[-1:]}, and the guest had said {least}")
    for number, want in ((int(row[0]), row[1]) for row in rows[-6:]):
        data = content(path, f"/file{number % 8}")
        need(number > least or hashlib.md5(data).hexdigest() == want, f"{path}: file {number} is not what was written")
    for other in "ab":
        need(has(path, f"/only-{other}") == (other == name), f"the disk of {name}: what only {other} wrote")
    return numbers[-1]


def content(path, name):
    dump = "/tmp/svdisks.dump"
    run("debugfs", "-R", f"dump {name} {dump}", path)
    with open(dump, "rb") as f:
        data = f.read()
    os.unlink(dump)
    return data


def has(path, name):
    return "Inode:" in out("debugfs", "-R", f"stat {name}", path)


def clone_and_judge(topology, disk):
    """Cloned, both write on, each says its name on its own disk; then what the two disks hold."""
    host = topology.hosts[0]
    topology.write_on(disk)
    before = topology.wrote("A/w")[-1]
    host.svnet("--timeout", "240s", "shadow", "start", "B", "--of", "A", timeout=260)
    wait_for("the clone to write", lambda: len(topology.wrote("B/w")) > 3, 200, 0.5)
    first = topology.wrote("B/w")[0]
    need(first > before, f"the clone began with {first}, and its original had written {before}")
    topology.tell("A/w", "echo a >/disk/only-a; sync; echo done-$((4+4))")
    topology.tell("B/w", "echo b >/disk/only-b; sync; dmesg | grep -i error; echo done-$((4+4))")
    for vnode in ("A/w", "B/w"):
        wait_for(f"{vnode} to say its name", lambda v=vnode: "done-8" in topology.console(v), 60, 0.5)
        need("EXT4-fs error" not in topology.console(vnode), f"{vnode}: {topology.console(vnode)[-400:]}")
    pause = topology.pause_ms("B/w")
    need(pause > 0, f"the pause was {pause} ms")
    own = f"{disk['path']}.svnet-B-w"
    need(os.path.exists(own), f"the clone has no {own}")
    last = {}
    for vnode, path in (("A/w", disk["path"]), ("B/w", own)):
        last[vnode] = judge(taken(topology, vnode, path), vnode[0].lower(), topology.wrote(vnode)[-1])
    host.svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)
    wait_for("the clone's disk to go", lambda: not os.path.exists(own), 30, 0.2)
    topology.ready()
    return f"cloned after {first - 1}, pause {pause:.0f} ms; both wrote on, to {last}"


@scenario("disks: a file is cloned by reference while its guest writes", Writer, ("auto",))
def reflink(topology):
    path = make_file(topology.file_system("xfs") + "/disk.img")
    return clone_and_judge(topology, {"path": path, "device": "xvda", "snapshot": "reflink"})


@scenario("disks: a volume is cloned by an LVM snapshot while its guest writes", Writer, ("auto",))
def lvm(topology):
    path = topology.volume()
    make_ext4(path)
    return clone_and_judge(topology, {"path": path, "device": "xvda", "format": "lvm", "snapshot": "lvm"})


@scenario("disks: what cannot be cloned is refused before production stands still", Writer, ("auto",))
def refused(topology):
    path = make_file("/tmp/svdisks.img")
    topology.undo.append(("rm", "-f", path))
    disk = {"path": path, "device": "xvda", "snapshot": "reflink"}
    topology.write_on(disk)
    before = len(topology.wrote("A/w"))
    for how, why in (("none", "cannot be cloned: say how"), ("reflink", "cannot clone files"),
                     ("lvm", "is no logical volume")):
        override = {"vnodes": {"w": {"xen": {"disks": [{**disk, "snapshot": how}]}}}}
        code, _, text = topology.hosts[0].try_svnet("--timeout", "60s", "shadow", "start", "B", "--of", "A",
                                                    "--override", topology.write(override, "override.json"))
        need(code and why in text, f"{how}: exit {code}: {text[-300:]}")
        topology.hosts[0].svnet("shadow", "finish", "web")
    need(not os.path.exists(f"{path}.svnet-B-w"), "a half-made disk is left")
    need(topology.wrote("A/w")[-1] > before, "production stopped")
    topology.ready()
