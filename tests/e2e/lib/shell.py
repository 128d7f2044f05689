# SPDX-License-Identifier: GPL-2.0-only
"""Commands, waiting, and where things are."""
import os
import subprocess
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.path.realpath(os.environ.get("B", os.path.join(ROOT, "build")))
VERBOSE = False


class Fail(AssertionError):
    """A scenario's expectation that did not hold."""


def lines(text):
    """Diagnostic lines of the TAP output."""
    return "".join(f"# {line}\n" for line in str(text).splitlines())


def note(text):
    print(lines(text), end="", flush=True)


def debug(text):
    if VERBOSE:
        note(text)


def binary(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise Fail(f"{path} is missing: build it first")
    return path


def run(*argv, check=True, stdin=None, timeout=60):
    """Runs a command to its end; returns the finished process with text output."""
    argv = [str(a) for a in argv]
    debug("$ " + " ".join(a if len(a) < 100 else a[:100] + "…" for a in argv))
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout,
                          check=False)
    if check and done.returncode:
        text = (done.stderr.strip() or done.stdout.strip())[-800:]
        raise Fail(f"`{' '.join(argv)[:300]}` ended with {done.returncode}: {text}")
    return done


def out(*argv, **kw):
    return run(*argv, **kw).stdout


def wait_for(what, test, seconds=15.0, step=0.05):
    """Polls until test() is true and returns its value. What is waited for, not the wait, decides."""
    end = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > end:
            raise Fail(f"waited {seconds:g} s in vain for {what}")
        time.sleep(step)


def need(condition, text):
    """One expectation of a scenario."""
    if not condition:
        raise Fail(text)


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
