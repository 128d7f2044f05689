# SPDX-License-Identifier: GPL-2.0-only
"""What a run was made with: revision, date, machine, kernel, versions."""

import datetime
import os
import platform
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("libbpf1", "libxdp1", "clang", "iproute2", "python3")


def said(*argv):
    """What a program says, or nothing."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=HERE).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def revision():
    """The commit, with "+" when a tracked file differs from it."""
    head = said("git", "rev-parse", "HEAD")
    return head + ("+" if said("git", "status", "--porcelain", "--untracked-files=no") else "")


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def describe_machine(packages=PACKAGES):
    """For machine.json: texts and numbers, versions as {package: version}. No host name, no paths."""
    versions = {name: said("dpkg-query", "-W", "-f=${Version}", name) for name in packages}
    return {
        "revision": revision() or "unknown",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "kernel": platform.release(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "memory_gib": memory_gib(),
        "virtual": said("systemd-detect-virt", "--vm") or "no, or unknown",
        "versions": {name: version for name, version in versions.items() if version},
    }
