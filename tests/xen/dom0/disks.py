# SPDX-License-Identifier: GPL-2.0-only
"""A domain cloned while it writes to its disks: disks for each of the two, all of them consistent."""
import hashlib
import os
import re

import domains
from chain import DOM0, Chain, router
from lib import topo
from lib.shell import need, out, run, wait_for
from lib.tap import scenario

FOLDER = "/tmp/svdisks"  # on XFS
FILE, IMAGE, FIXED = f"{FOLDER}/disk.img", f"{FOLDER}/disk.qcow2", "/tmp/svdisks.fixed"
GROUP = "svdisks"  # of volumes
VOLUME = f"/dev/{GROUP}/disk"
SIZE_MIB = 32
SHIM = "/usr/local/sbin/lvcreate"

DISKS = [{"path": FILE, "device": "xvda", "snapshot": "reflink"},
         {"path": VOLUME, "device": "xvdb", "format": "lvm", "snapshot": "lvm"},
         {"path": IMAGE, "device": "xvdc", "format": "qcow2", "snapshot": "reflink"},
         {"path": FIXED, "device": "xvdd", "readonly": True}]
WRITTEN = DISKS[:3]


def own(disk):
    """Where the copy is that the clone B/w has of a disk."""
    return f"{disk['path']}.svnet-B-w"


class Writer(Chain):
    """Dom0 alone: VNet A = w behind the edge e1, which writes files to its disks for ever."""

    def __init__(self, prefix, datapath):
        self.second = f"{prefix}2"
        self.undo = []
        self.old = {}
        topo.Topo.__init__(self, prefix, 2)
        self.old = {v: len(self.console(v)) for v in ("A/w", "B/w")}
        self.edge(self.hosts[0], "e1", "left", ["10.1.0.100/24"])
        # How long it stands still is for network.py to judge.
        vnode = router("w", ["10.1.0.1/24"], [], disks=DISKS, memory=128, pause_limit_ms=60000)
        # File systems take more memory than routes do.
        vnode["xen"]["cmdline"] = vnode["xen"]["cmdline"].replace("sv.memory=84", "sv.memory=104") + \
            " sv.disk=" + ",".join(d["device"] for d in WRITTEN)
        self.base_network = {
            "version": 1,
            "hosts": {DOM0: {"ports": {"e1": {"role": "edge"}}}},
            "vnets": {"A": {"vnodes": {"w": vnode}, "links": {},
                            "edges": {"entry": {"port": f"{DOM0}:e1", "ends": ["w:eth0"]}}}},
            "groups": {"web": {"production": "A"}},
        }

    def pings(self):
        return [(self.outside["left"], "10.1.0.1")]

    def up(self):
        self.hosts = self.hosts[:1]
        self.make_disks()
        super().up()
        wait_for("the guest to write", lambda: self.wrote("A/w")[-1:] > [3], 200, 0.5)
        for disk in WRITTEN:
            need(f"SVNET-DISK {disk['device']}" in self.console("A/w"), f"the guest has no {disk}")

    def reset(self):
        """A goes on as it is; B, if it is there, was not to."""
        if "B" in self.hosts[0].vnets():
            self.hosts[0].svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)

    def destroy(self):
        super().destroy()
        for command in reversed(self.undo):
            run(*command, check=False)
        self.undo = []

    # ---- where disks are -------------------------------------------------------------------------

    def with_undo(self, command, *undo):
        said = out(*command)
        self.undo.append(undo)
        return said

    def make_disks(self):
        os.makedirs(FOLDER, exist_ok=True)
        self.with_undo(["truncate", "-s", "400M", "/tmp/xfs.img"], "rm", "-rf", "/tmp/xfs.img", FOLDER)
        run("mkfs.xfs", "-q", "/tmp/xfs.img")
        self.with_undo(["mount", "-o", "loop", "/tmp/xfs.img", FOLDER], "umount", FOLDER)
        self.with_undo(["truncate", "-s", "128M", "/tmp/lvm.img"], "rm", "-f", "/tmp/lvm.img")
        loop = out("losetup", "--find", "--show", "/tmp/lvm.img").strip()
        self.undo.append(("losetup", "-d", loop))
        self.with_undo(["vgcreate", "-y", GROUP, loop], "vgremove", "-ff", "-y", GROUP)
        run("lvcreate", "-y", "-L", f"{SIZE_MIB}M", "-n", "disk", GROUP)
        for path in (FILE, FIXED):
            run("truncate", "-s", f"{SIZE_MIB}M", path)
        self.undo.append(("rm", "-f", FIXED, f"{FIXED}.raw"))
        for path in (FILE, VOLUME):
            run("mkfs.ext4", "-q", "-F", "-b", "1024", path)
        run("qemu-img", "convert", "-q", "-O", "qcow2", FILE, IMAGE)

    # ---- what the guests say ---------------------------------------------------------------------

    def console(self, vnode):
        """Without what other domains of its name said, before this topology."""
        path = f"{domains.LOGS}/guest-{self.domain_name(vnode)}.log"
        text = super().console(vnode) if os.path.exists(path) else ""
        return text[self.old.get(vnode, 0):]

    def wrote(self, vnode):
        """The numbers that a guest said its disks have."""
        return [int(n) for n in re.findall(r"SVNET-WROTE (\d+)\n", self.console(vnode))]

    def writes_on(self, vnode):
        last = self.wrote(vnode)[-1]
        wait_for(f"{vnode} to write on", lambda: self.wrote(vnode)[-1] > last, 90, 0.5)

    def shadow_start(self):
        self.hosts[0].svnet("--timeout", "240s", "shadow", "start", "B", "--of", "A", timeout=260)
        before = len(self.wrote("B/w"))
        wait_for("the clone to write", lambda: len(self.wrote("B/w")) > before + 2, 200, 0.5)


