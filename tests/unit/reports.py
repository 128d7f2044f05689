# SPDX-License-Identifier: GPL-2.0-only
"""For the tests of bench/report and what is built on it: where that is, and TAP."""

import os
import sys
import tempfile

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")
sys.path.insert(0, BENCH)


def run(tests, write):
    """Runs what is called test_…, each with a folder of its own that write(folder) has filled."""
    failed = 0
    tests = [test for name, test in tests.items() if name.startswith("test_")]
    for n, test in enumerate(tests, 1):
        name = test.__name__[5:].replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            write(folder)
            try:
                test(folder)
                print(f"ok {n} - {name}")
            except AssertionError as err:
                failed += 1
                print(f"not ok {n} - {name}: {err}")
    print(f"1..{len(tests)}")
    sys.exit(failed > 0)
