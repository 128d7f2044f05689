# SPDX-License-Identifier: GPL-2.0-only
"""The smallest guests: PV kernels of one page that do one thing for ever, so that to make one takes next to
nothing, and it ends when it is told to."""
import struct

BASE = 0xffffffff80000000
CODE, HYPERCALLS = 0x1000, 0x2000  # behind it, and in the file
SCHED_OP = 29  # __HYPERVISOR_sched_op
BLOCK, SHUTDOWN = 1, 2  # SCHEDOP_…
POWEROFF, CRASH = 0, 3  # SHUTDOWN_…


def _note(kind, value):
    data = value.encode() + b"\0" if isinstance(value, str) else struct.pack("<Q", value)
    return struct.pack("<III", 4, len(data), kind) + b"Xen\0" + data + b"\0" * (-len(data) % 4)


def _code(operation, argument):
    """operation(&argument), again and again."""
    call = HYPERCALLS + 32 * SCHED_OP - (CODE + 17)
    return (b"\xbf" + struct.pack("<I", operation) +  # mov $operation, %edi
            b"\x48\x8d\x35" + struct.pack("<i", 7) +  # lea argument(%rip), %rsi
            b"\xe8" + struct.pack("<i", call) +       # call hypercall
            b"\xeb\xed" +                             # jmp to the beginning
            struct.pack("<I", argument))


def kernel(path, operation, argument=0):
    """Writes an ELF file as libxl takes it for a PV domain."""
    notes = b"".join(_note(kind, value) for kind, value in (
        (6, "svnet"), (5, "xen-3.0"), (8, "generic"), (3, BASE), (4, 0), (1, BASE + CODE), (2, BASE + HYPERCALLS)))
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE + CODE, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, CODE, BASE + CODE, CODE, 0x2000, 0x2000, 0x1000)
    note = struct.pack("<IIQQQQQQ", 4, 4, 176, 0, 0, len(notes), len(notes), 4)
    with open(path, "wb") as f:
        f.write((head + load + note + notes).ljust(CODE, b"\0") +
                _code(operation, argument).ljust(0x2000, b"\0"))
    return path


def idle():
    return kernel("/tmp/svnet-idle.elf", BLOCK)


def crashing():
    return kernel("/tmp/svnet-crash.elf", SHUTDOWN, CRASH)


def ending():
    return kernel("/tmp/svnet-off.elf", SHUTDOWN, POWEROFF)
