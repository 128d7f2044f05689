# SPDX-License-Identifier: GPL-2.0-only
"""An operator's day: mistakes, changes, restarts, two at once, and cleaning up."""
import copy
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import time

from lib.one import One
from lib.shell import binary, need, wait_for
from lib.tap import scenario
from lib.topo import Three, chain
from lib.traffic import Production


@scenario("life: a bad file is refused whole, with the path of every bad value", Three)
def bad_file(topo):
    first = topo.hosts[0]
    maps = {h: h.dump_config() for h in topo.hosts}
    revision = first.status()["store_revision"]
    net = topo.network()
    vnet = net["vnets"]["A"]
    vnet["vnodes"]["r1"]["interfaces"]["eth0"]["addresses"] = ["10.1.0.999/24"]
    vnet["vnodes"]["r2"]["host"] = "nowhere"
    vnet["links"]["l12"]["ends"] = ["r1:eth1", "r9:eth0"]
    vnet["colour"] = "red"
    net["vlans"] = {"from": 0, "to": 5000}
    net["vnets"]["C"] = copy.deepcopy(topo.base_network["vnets"]["A"])
    code, _, text = first.try_svnet("apply", topo.write(net, "bad.json"))
    need(code == 1, f"a bad file: exit {code}: {text}")
    for path in ("vnets.A.vnodes.r1.interfaces.eth0.addresses", "vnets.A.vnodes.r2.host",
                 "vnets.A.links.l12.ends", "vnets.A.colour", "vlans"):
        need(path in text, f"the refusal does not name {path}: {text}")
    need(first.status()["store_revision"] == revision, "a refused file changed the store")
    for host in topo.hosts:
        need(host.dump_config() == maps[host], f"{host.name}: a refused file changed the maps")
    code, _, text = first.try_svnet("apply", topo.write_text("{ not json", "broken.json"))
    need(code == 1 and text, f"no JSON: exit {code}: {text}")
    code, _, text = first.try_svnet("apply", "/nonexistent/network.json")
    need(code in (1, 2) and text, f"no file: exit {code}: {text}")
    code, _, text = first.try_svnet("no-such-command")
    need(code == 2, f"an unknown command: exit {code}: {text}")


@scenario("life: applied again, nothing is left to do; VNets come and go", Three)
def changes(topo):
    first = topo.hosts[0]
    with Production(topo, rate=1000) as production:
        need(first.plan(topo.write(topo.base_network)) == [],
             "the plan for what runs is not empty")
        before = {h: h.dump_config() for h in topo.hosts}
        topo.apply(topo.base_network)
        for host in topo.hosts:
            need(host.dump_config() == before[host], f"{host.name}: applied again, the maps changed")
        net = topo.network()
        c = chain(topo.prefix, 40, topo.datapath)
        for edge in c["edges"].values():
            edge["vlan"] = 30
        net["vnets"]["C"] = c
        path = topo.write(net)
        need(first.plan(path), "the plan for a new VNet is empty")
        first.svnet("apply", path)
        r1 = topo.hosts[0].vnode("C/r1")
        wait_for("C's routers to reach each other", lambda: r1.run(
            "ping", "-c1", "-W1", "10.63.0.3", check=False).returncode == 0, 15)
        need(first.vnets() == {"A", "C"}, "C is not listed")
        first.svnet("vnet", "delete", "C")
        need(first.vnets() == {"A"}, "C is still listed")
        for host in topo.hosts:
            need(not any(r["vnet"] == "C" for r in host.status()["attachments"]),
                 f"{host.name} still has attachments of C")
            need(not any(r["name"].startswith("C/") for r in host.status()["vnodes"]),
                 f"{host.name} still has VNodes of C")
        production.check("while a VNet came and went")


@scenario("life: a VNode's program is kept running", Three)
def program(topo):
    net = topo.network()
    net["vnets"]["A"]["vnodes"]["r2"]["program"] = ["/bin/sleep", "86397"]
    topo.apply(net)
    h2 = topo.hosts[1]

    def pids():
        done = h2.svnet_exec("A/r2", "/bin/sh", "-c",
                             "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | "
                             "grep -q '^/bin/sleep 86397' && echo ${p#/proc/}; done; true")
        return done.stdout.split()
    old = wait_for("the program to run", pids)
    restarts = h2.vnode_row("A/r2")["restarts"]
    h2.svnet_exec("A/r2", "/bin/kill", "-9", old[0])
    wait_for("the program to be started again", lambda: [p for p in pids() if p != old[0]], 15, 0.2)
    wait_for("the restart to be counted", lambda: h2.vnode_row("A/r2")["restarts"] > restarts)
    row = h2.vnode_row("A/r2")
    need(row["state"] == "running", f"state {row['state']}")
    with Production(topo, rate=1000) as production:
        keeper = row["pid"]
        h2.kill()
        h2.start()
        need(h2.vnode_row("A/r2")["pid"] == keeper, "a restarted agent restarted the VNode")
        time.sleep(0.2)
        production.check("the agent restarted")
    done = h2.svnet_exec("A/r2", "/bin/sh", "-c", "exit 7", check=False)
    need(done.returncode == 7, f"exec gives {done.returncode} instead of the command's own 7")