# ---- what is on a disk ---------------------------------------------------------------------------

def taken(topology, vnode, of_clone):
    """Copies of its disks at an instant at which its guest stands still, as a failure of its power leaves them,
    and the last number that it said they have. Of volumes dom0 may remember what the guest has changed since."""
    host, copies = topology.hosts[0], {}
    last = topology.wrote(vnode)[-1]
    host.svnet("vnode", "pause", vnode)
    for disk in WRITTEN:
        path, copy = own(disk) if of_clone else disk["path"], f"{FIXED}.{disk['device']}"
        topology.undo.append(("rm", "-f", copy))
        if disk.get("format") == "qcow2":
            need(not run("xl", "qemu-monitor-command", topology.domain_name(vnode),
                         f"qemu-io {disk['device']}-qcow2 flush").stdout.strip(), "its QEMU does not flush")
            checked = run("qemu-img", "check", "-U", path, check=False)
            need(checked.returncode == 0, f"{path}: {checked.stdout[-300:]}")
            run("qemu-img", "convert", "-U", "-O", "raw", path, copy)
        else:
            run("dd", f"if={path}", f"of={copy}", "bs=1M", "conv=sparse", "iflag=direct")
        copies[disk["device"]] = copy
    host.svnet("vnode", "resume", vnode)
    return copies, last


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
    dump = f"{FIXED}.dump"
    run("debugfs", "-R", f"dump {name} {dump}", path)
    with open(dump, "rb") as f:
        data = f.read()
    os.unlink(dump)
    return data


def has(path, name):
    return "Inode:" in out("debugfs", "-R", f"stat {name}", path)


def say_name(topology, vnode):
    name = vnode[0].lower()
    said = topology.tell(vnode, f"for d in /disk/*; do echo {name} >$d/only-{name}; done; sync",
                         "dmesg | grep -i 'ext4-fs error'; cat /sys/block/xvdd/ro")
    need("EXT4-fs error" not in said and re.search(r"\n1\r", said), f"{vnode}: {said[-400:]}")


# ---- scenarios -----------------------------------------------------------------------------------

def attempt(topology, what, why, **disk_of):
    """B is asked for, with other disks; nothing comes of it, and why is said."""
    host = topology.hosts[0]
    disks = [{**d, **disk_of.get(d["device"], {})} for d in DISKS]
    override = topology.write({"vnodes": {"w": {"xen": {"disks": disks}}}}, "override.json")
    code, _, text = host.try_svnet("--timeout", "60s", "shadow", "start", "B", "--of", "A", "--override", override,
                                   timeout=90)
    need(code and why in text, f"{what}: exit {code}: {text[-300:]}")
    if "B" in host.vnets():
        host.svnet("--timeout", "60s", "shadow", "finish", "web", timeout=90)


