# SPDX-License-Identifier: GPL-2.0-only
"""Domains of every kind: what libxl is handed for them, and those that can run here."""
import json

import domains
from domains import Dom0
from lib.shell import binary, need, run
from lib.tap import scenario

UUID = "00112233-4455-4677-8899-aabbccddeeff"
XL = "svnet-xl"

# A VNode's domain as the agent asks for it, and the xl.cfg that means the same.
BASE = {"name": "n", "uuid": UUID, "mark": "h A r1", "kernel": domains.KERNEL, "memory": 128, "vcpus": 1,
        "weight": 256, "cap": 0, "cpus": "", "nics": [], "disks": [], "pci": []}
NIC = {"mac": "00:16:3e:01:02:03", "ifname": "sv7", "mtu": 1500, "rate_kbit": 0}
SAME = [
    ("pv", {}, ""),
    ("pv", {"ramdisk": domains.INITRD, "cmdline": "quiet x=1"},
     f'ramdisk = "{domains.INITRD}"\ncmdline = "quiet x=1"'),
    ("pv", {"vcpus": 4, "cpus": "1,3-4", "weight": 512, "cap": 150},
     'vcpus = 4\ncpus = "1,3-4"\ncpu_weight = 512\ncap = 150'),
    ("pv", {"nics": [NIC, {**NIC, "mac": "00:16:3e:01:02:04", "ifname": "sv8", "mtu": 9000, "rate_kbit": 20000}]},
     'vif = [ "mac=00:16:3e:01:02:03,vifname=sv7,type=vif,mtu=1500,script=SCRIPT",'
     ' "mac=00:16:3e:01:02:04,vifname=sv8,type=vif,mtu=9000,rate=20Mb/s@50ms,script=SCRIPT" ]'),
    ("pv", {"disks": [{"path": "/d", "format": "raw", "device": "xvda"},
                      {"path": "/dev/vg/lv", "format": "lvm", "device": "xvdb", "readonly": True},
                      {"path": "/q", "format": "qcow2", "device": "xvdc"}]},
     'disk = [ "format=raw,vdev=xvda,access=rw,backendtype=phy,script=SCRIPT,target=/d",'
     ' "format=raw,vdev=xvdb,access=ro,backendtype=phy,script=SCRIPT,target=/dev/vg/lv",'
     ' "format=qcow2,vdev=xvdc,access=rw,backendtype=qdisk,target=/q" ]'),
    ("pv", {"pci": ["0000:03:1f.7", "0001:00:02.0"]}, 'pci = [ "0000:03:1f.7", "0001:00:02.0" ]'),
    ("pvh", {"ramdisk": domains.INITRD, "nics": [NIC], "vcpus": 2, "cpus": "0"},
     f'ramdisk = "{domains.INITRD}"\nvcpus = 2\ncpus = "0"\n'
     'vif = [ "mac=00:16:3e:01:02:03,vifname=sv7,type=vif,mtu=1500,script=SCRIPT" ]'),
    ("hvm", {"kernel": None, "nics": [NIC], "disks": [{"path": "/d", "format": "raw", "device": "xvda"}],
             "pci": ["0000:03:1f.7"]},
     'kernel = ""\nboot = "c"\nserial = "pty"\nvga = "none"\nnographic = 1\nvnc = 0\nsdl = 0\n'
     'vif = [ "mac=00:16:3e:01:02:03,vifname=sv7,type=vif,mtu=1500,script=SCRIPT" ]\n'
     'disk = [ "format=raw,vdev=xvda,access=rw,backendtype=phy,script=SCRIPT,target=/d" ]\npci = [ "0000:03:1f.7" ]'),
]


def ours(domain):
    done = run(binary(XL), "call", stdin=json.dumps({"op": "print", "domain": domain}) + "\n")
    reply = json.loads(done.stdout)
    need("error" not in reply, f"{domain}: {reply}")
    return reply["config"]


def theirs(text):
    path = "/tmp/svkinds.cfg"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    done = run("xl", "-N", "create", path)
    return json.loads(done.stdout[done.stdout.index("{"):])


def differences(a, b, at=""):
    """Paths at which two JSON values differ, with both."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for key in sorted(a.keys() | b.keys())
                for d in differences(a.get(key), b.get(key), f"{at}.{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for n, (x, y) in enumerate(zip(a, b)) for d in differences(x, y, f"{at}[{n}]")]
    return [] if a == b else [f"{at}: {json.dumps(a)}, and xl has {json.dumps(b)}"]


@scenario("kinds: libxl is handed what xl makes of the same domain", Dom0, ("none",))
def same_as_xl(_topo):
    for kind, more, cfg in SAME:
        domain = {**BASE, **more, "type": kind, "script": binary(XL)}
        a = ours({k: v for k, v in domain.items() if v is not None})
        kernel = "" if "kernel =" in cfg else f'kernel = "{domains.KERNEL}"\n'
        vcpus = "" if "vcpus =" in cfg else "vcpus = 1\n"
        weight = "" if "cpu_weight" in cfg else "cpu_weight = 256\ncap = 0\n"
        b = theirs(f'name = "n"\nuuid = "{UUID}"\ntype = "{kind}"\nmemory = 128\n{vcpus}{kernel}{weight}' +
                   cfg.replace("SCRIPT", binary(XL)).replace('kernel = ""\n', "") + "\n")
        # What xl has no word for: whose domain it is, and that a pinned one is placed already.
        need(a["c_info"].pop("xsdata", None) == {"svnet": "h A r1"}, f"{kind}: it has no mark")
        need((a["b_info"].pop("numa_placement", None) == "False") == bool(domain["cpus"]), f"{kind}: numa_placement")
        for nic in a.get("nics", []) + b.get("nics", []):
            need(nic.pop("nictype", "vif") == "vif", f"{kind}: an emulated NIC")
        found = differences(a, b)
        need(not found, f"{kind} {more}: " + "; ".join(found))
    return f"{len(SAME)} domains"


def asked(op, **request):
    return json.loads(run(binary(XL), "call", stdin=json.dumps({"op": op, **request}) + "\n", timeout=90).stdout)


@scenario("kinds: what this machine cannot run is refused with what to do, and leaves nothing", Dom0, ("none",))
def cannot(_topo):
    able = set(domains.info()["virt_caps"].split())
    before = domains.xenstore("/libxl")
    cases = [(not able & {"pv_directio", "hvm_directio"}, {"type": "pv", "pci": ["0000:00:1f.2"]}, "no IOMMU"),
             ("hvm" not in able, {"type": "pvh"}, "no hardware virtualization"),
             ("hvm" not in able, {"type": "hvm"}, "no hardware virtualization"),
             (True, {"type": "pv", "memory": 1 << 20}, "MiB left")]
    tried = [(more, why, asked("create", domain={**BASE, **more, "script": binary(XL)}))
             for wanted, more, why in cases if wanted]
    for more, why, reply in tried:
        need(why in reply.get("error", ""), f"{more}: {reply}")
    need(not domains.names(), f"domains are left: {domains.names()}")
    need(domains.xenstore("/libxl") == before, "xenstore has more than before")
    return f"{len(tried)} of {len(cases)} cases; Xen has {' '.join(sorted(able))}"
