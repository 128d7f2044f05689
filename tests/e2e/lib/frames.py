# SPDX-License-Identifier: GPL-2.0-only
"""Frames a network element says of its own accord, and captures of real ones."""
import glob
import os
import warnings

from .shell import ROOT

SMAC = "02:5e:0b:00:00:01"
LINKTYPE_ETHERNET = 1


def captures_folder():
    """The folder of captures, or None when this checkout has none beside it."""
    folder = os.environ.get("CAPTURES", os.path.join(ROOT, "..", "shared", "captures"))
    return folder if glob.glob(f"{folder}/*.pcap*") else None


def captures(mtu=1500):
    """Every Ethernet frame of every capture that a device with this MTU can send, and how many
    cannot be: (frames, skipped)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from scapy.utils import RawPcapReader
    frames, skipped = [], 0
    for path in sorted(glob.glob(f"{captures_folder()}/*.pcap*")):
        reader = RawPcapReader(path)
        for data, meta in reader:
            kind = getattr(meta, "linktype", None) or getattr(reader, "linktype", None)
            tag = 4 if data[12:14] == b"\x81\x00" else 0
            if kind == LINKTYPE_ETHERNET and 14 <= len(data) <= 14 + mtu + tag:
                frames.append(data)
            else:
                skipped += 1
        reader.close()
    return frames, skipped


def own():
    """One of each of our own making; every frame differs from what any kernel here would send."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from scapy.contrib.lldp import (LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID,
                                        LLDPDUTimeToLive)
        from scapy.contrib.ospf import OSPF_Hdr, OSPF_Hello
        from scapy.layers.dhcp import BOOTP, DHCP
        from scapy.layers.inet import ICMP, IP, UDP
        from scapy.layers.inet6 import (ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo,
                                        ICMPv6NDOptSrcLLAddr, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
                                        ICMPv6ND_RS, IPv6)
        from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
        from scapy.layers.vrrp import VRRP, VRRPv3
    all_ff, llip = "ff:ff:ff:ff:ff:ff", "fe80::5e:bff:fe00:1"
    mac = SMAC
    frames = {
        "ARP request": Ether(src=mac, dst=all_ff) /
        ARP(op=1, hwsrc=mac, psrc="10.1.0.66", pdst="10.1.0.77"),
        "gratuitous ARP": Ether(src=mac, dst=all_ff) /
        ARP(op=1, hwsrc=mac, psrc="10.1.0.66", pdst="10.1.0.66"),
        "ARP reply": Ether(src=mac, dst="02:5e:0b:00:00:02") /
        ARP(op=2, hwsrc=mac, psrc="10.1.0.66", hwdst="02:5e:0b:00:00:02", pdst="10.1.0.77"),
        "neighbour solicitation": Ether(src=mac, dst="33:33:ff:00:00:77") /
        IPv6(src=llip, dst="ff02::1:ff00:77") / ICMPv6ND_NS(tgt="fd00:1::77") /
        ICMPv6NDOptSrcLLAddr(lladdr=mac),
        "duplicate address detection": Ether(src=mac, dst="33:33:ff:00:00:78") /
        IPv6(src="::", dst="ff02::1:ff00:78") / ICMPv6ND_NS(tgt="fd00:1::78"),
        "neighbour advertisement": Ether(src=mac, dst="33:33:00:00:00:01") /
        IPv6(src=llip, dst="ff02::1") / ICMPv6ND_NA(tgt="fd00:1::66", R=1, S=0, O=1) /
        ICMPv6NDOptDstLLAddr(lladdr=mac),
        "router advertisement": Ether(src=mac, dst="33:33:00:00:00:01") /
        IPv6(src=llip, dst="ff02::1") / ICMPv6ND_RA() / ICMPv6NDOptSrcLLAddr(lladdr=mac) /
        ICMPv6NDOptPrefixInfo(prefix="fd00:bad::", prefixlen=64, A=0, L=0),
        "router solicitation": Ether(src=mac, dst="33:33:00:00:00:02") /
        IPv6(src=llip, dst="ff02::2") / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=mac),
        "DHCP discover": Ether(src=mac, dst=all_ff) / IP(src="0.0.0.0", dst="255.255.255.255") /
        UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(mac.replace(":", ""))) /
        DHCP(options=[("message-type", "discover"), "end"]),
        "OSPF hello": Ether(src=mac, dst="01:00:5e:00:00:05") /
        IP(src="10.1.0.1", dst="224.0.0.5", ttl=1, proto=89) / OSPF_Hdr(src="10.1.0.1") /
        OSPF_Hello(),
        "VRRP": Ether(src="00:00:5e:00:01:33", dst="01:00:5e:00:00:12") /
        IP(src="10.1.0.1", dst="224.0.0.18", ttl=255) / VRRP(vrid=51, addrlist=["10.1.0.254"]),
        "VRRPv3": Ether(src="00:00:5e:00:02:34", dst="33:33:00:00:00:12") /
        IPv6(src=llip, dst="ff02::12", hlim=255) / VRRPv3(vrid=52, addrlist=["fe80::1"]),
        "spanning tree": Dot3(src=mac, dst="01:80:c2:00:00:00") / LLC() / STP(bridgemac=mac),
        "LLDP": Ether(src=mac, dst="01:80:c2:00:00:0e", type=0x88cc) /
        LLDPDUChassisID(subtype=4, id=bytes.fromhex(mac.replace(":", ""))) /
        LLDPDUPortID(subtype=5, id="sv") / LLDPDUTimeToLive(ttl=120) / LLDPDUEndOfLLDPDU(),
        "broadcast": Ether(src=mac, dst=all_ff) / IP(src="10.1.0.1", dst="10.1.0.255") /
        UDP(sport=9, dport=9) / b"shadow broadcast",
        "unicast": Ether(src=mac, dst="02:5e:0b:00:00:02") / IP(src="10.1.0.1", dst="10.1.0.100") /
        ICMP() / b"shadow unicast",
        "tagged broadcast": Ether(src=mac, dst=all_ff) / Dot1Q(vlan=9) / IP(dst="10.1.0.255") /
        UDP(sport=9, dport=9) / b"shadow in a tag",
        "unknown EtherType": Ether(src=mac, dst=all_ff, type=0x88b5) / b"shadow experiment",
        "shortest": Ether(src=mac, dst=all_ff, type=0x88b6),
    }
    return {name: bytes(frame) for name, frame in frames.items()}
