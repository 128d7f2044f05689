# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces, by path, so that commands in them still see bpffs and cgroups."""
import json
import subprocess

from .shell import debug, run


class Net:
    """A network namespace: of `ip netns`, or a process's."""

    def __init__(self, path, name):
        self.path = path
        self.name = name

    def argv(self, *argv):
        return ["nsenter", f"--net={self.path}", "--", *[str(a) for a in argv]]

    def run(self, *argv, **kw):
        return run(*self.argv(*argv), **kw)

    def out(self, *argv, **kw):
        return self.run(*argv, **kw).stdout

    def popen(self, *argv, **kw):
        debug(f"({self.name}) & " + " ".join(str(a)[:100] for a in argv))
        return subprocess.Popen(self.argv(*argv), **kw)

    def link(self, dev):
        return json.loads(self.out("ip", "-j", "link", "show", "dev", dev))[0]

    def ifindex(self, dev):
        return self.link(dev)["ifindex"]

    def mac(self, dev):
        return self.link(dev)["address"]


def create(name):
    run("ip", "netns", "add", name)
    net = Net(f"/run/netns/{name}", name)
    net.run("ip", "link", "set", "lo", "up")
    return net


def of_process(pid, name):
    return Net(f"/proc/{pid}/ns/net", name)


def veth(a, a_dev, b, b_dev, mtu=1500):
    run("ip", "link", "add", "name", a_dev, "mtu", mtu, "netns", a.name, "type", "veth", "peer", "name",
        b_dev, "mtu", mtu, "netns", b.name)


def host_offloads(net, dev):
    """What an ordinary host behind an XDP port needs: frames as on a wire, and a NAPI to receive."""
    net.run("ethtool", "-K", dev, "gro", "on", "tx", "off", "txvlan", "off")
