# SPDX-License-Identifier: GPL-2.0-only
"""Xen is what it should be, and its own toolstack works: whatever fails later is ours."""
import os

import domains
from domains import Dom0
from lib.shell import need, out, run, wait_for
from lib.tap import scenario


@scenario("xen: the hypervisor, dom0's kernel and xl agree", Dom0, ("none",))
def answers(_topo):
    info = domains.info()
    need(info["xen_version"].startswith("4.17."), f"Xen is {info['xen_version']}")
    need(info["release"].startswith("6.1."), f"the kernel is {info['release']}")
    with open("/sys/hypervisor/type", encoding="utf-8") as f:
        need(f.read().strip() == "xen", "this is no Xen")
    need("credit2" in info["xen_scheduler"], f"the scheduler is {info['xen_scheduler']}")
    need(os.path.exists("/proc/xen/capabilities") and
         "control_d" in open("/proc/xen/capabilities", encoding="utf-8").read(), "this is not dom0")
    return f"Xen {info['xen_version']}, {info['release']}, {info['free_memory']} MiB free"


@scenario("xen: a PV guest routes between two vifs", Dom0, ("none",))
def routes(topo):
    macs = ["00:16:3e:00:01:01", "00:16:3e:00:01:02"]
    domains.create(domains.plain(
        "/tmp/plain.cfg", "plain", [("svtl", macs[0]), ("svtr", macs[1])],
        domains.guest_options("plain", ["10.1.0.1/24", "10.2.0.1/24"])))
    domains.booted("plain")
    left = topo.side("l", "svtl", "10.1.0.2/24", "10.1.0.1")
    topo.side("r", "svtr", "10.2.0.2/24", "10.2.0.1")
    wait_for("a ping through the guest", lambda: left.run(
        "ping", "-c1", "-W2", "10.2.0.2", check=False).returncode == 0, 20)
    need("ttl=63" in left.out("ping", "-c1", "-W2", "10.2.0.2"), "no router was in between")
    need(macs[0] in left.out("ip", "neigh", "show", "10.1.0.1"), "the guest has another MAC")
    run("xl", "destroy", "plain")
    wait_for("the vifs to go", lambda: not domains.vifs() and not any(
        "svt" in net.out("ip", "-br", "link") for net in topo.sides), 10)
    need("plain" not in out("xl", "list"), "the domain is still there")
