# SPDX-License-Identifier: GPL-2.0-only
"""Three substrate hosts in namespaces, users behind `entry`, peers behind `exit`: the tests' harness."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "e2e"))

from lib import account, netns  # noqa: E402
from lib.agent import Host, kill_by_folder  # noqa: E402
from lib.shell import Fail, binary, run  # noqa: E402
from lib.topo import Topo  # noqa: E402

HOSTS = ("host1", "host2", "host3")
# The voice has an address of its own at either end, and so has every client and server of the background.
USERS, PEERS = "10.1.0.2", "10.3.0.2"
SERVERS = ["10.1.0.%d" % n for n in range(11, 15)]
CLIENTS = ["10.3.0.%d" % n for n in range(11, 15)]
LINK_MBIT = 20.0  # of network.json, at r2


class Lab(Topo):
    NAMESPACES = r"(host\d+|o\w+)"
    users_dev = peers_dev = "u0"

    def __init__(self, prefix):
        super().__init__(prefix, 0)
        # Agents keep cgroups by their host's name, so those of two labs differ in that too.
        for name in HOSTS:
            self.hosts.append(Host(prefix + name, self.namespace(prefix + name), self.folders))
        h1, h2, h3 = self.hosts
        self.trunk(h1, "t12", h2, "t21")
        self.trunk(h2, "t23", h3, "t32")
        self.users = self.edge(h1, "entry", "users", [a + "/24" for a in [USERS, *SERVERS]],
                               [("default", "10.1.0.1")])
        self.peers = self.edge(h3, "exit", "peers", [a + "/24" for a in [PEERS, *CLIENTS]],
                               [("default", "10.3.0.1")])
        for host, ports in ((h1, ("entry", "t12")), (h2, ("t21", "t23")), (h3, ("t32", "exit"))):
            for port in ports:
                own_queue(host.net, port)

    def destroy(self):
        """A daemon that still runs would keep its host from being purged."""
        for host in self.hosts:
            host.kill()
        if not self.hosts:  # a dirty start: what an aborted run left
            kill_by_folder(self.folders["base"])
        for name in HOSTS:
            path = "/run/netns/" + self.prefix + name
            if os.path.exists(path):
                Host(self.prefix + name, netns.Net(path, name), self.folders).purge()
        super().destroy()

    def left(self):
        """What destroy() should have removed and did not."""
        nets = [name for name in os.listdir("/run/netns") if name.startswith(self.prefix)]
        return nets + [path for path in (self.folders["pin"], self.folders["base"])
                       if os.path.exists(path)]

    def up(self):
        self.start_agents()
        with open(os.path.join(HERE, "network.json"), encoding="utf-8") as text:
            network = re.sub(r'"(host\d)([":])', r'"%s\1\2' % self.prefix, text.read())
        self.svnet("host1", "apply", self.write_text(network, "network.json"))
        self.ready()

    def pings(self):
        return [(self.users, PEERS)]

    def host(self, name):
        return self.hosts[HOSTS.index(name)]

    def plain(self, name):
        """A host's name as in network.json."""
        return name[len(self.prefix):]

    def svnet(self, host, *args):
        return self.host(host).svnet(*args)

    @staticmethod
    def _popen(net, argv, log, stdin=None):
        with open(log, "w", encoding="utf-8") as out:
            return net.popen(*argv, stdout=out, stderr=subprocess.STDOUT,
                             stdin=stdin or subprocess.DEVNULL)

    def users_popen(self, argv, log, **more):
        return self._popen(self.users, argv, log, **more)

    def peers_popen(self, argv, log, **more):
        return self._popen(self.peers, argv, log, **more)

    def command(self, name):
        """What an operator's `svnet` to that host begins with."""
        return [binary("svnet"), "--socket", self.host(name).socket]

    @staticmethod
    def here_popen(argv, out, log):
        """On the machine itself: a ring's reader needs no network."""
        with open(out, "wb") as stdout, open(log, "wb") as stderr:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)

    def accounting_closed(self):
        try:
            account.check_closed(self.hosts)
        except Fail as fail:
            print(fail, file=sys.stderr)
            return False
        return True


def own_queue(net, dev):
    """What is steered to a CPU waits in that CPU's queue with the frames of all others on this machine, who
    can fill it. The tests steer for the sake of order; a call and TCP can do without."""
    run("ip", "netns", "exec", net.name, "sh", "-c", "echo 0 >/sys/class/net/%s/queues/rx-0/rps_cpus" % dev)
