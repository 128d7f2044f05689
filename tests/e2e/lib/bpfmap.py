# SPDX-License-Identifier: GPL-2.0-only
"""Pinned BPF maps read whole, by the system call: an array of 65,536 fan-outs is too much for JSON."""
import ctypes
import errno
import os
import platform
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
LOOKUP, UPDATE, GET_NEXT, OBJ_GET, INFO = 1, 2, 4, 7, 15
PROG_BY_ID, MAP_BY_ID = 13, 14
BATCH = 24
PROGRAMS, MAPS = 3, 12  # of which an entry is a number
PER_CPU = (5, 6, 10)
libc = ctypes.CDLL(None, use_errno=True)


def _bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    done = libc.syscall(SYS_BPF, cmd, buf, 128)
    return (done, 0 if done >= 0 else ctypes.get_errno(), buf.raw)


class Map:
    """By its pinned path. Devices go into devmaps through bpftool in the host's namespace, not here."""

    def __init__(self, path):
        name = ctypes.create_string_buffer(path.encode())
        self.fd, err, _ = _bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))
        if self.fd < 0:
            raise OSError(err, f"{path}: {os.strerror(err)}")
        info = ctypes.create_string_buffer(256)
        _, err, _ = _bpf(INFO, struct.pack("=IIQ", self.fd, 256, ctypes.addressof(info)))
        self.type, self.id, self.key, self.value, self.max = struct.unpack("=5I", info.raw[:20])

    def close(self):
        os.close(self.fd)

    def lookup(self, key):
        k, v = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(self.value)
        done, _, _ = _bpf(LOOKUP, struct.pack("=I4xQQQ", self.fd, ctypes.addressof(k),
                                              ctypes.addressof(v), 0))
        return v.raw if done >= 0 else None

    def update(self, key, value):
        k, v = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(value, len(value))
        done, err, _ = _bpf(UPDATE, struct.pack("=I4xQQQ", self.fd, ctypes.addressof(k),
                                                ctypes.addressof(v), 0))
        if done < 0:
            raise OSError(err, f"map {self.id}: {os.strerror(err)}")

    def keys(self):
        prev, nxt = None, ctypes.create_string_buffer(self.key)
        while True:
            at = ctypes.addressof(prev) if prev is not None else 0
            done, _, _ = _bpf(GET_NEXT, struct.pack("=I4xQQ", self.fd, at, ctypes.addressof(nxt)))
            if done < 0:
                return
            yield nxt.raw
            prev = ctypes.create_string_buffer(nxt.raw, self.key)

    def _batches(self):
        """Whole by BPF_MAP_LOOKUP_BATCH; None where the map's kind has no such call."""
        table, chunk = {}, 4096
        width = max(self.key, 8)
        keys = ctypes.create_string_buffer(self.key * chunk)
        values = ctypes.create_string_buffer(self.value * chunk)
        cursor, first = ctypes.create_string_buffer(width), True
        while True:
            attr = struct.pack("=QQQQIIQQ", 0 if first else ctypes.addressof(cursor),
                               ctypes.addressof(cursor), ctypes.addressof(keys),
                               ctypes.addressof(values), chunk, self.fd, 0, 0)
            done, err, back = _bpf(BATCH, attr)
            if done < 0 and err != errno.ENOENT:
                return None
            n = struct.unpack_from("=I", back, 32)[0]
            key_bytes, value_bytes = keys.raw, values.raw
            for i in range(n):
                table[key_bytes[i * self.key:(i + 1) * self.key]] = \
                    value_bytes[i * self.value:(i + 1) * self.value]
            if done < 0 or not n:
                return table
            first = False

    def dump(self):
        """{key: value}; entries of zeros, of which arrays are full, are left out."""
        table = self._batches() if self.type not in PER_CPU else None
        if table is None:
            table = {k: self.lookup(k) for k in self.keys()}
        return {k: v for k, v in table.items() if v is not None and any(v)}


def cpus():
    """How many values an entry of a per-CPU map has."""
    with open("/sys/devices/system/cpu/possible", encoding="utf-8") as f:
        return int(f.read().strip().split("-")[-1]) + 1


def zero(path, key):
    m = Map(path)
    try:
        m.update(key, bytes((m.value + 7) // 8 * 8 * cpus() if m.type in PER_CPU else m.value))
    finally:
        m.close()


def hold(kind, number):
    """A descriptor of a map or a program, so that it outlives its entry; the caller's to close."""
    fd, err, _ = _bpf(PROG_BY_ID if kind == PROGRAMS else MAP_BY_ID, struct.pack("=III", number, 0, 0))
    if fd < 0:
        raise OSError(err, f"number {number}: {os.strerror(err)}")
    return fd


def dump(path):
    m = Map(path)
    try:
        return m.dump()
    finally:
        m.close()