@scenario("life: a daemon that runs out of descriptors touches nothing", One)
def descriptors(topo):
    host, net = topo.hosts[0], topo.network()
    for line in ("add spare type veth peer name far", "set spare up", "set far up"):
        host.net.run("ip", "link", *line.split())
    net["hosts"][host.name]["ports"]["spare"] = {"role": "edge"}
    net["vnets"]["C"] = {"vnodes": {"x": {"host": host.name, "interfaces": {"a": {}}}},
                         "edges": {"e": {"port": f"{host.name}:spare", "ends": ["x:a"]}}}
    topo.apply(net)

    def there():
        """Keeper, and every attachment's links and filters as the kernel numbers them."""
        return (host.vnode_row("A/r1")["pid"], host.net.out("bpftool", "net", "show"))
    pid, before = host.proc.pid, there()
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with Production(topo, rate=1000) as production:
        for turn, left in enumerate((0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 60)):
            held = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
            free = next(fd for fd in itertools.count() if fd not in held)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (free + left, hard))
            # Its carrier is news for the daemon.
            host.net.run("ip", "link", "set", "far", "up" if turn % 2 else "down")
            time.sleep(0.4)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        production.check("descriptors ran out")
    with open(host.log, encoding="utf-8") as log:
        need("descriptors are left" in log.read(), "the daemon never ran out of descriptors")
    host.net.run("ip", "link", "set", "far", "down" if turn % 2 else "up")
    wait_for("the daemon to be well again", lambda: not host.status()["errors"], 40)
    need(there() == before, f"{before} became {there()}")
    topo.apply(topo.network())
    host.net.run("ip", "link", "delete", "far")


