# SPDX-License-Identifier: GPL-2.0-only
"""One substrate host: its namespace, its svnetd, and svnet spoken to it."""
import glob
import json
import os
import signal
import struct
import subprocess
import time

from . import bpfmap, netns
from .shell import BUILD, Fail, binary, debug, need, note, run, wait_for

# What a flip must not touch, and the one it touches.
CONFIG_MAPS = ("sv_attach", "sv_gate", "sv_dest", "sv_fanout", "sv_port", "sv_session", "sv_self",
               "sv_filter_xdp", "sv_filter_tc", "sv_point", "sv_tap", "sv_export")

TAP_CPUS = 128  # SV_TAP_CPUS


class Host:
    def __init__(self, name, net, folders):
        self.name = name
        self.net = net
        self.folders = folders
        self.proc = None
        self.starts = 0

    @property
    def socket(self):
        return f"{self.folders['run']}/{self.name}/svnetd.sock"

    @property
    def pid_file(self):
        return f"{self.folders['base']}/{self.name}.pid"

    @property
    def log(self):
        return f"{self.folders['base']}/{self.name}.svnetd.log"

    def daemon_argv(self, *more):
        return [binary("svnetd"), "--host", self.name, "--store", f"file:{self.folders['store']}",
                "--run", self.folders["run"], "--pin", self.folders["pin"],
                "--log", self.folders["log"], *more]

    def start(self, wait=True):
        self.starts += 1
        with open(self.log, "a", encoding="utf-8") as log:
            self.proc = self.net.popen(*self.daemon_argv(), stdout=log, stderr=log,
                                       env={**os.environ, "SVNET_LIBEXEC": BUILD})
        with open(self.pid_file, "w", encoding="utf-8") as f:
            f.write(str(self.proc.pid))
        if wait:
            self.wait()

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def wait(self):
        """Until it answers: that is after it has looked at what is there."""
        def answers():
            need(self.alive(), f"svnetd of {self.name} ended: {self.log_tail()}")
            return os.path.exists(self.socket) and self.try_svnet("status")[0] == 0
        wait_for(f"{self.name}'s svnetd to answer", answers, 60)

    def kill(self, sig=signal.SIGKILL):
        if self.alive():
            self.proc.send_signal(sig)
            self.proc.wait(timeout=20)
        self.proc = None

    def log_tail(self, n=12):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return " | ".join(line.rstrip() for line in f.readlines()[-n:])
        except FileNotFoundError:
            return "(no log)"

    def purge(self):
        """What `svnetd --purge` does for an operator whose daemon is gone."""
        self.kill()
        return self.net.run(*self.daemon_argv("--purge"), check=False)

    # ---- svnet -----------------------------------------------------------------------------------

    def try_svnet(self, *args, timeout=60, stdin=None):
        """(exit code, parsed JSON or None, error text)"""
        argv = [binary("svnet"), "--socket", self.socket, "--json", *[str(a) for a in args]]
        debug(f"$ svnet@{self.name} " + " ".join(str(a) for a in args))
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout,
                              check=False)
        try:
            doc = json.loads(done.stdout) if done.stdout.strip() else None
        except json.JSONDecodeError:
            doc = None
        return done.returncode, doc, (done.stderr or done.stdout).strip()

    def svnet(self, *args, **kw):
        """What an operator types; anything but exit 0 is a failure."""
        code, doc, err = self.try_svnet(*args, **kw)
        need(code == 0, f"svnet@{self.name} {' '.join(str(a) for a in args)}: exit {code}: {err}")
        return doc

    def vnets(self):
        return {row["name"] for row in self.svnet("vnet", "list")["vnets"]}

    def sessions(self):
        return {row["name"] for row in self.svnet("monitor", "list")["sessions"]}

    def plan(self, path):
        """The operations that applying a file would take on this host, as text."""
        return self.svnet("plan", path)["operations"]

    def status(self):
        doc = self.svnet("status")
        need(isinstance(doc, dict), f"status --json of {self.name} is no JSON object")
        return doc

    def group(self, name):
        for group in self.status()["groups"]:
            if group["name"] == name:
                return group
        raise Fail(f"{self.name} knows no group {name}")

    def attachment(self, port, vlan=0):
        """The row of status for (port, VLAN)."""
        for row in self.status()["attachments"]:
            if row["port"] == port and row["vlan"] == vlan:
                return row
        raise Fail(f"{self.name} has no attachment {port} vlan {vlan}")

    # ---- VNodes ----------------------------------------------------------------------------------

    def vnode_row(self, name):
        for row in self.status()["vnodes"]:
            if row["name"] == name:
                return row
        return None

    def vnode(self, name):
        """The network namespace of a running VNode, "A/r1"."""
        row = self.vnode_row(name)
        need(row and row.get("pid"), f"{self.name} does not run VNode {name}")
        return netns.of_process(row["pid"], name)

    def svnet_exec(self, vnode, *argv, check=True):
        """`svnet vnode exec`: a command inside, its output and exit code here."""
        return run(binary("svnet"), "--socket", self.socket, "vnode", "exec", vnode, "--", *argv,
                   check=check)

    def port_of(self, vnode, iface):
        """The host-side device of a VNode's interface: its peer's ifindex, seen from inside."""
        link = self.vnode(vnode).link(iface)
        index = link.get("link_index")
        for dev in json.loads(self.net.out("ip", "-j", "link", "show")):
            if dev["ifindex"] == index:
                return dev["ifname"]
        raise Fail(f"no host side of {vnode}:{iface} on {self.name}")

    # ---- pinned maps -----------------------------------------------------------------------------

    def pin(self, name):
        found = glob.glob(f"{self.folders['pin']}/{self.name}/**/{name}", recursive=True)
        need(found, f"no pinned {name} of {self.name}")
        return found[0]

    def dump(self, name):
        """A pinned map as {key bytes: value bytes}, without entries of zeros."""
        return bpfmap.dump(self.pin(name))

    def dump_config(self):
        return {name: self.dump(name) for name in CONFIG_MAPS}

    def attach_entry(self, port, vlan=0):
        """(key, fields) of sv_attach for a device, as the data plane reads it."""
        key = struct.pack("=IHH", self.net.ifindex(port), vlan, 0)
        value = self.dump("sv_attach").get(key)
        need(value, f"{self.name}: nothing attached at {port} vlan {vlan}")
        return key, attach_fields(value)

    def gate_slot(self, edge):
        """The number of the group behind an edge."""
        return self.attach_entry(edge)[1]["group"]

    def gate_words(self, slot):
        """Both words of a group, read from the map itself."""
        gate = self.dump("sv_gate")
        return [int.from_bytes(gate.get(_u32(2 * slot + n), b""), "little") for n in (0, 1)]

    # In the host's namespace: a devmap takes the devices of its writer's.
    def map_update(self, name, key, value):
        self.net.run("bpftool", "map", "update", "pinned", self.pin(name), "key", "hex", *_hex(key),
            "value", "hex", *_hex(value))

    def map_update_id(self, name, key, number):
        """Puts a map into an array of maps, or a program into one of programs, by its number."""
        run("bpftool", "map", "update", "pinned", self.pin(name), "key", "hex", *_hex(key),
            "value", "id", number)

    def map_zero(self, name, key):
        """An array's entry, on every CPU."""
        bpfmap.zero(self.pin(name), key)

    def map_delete(self, name, key):
        run("bpftool", "map", "delete", "pinned", self.pin(name), "key", "hex", *_hex(key))


