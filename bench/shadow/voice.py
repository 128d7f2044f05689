# SPDX-License-Identifier: GPL-2.0-only
"""A real SIP call between two baresip clients, and what captures say of its RTP stream."""
import math
import os
import struct
import wave

RTP_PORTS = (10000, 10100)
CAPTURE_FILTER = "udp portrange %d-%d" % RTP_PORTS


def _tone(path, seconds, rate=8000):
    """A file that lasts as long as the call: baresip goes silent at its end."""
    second = b"".join(
        struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * i / rate))) for i in range(rate)
    )
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(math.ceil(seconds)):
            out.writeframes(second)


def _client(folder, name, address, tone, auto):
    """Writes one client's configuration folder: G.711, 20 ms, no registrar, no sound card."""
    os.makedirs(folder, exist_ok=True)
    modules = ["stdio.so", "g711.so", "aufile.so"]
    with open(os.path.join(folder, "config"), "w") as out:
        out.write("module_path /usr/lib/baresip/modules\n")
        out.writelines("module %s\n" % m for m in modules)
        out.write("module_app account.so\nmodule_app menu.so\n")
        out.write("audio_source aufile,%s\n" % tone)
        out.write("audio_player aufile,%s\n" % os.path.join(folder, "heard.wav"))
        out.write("sip_listen %s:5060\nrtp_ports %d-%d\nrtp_stats yes\n" % (address, *RTP_PORTS))
    with open(os.path.join(folder, "accounts"), "w") as out:
        mode = ";answermode=auto" if auto else ""
        out.write("<sip:%s@%s>;regint=0;audio_codecs=PCMU%s\n" % (name, address, mode))
    return folder


class Call:
    """caller and callee are functions (argv, log) -> Popen that start a process on their host."""

    def __init__(self, folder, caller, caller_ip, callee, callee_ip, seconds):
        tone = os.path.join(folder, "tone.wav")
        os.makedirs(folder, exist_ok=True)
        _tone(tone, seconds + 5)
        b = _client(os.path.join(folder, "callee"), "b", callee_ip, tone, True)
        a = _client(os.path.join(folder, "caller"), "a", caller_ip, tone, False)
        self._callee = callee(["baresip", "-f", b], os.path.join(folder, "callee.log"))
        self._caller_argv = [
            "baresip", "-f", a, "-e", "/dial sip:b@%s:5060" % callee_ip, "-t", str(math.ceil(seconds)),
        ]
        self._caller_start = lambda: caller(self._caller_argv, os.path.join(folder, "caller.log"))
        self._caller = None

    def dial(self):
        self._caller = self._caller_start()

    def end(self):
        for process in (self._caller, self._callee):
            if process and process.poll() is None:
                process.terminate()
                process.wait(10)


class Capture:
    """Reads a pcap file that tcpdump is still writing: one (time, stream, sequence, dscp) a packet."""

    def __init__(self, path):
        self._path = path
        self._file = None
        self._rest = b""
        self.packets = []

    def read(self):
        if self._file is None:
            if not os.path.exists(self._path):
                return self.packets
            self._file = open(self._path, "rb")
            self._header = b""
        if len(self._header) < 24:
            self._header += self._file.read(24 - len(self._header))
            if len(self._header) < 24:
                return self.packets
            magic = struct.unpack("<I", self._header[:4])[0]
            self._unit = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}[magic]
        data = self._rest + self._file.read()
        at = 0
        while at + 16 <= len(data):
            sec, frac, caplen, _ = struct.unpack_from("<IIII", data, at)
            if at + 16 + caplen > len(data):
                break
            self._packet(sec + frac * self._unit, data[at + 16 : at + 16 + caplen])
            at += 16 + caplen
        self._rest = data[at:]
        return self.packets

    def _packet(self, time, frame):
        """Keeps RTP over UDP over IPv4; RTCP shares the port range but has payload types 72 … 76."""
        if len(frame) < 14 + 20 + 8 + 12 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
            return
        ip = 14
        udp = ip + (frame[ip] & 15) * 4
        rtp = udp + 8
        if len(frame) < rtp + 12 or frame[rtp] >> 6 != 2 or 72 <= frame[rtp + 1] & 0x7F <= 76:
            return
        sequence, = struct.unpack_from("!H", frame, rtp + 2)
        stamp, ssrc = struct.unpack_from("!II", frame, rtp + 4)
        self.packets.append((time, frame[26:30], ssrc, sequence, stamp, frame[15] >> 2))


def sent_by(packets, address):
    """The RTP packets of one sender: {(ssrc, sequence, timestamp): first time seen}, and repeats."""
    source = bytes(int(part) for part in address.split("."))
    first, repeats = {}, []
    for time, src, ssrc, sequence, stamp, _ in packets:
        if src != source:
            continue
        key = (ssrc, sequence, stamp)
        if key in first:
            repeats.append((time, key))
        else:
            first[key] = time
    return first, repeats
