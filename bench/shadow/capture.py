# SPDX-License-Identifier: GPL-2.0-only
"""Capture files that are still being written: tcpdump's, and the pcapng of `svnet capture`."""
import os
import struct

ETHERNET, IPV4, UDP = 14, b"\x08\x00", 17
BATCH = 1 << 22


class Follower:
    """New (time, frame) of a file since the last look. `name`.log has what its writer said."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).split(".")[0]
        self._file = None
        self._rest = b""
        self._parse = None
        self._unit = 1e-9

    def frames(self):
        if self._file is None:
            if not os.path.exists(self.path):
                return
            self._file = open(self.path, "rb")
        while data := self._file.read(BATCH):
            self._rest += data
            if self._parse is None and not self._head():
                return
            at = 0
            while (step := self._parse(at)) is not None:
                at, when, frame = step
                if frame is not None:
                    yield when, frame
            self._rest = self._rest[at:]

    def _head(self):
        if len(self._rest) < 24:
            return False
        magic = struct.unpack_from("<I", self._rest)[0]
        if magic == 0x0A0D0D0A:
            self._parse = self._pcapng
            return True
        self._unit = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}[magic]
        self._rest = self._rest[24:]
        self._parse = self._pcap
        return True

    def _pcap(self, at):
        if at + 16 > len(self._rest):
            return None
        sec, frac, length, _ = struct.unpack_from("<IIII", self._rest, at)
        end = at + 16 + length
        if end > len(self._rest):
            return None
        return end, sec + frac * self._unit, self._rest[at + 16:end]

    def _pcapng(self, at):
        """Blocks other than packets are passed over: svnet's times are nanoseconds throughout."""
        if at + 12 > len(self._rest):
            return None
        kind, length = struct.unpack_from("<II", self._rest, at)
        if at + length > len(self._rest):
            return None
        if kind != 6:
            return at + length, 0.0, None
        high, low, captured = struct.unpack_from("<III", self._rest, at + 12)
        begin = at + 28
        return at + length, ((high << 32) | low) * 1e-9, self._rest[begin:begin + captured]


def ipv4(frame):
    return len(frame) >= ETHERNET + 20 and frame[12:14] == IPV4


class Voice(Follower):
    """The RTP of one sender: {(ssrc, sequence, timestamp): time it was seen first}, and repeats."""

    def __init__(self, path, address):
        super().__init__(path)
        self._source = bytes(int(part) for part in address.split("."))
        self.first, self.repeats = {}, []

    def read(self):
        for when, frame in self.frames():
            key = self._key(frame)
            if key is None:
                continue
            if key in self.first:
                self.repeats.append((when, key))
            else:
                self.first[key] = when
        return self.first

    def _key(self, frame):
        """RTP over UDP over IPv4. RTCP shares the port range but has payload types 72 … 76."""
        if not ipv4(frame) or frame[23] != UDP or frame[26:30] != self._source:
            return None
        rtp = ETHERNET + (frame[ETHERNET] & 15) * 4 + 8
        if len(frame) < rtp + 12 or frame[rtp] >> 6 != 2 or 72 <= frame[rtp + 1] & 0x7F <= 76:
            return None
        sequence, stamp, ssrc = struct.unpack_from("!HII", frame, rtp + 2)
        return ssrc, sequence, stamp

    def count(self, begin, end):
        """How many were seen in a stretch of time, among the newest."""
        n = 0
        for when in reversed(self.first.values()):
            if when < begin - 1:
                break
            n += begin <= when < end
        return n


class Sniffer(Follower):
    """Independent of svnet, outside: how many frames carried a DSCP mark, and how many did not."""

    def __init__(self, path, mark):
        super().__init__(path)
        self._mark = mark

    def seen(self, heard_from, heard_for_sure):
        """Frames with the mark before, frames with it after, frames without it well after."""
        early, marked, late = 0, 0, 0
        for when, frame in self.frames():
            if not ipv4(frame):
                continue
            if frame[15] >> 2 == self._mark:
                early += when < heard_from
                marked += when >= heard_from
            else:
                late += when > heard_for_sure
        return early, marked, late
