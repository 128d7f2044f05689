# SPDX-License-Identifier: GPL-2.0-only
"""One substrate host with two edges: the shortest way through a VNode, for what needs high rates."""
from .topo import Ends, Topo, router


class One(Ends, Topo):
    """left ── e1 host1 e3 ── right, VNet A = r1 between them."""

    def __init__(self, prefix, datapath, mtu=1500):
        super().__init__(prefix, 1)
        host = self.hosts[0]
        more = {"mtu": mtu} if mtu != 1500 else {}
        self.datapath = datapath
        self.make_edges(host, host, mtu)
        self.base_network = {
            "version": 1,
            "hosts": {host.name: {"ports": {"e1": {"role": "edge", **more},
                                            "e3": {"role": "edge", **more}}}},
            "vlans": {"from": 300, "to": 399},
            "vnets": {"A": {
                "datapath": datapath,
                "vnodes": {"r1": router(host.name, {
                    "eth0": {"addresses": ["10.1.0.1/24", "fd00:1::1/64"], **more},
                    "eth1": {"addresses": ["10.3.0.1/24", "fd00:3::1/64"], **more}}, [])},
                "edges": {"entry": {"port": f"{host.name}:e1", "ends": ["r1:eth0"]},
                          "exit": {"port": f"{host.name}:e3", "ends": ["r1:eth1"]}},
            }},
            "groups": {"web": {"production": "A"}},
        }

    def routers(self):
        return [(self.hosts[0], "r1")]

    def edges(self):
        host = self.hosts[0]
        return [(host, "e1", "left", "r1", "eth0"), (host, "e3", "right", "r1", "eth1")]
