# SPDX-License-Identifier: GPL-2.0-only
"""The tools themselves, on a bare wire: what they cannot see, no scenario below can claim."""
from lib.netns import host_offloads, veth
from lib.shell import need
from lib.tap import scenario
from lib.topo import Topo, quiet
from lib.traffic import Rx, Tx, digest, send, udp


class Wire(Topo):
    """Two ordinary machines on one cable; no svnet."""

    def __init__(self, prefix, _datapath):
        super().__init__(prefix, 0)
        self.a, self.b = self.namespace(f"{prefix}oa"), self.namespace(f"{prefix}ob")
        veth(self.a, "u0", self.b, "u0")
        for net in (self.a, self.b):
            host_offloads(net, "u0")
            quiet(net, "u0")
            net.run("ip", "link", "set", "u0", "up")

    def up(self):
        pass

    def frame(self, stream, **more):
        return udp(self.b.mac("u0"), self.a.mac("u0"), "10.9.0.1", "10.9.0.2", stream, **more)


@scenario("tools: the sniffer loses nothing at 40 kpps and sees every fault", Wire, ("none",))
def tools(topo):
    with Rx(topo.b, "u0", write=True) as rx:
        sent = send(topo.a, "u0", topo.frame(1), 40000, 60000)
        got = rx.stream(1)
    need(sent["sent"] == 60000 == got["unique"], f"sent {sent}, got {got}")
    need(got["lost"] == got["duplicated"] == got["reordered"] == 0, f"{got}")
    need(len(rx.frames) == 60000 and rx.report["csum"]["ok"] == 60000, "frames or checksums lost")
    with Rx(topo.b, "u0") as rx:
        # Numbers 0 1 2 of a stream, then the same again from a second sender: repeated, and back.
        send(topo.a, "u0", topo.frame(2), 1000, 3)
        send(topo.a, "u0", topo.frame(2), 1000, 5)
        got = rx.stream(2)
    need(got["duplicated"] == 3 and got["reordered"] == 2 and got["unique"] == 5, f"{got}")
    bad = bytearray(topo.frame(3, size=60))
    bad[-1] ^= 1
    tagged = topo.frame(4, size=1518, vlan=77)
    with Rx(topo.b, "u0", write=True) as rx, Tx(topo.a, "u0", [bytes(bad), tagged], 100, 2) as tx:
        tx.wait()
        rx.stop()
    need(rx.report["tagged"] == 1 and rx.frames[1][12:16] == tagged[12:16], "the VLAN tag is gone")
    need(len(rx.frames[1]) == 1518, f"{len(rx.frames[1])} bytes instead of 1518")
    need(len({digest(f) for f in rx.frames}) == 2, "digests do not tell frames apart")
    return "60,000 frames at 40 kpps"
