# SPDX-License-Identifier: GPL-2.0-only
"""Domains as Xen's own tools see them, and plain guests of the toolstack's."""
import glob
import json
import os
import re

from lib import netns
from lib.shell import need, out, run, wait_for

KERNEL, INITRD = "/srv/guest/vmlinux", "/srv/guest/guest.initrd"
LOGS = "/var/log/xen"


def info():
    """`xl info` as a dictionary."""
    return {k.strip(): v.strip() for k, _, v in
            (line.partition(":") for line in out("xl", "info").splitlines())}


def domains():
    """name -> what libxl says of every domain but dom0"""
    rows = json.loads(out("xl", "list", "-l"))
    return {row["config"]["c_info"]["name"]: row for row in rows if row.get("domid")}


def domid(name):
    return int(out("xl", "domid", name))


def xenstore(path="/"):
    """Every path under one in xenstore, with its value."""
    found = {}
    for line in run("xenstore-ls", "-f", path, check=False).stdout.splitlines():
        key, _, value = line.partition(" = ")
        found[key] = value.strip('"')
    return found


def names():
    """Of every domain but dom0."""
    return {line.split()[0] for line in out("xl", "list").splitlines()[2:]}


def vifs():
    """The host sides of vifs that there are, by whatever name."""
    return [os.path.basename(path) for path in glob.glob("/sys/bus/xen-backend/devices/vif-*/net/*")]


def console(name):
    """What a guest has said since xenconsoled has known it."""
    text = ""
    with open(f"{LOGS}/guest-{name}.log", encoding="utf-8", errors="replace") as f:
        text = f.read()
    return re.sub(r"\r", "", text)


def booted(name, seconds=60):
    wait_for(f"guest {name} to come up", lambda: "SVNET-READY" in console(name), seconds, 0.2)


def guest_options(name, addresses, routes=(), more=()):
    """The command line of a guest of ours (tests/xen/init.guest)."""
    words = ["console=hvc0", "mitigations=off", "nokaslr", "quiet", "loglevel=3", f"sv.name={name}",
             "sysrq_always_enabled"]
    words += [f"sv.eth{n}={a}" for n, a in enumerate(addresses)]
    words += [f"sv.route={to},{via}" for to, via in routes]
    return " ".join([*words, *more])


def plain(path, name, nics, options, more=""):
    """A guest's xl.cfg: `nics` are (device, MAC)."""
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'name = "{name}"\ntype = "pv"\nkernel = "{KERNEL}"\nramdisk = "{INITRD}"\n'
                f'memory = 128\nvcpus = 1\ncmdline = "{options}"\n')
        f.write("vif = [ " + ", ".join(
            f'"mac={mac},vifname={dev},script=vif-none"' for dev, mac in nics) + " ]\n" + more + "\n")
    return path


def create(path):
    run("xl", "create", path, timeout=90)


def destroy_all():
    for name in names():
        run("xl", "destroy", name, check=False)
    need(not names(), f"domains that cannot be destroyed: {names()}")


class Dom0:
    """Dom0 as it is, and machines of namespaces beside it."""

    def __init__(self, prefix, datapath):
        self.prefix, self.datapath, self.hosts, self.options, self.keep = prefix, datapath, [], None, False
        self.sides = []

    def up(self):
        pass

    def reset(self):
        pass

    def destroy(self):
        destroy_all()
        for net in self.sides:
            run("ip", "netns", "del", net.name, check=False)
        self.sides = []

    def side(self, name, vif, address, gateway):
        """A machine of its own whose frames come and go by a vif."""
        net = netns.create(self.prefix + name)
        self.sides.append(net)
        run("ip", "link", "set", vif, "netns", net.name)
        net.run("ip", "address", "add", address, "dev", vif)
        net.run("ip", "link", "set", vif, "up")
        net.run("ip", "route", "add", "default", "via", gateway)
        return net