def _u32(n):
    return n.to_bytes(4, "little")


def attach_fields(value):
    """struct sv_attach (maps/attach.h)."""
    names = ("id", "fanout", "segment", "edge", "flags", "group", "role", "port_role", "variants",
             "bits", "members", "member", "edge_member", "sessions")
    fields = dict(zip(names, struct.unpack_from("=IIIIHHBBBBBBBB", value)))
    fields["session"] = struct.unpack_from("=4H", value, 28)[:fields["sessions"]]
    fields["filter"], fields["digest"] = struct.unpack_from("=IQ", value, 36)
    fields["fanouts"] = ((fields["members"] + 1) * fields["variants"]) << fields["bits"]
    return fields


def _hex(data):
    return [f"{b:02x}" for b in data]


def kill_by_folder(base, seconds=3):
    """Ends what an earlier, aborted run left: processes that carry our private folder's name."""
    end = time.monotonic() + seconds
    while True:
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            pid = int(path.split("/")[2])
            try:
                with open(path, "rb") as f:
                    line = f.read().decode(errors="replace")
            except OSError:
                continue
            if base + "/" in line and pid != os.getpid() and "run.py" not in line:
                found.append(pid)
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > end:
            note(f"still alive after SIGKILL: {found}")
            return
        time.sleep(0.1)
