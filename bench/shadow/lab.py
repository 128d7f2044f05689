# SPDX-License-Identifier: GPL-2.0-only
"""Three substrate hosts in namespaces, users behind `entry`, peers behind `exit`: the tests' harness."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "e2e"))

from lib import account, netns  # noqa: E402
from lib.agent import Host, kill_by_folder  # noqa: E402
from lib.shell import Fail, run  # noqa: E402
from lib.topo import Topo  # noqa: E402

PREFIX = "svdemo-"
HOSTS = ("host1", "host2", "host3")


class Lab(Topo):
    NAMESPACES = r"(host\d+|o\w+)"
    users_dev = peers_dev = "u0"

    def __init__(self):
        super().__init__(PREFIX, 0)
        for name in HOSTS:
            self.hosts.append(Host(name, self.namespace(PREFIX + name), self.folders))
        h1, h2, h3 = self.hosts
        self.trunk(h1, "t12", h2, "t21")
        self.trunk(h2, "t23", h3, "t32")
        self.users = self.edge(h1, "entry", "users", ["10.1.0.2/24"], [("default", "10.1.0.1")])
        self.peers = self.edge(h3, "exit", "peers", ["10.3.0.2/24"], [("default", "10.3.0.1")])

    def destroy(self):
        """A daemon that still runs would keep its host from being purged."""
        for host in self.hosts:
            host.kill()
        if not self.hosts:  # a dirty start: what an aborted run left
            kill_by_folder(self.folders["base"])
        for name in HOSTS:
            path = "/run/netns/" + PREFIX + name
            if os.path.exists(path):
                Host(name, netns.Net(path, name), self.folders).purge()
        super().destroy()

    def left(self):
        """What destroy() should have removed and did not."""
        nets = [name for name in os.listdir("/run/netns") if name.startswith(PREFIX)]
        return nets + [path for path in (self.folders["pin"], self.folders["base"])
                       if os.path.exists(path)]

    def up(self):
        self.start_agents()
        self.svnet("host1", "apply", os.path.join(HERE, "network.json"))
        self.ready()

    def pings(self):
        return [(self.users, "10.3.0.2")]

    def svnet(self, host, *args):
        return self.hosts[HOSTS.index(host)].svnet(*args)

    @staticmethod
    def _popen(net, argv, log, stdin=None):
        with open(log, "w", encoding="utf-8") as out:
            return net.popen(*argv, stdout=out, stderr=subprocess.STDOUT,
                             stdin=stdin or subprocess.DEVNULL)

    def users_popen(self, argv, log, **more):
        return self._popen(self.users, argv, log, **more)

    def peers_popen(self, argv, log, **more):
        return self._popen(self.peers, argv, log, **more)

    def vnode_popen(self, host, vnode, argv, log):
        return self._popen(self.hosts[HOSTS.index(host)].vnode(vnode), argv, log)

    def users_tx_bytes(self):
        text = self.users.out("ip", "-j", "-s", "link", "show", "dev", self.users_dev)
        return json.loads(text)[0]["stats64"]["tx"]["bytes"]

    @staticmethod
    def fields(path, names):
        """The given tshark fields of every packet of a capture file."""
        select = [word for name in names for word in ("-e", name)]
        text = run("tshark", "-n", "-r", path, "-T", "fields", *select, timeout=120).stdout
        return [line.split("\t") for line in text.splitlines()]

    def accounting_closed(self):
        try:
            account.check_closed(self.hosts)
        except Fail as fail:
            print(fail, file=sys.stderr)
            return False
        return True
