#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Takes the increment of one counter after the other out of a copy of bpf/, and expects that a test
fails: a counter that nobody would miss is not shown to be right."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
TABLES = {"SV_REASONS": "SV_REASON_", "SV_SHEDS": "SV_SCOUNT_", "SV_DEV_REASONS": "SV_DEV_"}


def mutants():
    """Every counter of maps/reason.h, by its enumerator."""
    with open(f"{ROOT}/maps/reason.h", encoding="utf-8") as f:
        text = f.read()
    for macro, prefix in TABLES.items():
        body = text[text.index(f"#define {macro}(X)"):].split("\n\n")[0]
        for name in re.findall(r"X\((\w+),", body):
            yield prefix + name


ADD = re.compile(r"sv_count_add\(&([^;]+?)->r\[([^\]]+)\],")
DEV = re.compile(r"(?<!&)\brow->r\[([^\]]+)\] ?(?:\+=[^;]+|\+\+);")


def table_of(row, index):
    """Which table an increment is in: by its constant, or by the variable that holds it."""
    if index.startswith("SV_"):
        return re.match(r"SV_[A-Z]+?_", index).group(0)
    return "SV_SCOUNT_" if index == "fate" or row.startswith("srow") else "SV_REASON_"


def mutate(text, mutant):
    """The same source without this counter, and how many places increment it."""
    sites = 0

    def add(match):
        nonlocal sites
        row, index = match.group(1), match.group(2)
        if not mutant.startswith(table_of(row, index)):
            return match.group(0)
        if index.startswith("SV_") and index != mutant:
            return match.group(0)
        sites += 1
        return f"if ((int)({index}) != (int){mutant}) {match.group(0)}"

    def dev(match):
        nonlocal sites
        index = match.group(1)
        if not mutant.startswith("SV_DEV_") or (index.startswith("SV_") and index != mutant):
            return match.group(0)
        sites += 1
        return f"if ((int)({index}) != (int){mutant}) {match.group(0)}"
    text = ADD.sub(add, text)
    return DEV.sub(dev, text), sites


def write_mutant(tree, mutant):
    sites = 0
    for folder, _, names in os.walk(f"{ROOT}/bpf"):
        for name in names:
            if not name.endswith((".h", ".c")):
                continue
            source = os.path.join(folder, name)
            target = os.path.join(tree, os.path.relpath(source, ROOT))
            with open(source, encoding="utf-8") as f:
                text, n = mutate(f.read(), mutant)
            with open(target, encoding="utf-8") as f:
                if f.read() == text:
                    sites += n
                    continue
            with open(target, "w", encoding="utf-8") as f:
                f.write(text)
            sites += n
    return sites


def sh(tree, *argv, timeout=900):
    return subprocess.run(argv, cwd=tree, capture_output=True, text=True, timeout=timeout,
                          check=False, env={**os.environ, "B": f"{tree}/build"})


def prog_targets(tree):
    return [f"{tree}/build/tests/prog/{n[:-2]}" for n in sorted(os.listdir(f"{tree}/tests/prog"))
            if n.startswith("test_") and n.endswith(".c")]


def killed_by(tree, prefix, e2e):
    """The name of the first test that failed, or None."""
    targets = prog_targets(tree)
    done = sh(tree, "make", "-j2", "all", "tools", *targets)
    if done.returncode:
        raise SystemExit(f"the mutant does not build:\n{done.stdout[-800:]}{done.stderr[-2000:]}")
    for target in targets:
        if sh(tree, target).returncode:
            return os.path.basename(target)
    if not e2e:
        return None
    done = sh(tree, "tests/e2e/run.py", "--prefix", prefix, "--quick", "--only", "basic", "--only",
              "accounting", "--only", "nothing of a shadow", "--only", "segments")
    failed = re.findall(r"^not ok \d+ - (.*)$", done.stdout, re.M)
    return failed[0] if failed else (f"e2e ended with {done.returncode}" if done.returncode else None)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", action="append", help="counters, e.g. SV_REASON_HAIRPIN")
    p.add_argument("--prefix", default="svm")
    p.add_argument("--no-e2e", action="store_true", help="only the program tests")
    options = p.parse_args()
    tree = tempfile.mkdtemp(prefix="svnet-mutants-")
    shutil.copytree(ROOT, tree, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    survivors, number = [], 0
    try:
        base = killed_by(tree, options.prefix, False)
        if base:
            print(f"Bail out! {base} fails without any mutant")
            return 1
        for mutant in mutants():
            if options.only and mutant not in options.only:
                continue
            number += 1
            start = time.monotonic()
            sites = write_mutant(tree, mutant)
            by = killed_by(tree, options.prefix, not options.no_e2e) if sites else None
            print(f"{'ok' if by else 'not ok'} {number} - without {mutant} "
                  f"({sites} places): {by or 'nobody noticed'}", flush=True)
            print(f"# {time.monotonic() - start:.0f} s", flush=True)
            if not by:
                survivors.append(mutant)
        print(f"1..{number}")
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