@scenario("disks: what cannot be cloned is refused before production stands still", Writer, ("auto",))
def refused(topology):
    domid = topology.domain("A/w")
    attempt(topology, "no way", "cannot be cloned: say how", xvda={"snapshot": "none"})
    attempt(topology, "another file system", "cannot clone files", xvda={"path": f"{FIXED}.other"})
    attempt(topology, "a copy of what QEMU writes", "by \"reflink\" only", xvdc={"snapshot": "copy"})
    attempt(topology, "what only reads, written to", "cannot be cloned: say how", xvdd={"readonly": False})
    attempt(topology, "production's own", f"{FILE}: A/w writes to it", xvdd={"path": FILE})
    free = os.statvfs(FOLDER)
    run("fallocate", "-l", str((free.f_bavail - 512) * free.f_frsize), f"{FOLDER}/full")
    attempt(topology, "a full file system", "make room there")
    os.unlink(f"{FOLDER}/full")
    run("lvcreate", "-y", "-l", "100%FREE", "-n", "full", GROUP)
    attempt(topology, "a full volume group", "no snapshot of it can be made")
    run("lvremove", "-y", f"{GROUP}/full")
    with open(own(DISKS[0]), "w", encoding="utf-8") as f:
        f.write("somebody's")
    attempt(topology, "somebody else's file", "is there already")
    with open(own(DISKS[0]), encoding="utf-8") as f:
        need(f.read() == "somebody's", "somebody's file is another's now")
    os.unlink(own(DISKS[0]))
    left = [d for d in WRITTEN if os.path.exists(own(d))]
    need(not left, f"half-made disks are left: {left}")
    need(topology.domain("A/w") == domid, "production was made anew")
    topology.writes_on("A/w")


@scenario("disks: what fails while production stands still leaves nothing, and production goes on", Writer, ("auto",))
def fails(topology):
    # Somebody takes the room between the question and the deed.
    with open(SHIM, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\ncase " $* " in *" --test "*) exec /usr/sbin/lvcreate "$@" ;; esac\n'
                f'[ -e {own(DISKS[0])} ] && echo "the room was taken" >&2\nexit 5\n')
    os.chmod(SHIM, 0o755)
    try:
        attempt(topology, "a volume group that is full by then", "the room was taken")
    finally:
        os.unlink(SHIM)
    left = [d for d in WRITTEN if os.path.exists(own(d))]
    need(not left, f"half-made disks are left: {left}")
    need(domains.names() == {topology.domain_name("A/w")}, f"domains are {domains.names()}")
    topology.writes_on("A/w")
    topology.ready()


@scenario("disks: a file, a volume and a qcow2 image are cloned while their guest writes", Writer, ("auto",))
def cloned(topology):
    before = topology.wrote("A/w")[-1]
    topology.shadow_start()
    first = topology.wrote("B/w")[0]
    need(first > before, f"the clone began with {first}, and its original had written {before}")
    row = topology.hosts[0].vnode_row("B/w")
    pause = (row.get("xen") or row.get("detail"))["pause_ms"]
    need(pause > 0, f"the pause was {pause} ms")
    last = {}
    for vnode in ("A/w", "B/w"):
        say_name(topology, vnode)
        copies, least = taken(topology, vnode, of_clone=vnode == "B/w")
        last[vnode] = {dev: judge(path, vnode[0].lower(), least) for dev, path in copies.items()}
    need(not os.path.exists(f"{FIXED}.svnet-B-w"), "what is only read was copied")
    topology.hosts[0].svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)
    left = [d for d in WRITTEN if os.path.exists(own(d))]
    need(not left, f"the clone's disks are left: {left}")
    return f"cloned after {first - 1}, pause {pause:.0f} ms; then both wrote on, to {last}"


@scenario("disks: a shadow that becomes production keeps its disks, and so does who was", Writer, ("auto",))
def promoted(topology):
    host = topology.hosts[0]
    topology.shadow_start()
    host.svnet("flip", "web", "--to", "B")
    host.svnet("--timeout", "90s", "shadow", "finish", "web", timeout=120)
    wait_for("A to go", lambda: domains.names() == {topology.domain_name("B/w")}, 30, 0.2)
    topology.writes_on("B/w")
    topology.ready()
    vnode = host.svnet("show")["doc"]["network"]["vnets"]["B"]["vnodes"]["w"]
    named = [d["path"] for d in vnode["xen"]["disks"]]
    need(named == [own(d) for d in WRITTEN] + [FIXED], f"the network file has {named}")
    copies, least = taken(topology, "B/w", of_clone=True)
    for path in copies.values():
        run("e2fsck", "-E", "journal_only", "-y", path, check=False)
        run("e2fsck", "-f", "-n", path)
    # With its VNet goes the domain; what production wrote does not.
    network = topology.network()
    network["vnets"], network["groups"] = {}, {}
    topology.apply(network)
    wait_for("B to go", lambda: not domains.names(), 30, 0.2)
    gone = [p for d in WRITTEN for p in (d["path"], own(d)) if not os.path.exists(p)]
    need(not gone, f"disks of production's are gone: {gone}")
    topology.undo.append(("lvremove", "-y", own(DISKS[1])))
    return f"production wrote {least} files, A's among them"