@scenario("life: of two operators at once, the second is told", Three)
def operators(topo):
    """Many changes at the same moment: each is done whole or refused with exit 4, none is lost."""
    argv = []
    for n in range(6):
        host = topo.hosts[n % 3]
        argv.append([binary("svnet"), "--socket", host.socket, "--json", "monitor", "start", f"op{n}",
                     "--of", "A", "--to", f"M{n % 2}:if{n}", "--at",
                     ("entry", "exit", "l12")[n // 2]])
    procs = [subprocess.Popen(a, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
             for a in argv]
    done = [(p.communicate(timeout=120), p.returncode) for p in procs]
    codes = [code for _, code in done]
    need(set(codes) <= {0, 4}, f"exit codes {codes}: {[d[0][1].strip()[:200] for d in done]}")
    need(codes.count(0) >= 1, f"nobody was served: {codes}")
    names = topo.hosts[0].sessions()
    want = {f"op{n}" for n, code in enumerate(codes) if code == 0}
    need(names == want, f"told that {sorted(want)} were made, there are {sorted(names)}")
    late(topo)
    return f"{codes.count(0)} done, {codes.count(4)} told to look again"


def late(topo):
    """Both looked at the same revision; who comes second with it is told, and changes nothing."""
    one, two = topo.hosts[0], topo.hosts[2]
    seen = two.status()["store_revision"]
    mine, theirs = topo.network(), topo.network()
    mine["vnets"]["A"]["vnodes"]["r1"]["cpu_weight"] = 300
    theirs["vnets"]["A"]["vnodes"]["r1"]["cpu_weight"] = 700
    one.svnet("apply", topo.write(mine, "mine.json"), "--revision", seen)
    code, _, text = two.try_svnet("apply", topo.write(theirs, "theirs.json"), "--revision", seen)
    need(code == 4, f"the second of two operators: exit {code}: {text}")
    net = two.svnet("show")
    need("300" in json.dumps(net) and "700" not in json.dumps(net), "the second overwrote the first")


@scenario("life: purge leaves nothing", Three)
def purge(topo):
    topo.shadow()
    topo.hosts[0].svnet("monitor", "start", "mp", "--of", "A")
    links = {h: {d["ifname"] for d in json.loads(h.net.out("ip", "-j", "link"))} for h in topo.hosts}
    for host in topo.hosts:
        host.kill()
        done = host.purge()
        need(done.returncode == 0, f"purge of {host.name}: {done.stderr.strip()}")
        again = host.purge()
        need(again.returncode == 0, f"a second purge of {host.name}: {again.stderr.strip()}")
    end = time.monotonic() + 5
    while topo.leftovers() and time.monotonic() < end:
        time.sleep(0.1)
    need(not topo.leftovers(), f"left: {topo.leftovers()[:8]}")
    for host in topo.hosts:
        left = {d["ifname"] for d in json.loads(host.net.out("ip", "-j", "link"))}
        own = {p for p in topo.base_network["hosts"][host.name]["ports"]} | {"lo"}
        need(left == own, f"{host.name}: links left {sorted(left - own)} of {sorted(links[host])}")
        for dev in own - {"lo"}:
            text = host.net.out("ip", "-d", "link", "show", dev)
            need("xdp" not in text, f"{host.name}: a program is left on {dev}")
            need("clsact" not in host.net.out("tc", "qdisc", "show", "dev", dev),
                 f"{host.name}: clsact is left on {dev}")
    need(not os.path.exists(topo.hosts[0].socket), "a socket is left")
    shutil.rmtree(topo.folders["store"])
    os.makedirs(topo.folders["store"])
    topo.start_agents()
    topo.apply(topo.base_network)
    topo.ready()


@scenario("life: a device of somebody else's that was away for a moment is reached again", One)
def away(topo):
    host, net = topo.hosts[0], topo.network()
    machine = topo.edge(host, "tap0", "machine", ["10.9.0.1/24"])
    user = topo.edge(host, "e9", "user", ["10.9.0.100/24"])
    net["hosts"][host.name]["ports"]["e9"] = {"role": "edge"}
    net["vnets"]["C"] = {
        "datapath": topo.datapath,
        "vnodes": {"x": {"host": host.name, "driver": "external", "interfaces": {"a": {"device": "tap0"}}}},
        "edges": {"e": {"port": f"{host.name}:e9", "ends": ["x:a"]}}}
    topo.apply(net)

    def reached():
        return user.run("ping", "-c1", "-W1", "10.9.0.1", check=False).returncode == 0
    wait_for("the machine to be reached", reached, 20)
    index = host.net.ifindex("tap0")
    host.kill()
    host.net.run("ip", "link", "set", "tap0", "netns", machine.name)
    machine.run("ip", "link", "set", "tap0", "netns", host.net.name)
    need(host.net.ifindex("tap0") == index, "it came back under another number")
    host.start()
    wait_for("the machine to be reached again", reached, 20)
    topo.apply(topo.network())
    for dev in ("tap0", "e9"):
        host.net.run("ip", "link", "delete", dev)


@scenario("life: a VNode's port that somebody renamed is named back, with all that is on it", One)
def renamed(topo):
    host = topo.hosts[0]
    before = host.vnode_row("A/r1")["pid"]
    ports = {i: host.port_of("A/r1", i) for i in ("eth0", "eth1")}
    index = {i: host.net.ifindex(port) for i, port in ports.items()}

    def rename(port):
        # In one go: svnetd brings up what is down. An older kernel renames nothing that is up.
        host.net.run("ip", "-batch", "-", stdin=f"link set {port} down\nlink set {port} name lan0\n"
                                                "link set lan0 up\n")

    def named_back(iface):
        links = json.loads(host.net.out("ip", "-j", "link"))
        return [d["ifname"] for d in links if d["ifindex"] == index[iface] and "UP" in d["flags"]] == [ports[iface]]
    rename(ports["eth0"])
    wait_for("the port to be named back", lambda: named_back("eth0"), 20)
    need(f"{ports['eth0']} was renamed lan0" in host.log_tail(40), f"not said: {host.log_tail(6)}")
    topo.ready()
    host.kill()
    rename(ports["eth1"])
    host.start()
    wait_for("the other port to be named back", lambda: named_back("eth1"), 20)
    topo.ready()
    need(host.vnode_row("A/r1")["pid"] == before, "the VNode was made anew")
    wait_for("no error to be left", lambda: not host.status()["errors"], 20)


@scenario("life: a device of somebody else's is no VNode's while it is in a bridge", One, ("tc",))
def bridged(topo):
    host, net = topo.hosts[0], topo.network()
    for line in ("add tap0 type veth peer name machine", "add br0 type bridge", "set tap0 master br0"):
        host.net.run("ip", "link", *line.split())
    net["vnets"]["C"] = {
        "vnodes": {"x": {"host": host.name, "driver": "external", "interfaces": {"a": {"device": "tap0"}}}},
        "edges": {"e": {"port": f"{host.name}:e1", "vlan": 7, "ends": ["x:a"]}}}
    code, _, text = host.try_svnet("apply", topo.write(net), "--timeout", "5s")
    said = f"{text} {host.status()['errors']}"
    need(code and "tap0 is a port of br0" in said and "nomaster" in said, f"exit {code}: {said}")
    need(host.net.run("ip", "-o", "link", "show", "tap0").stdout.count("UP") == 0, "tap0 was brought up")
    # Nor does the rest of the host wait for it.
    os.kill(host.vnode_row("A/r1")["pid"], signal.SIGKILL)
    topo.ready()
    need("tap0" in str(host.status()["errors"]), "nobody speaks of tap0 any more")
    host.net.run("ip", "link", "set", "tap0", "nomaster")
    wait_for("tap0 to be taken up", lambda: not host.status()["errors"] and "UP" in
             host.net.run("ip", "-o", "link", "show", "tap0").stdout, 20)
    topo.apply(topo.network())
    for dev in ("tap0", "br0"):
        host.net.run("ip", "link", "delete", dev)
