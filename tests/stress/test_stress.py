# SPDX-License-Identifier: MIT
"""Load and greed: afterwards nothing may be missing, and meanwhile others must be able to work.

STRESS=full (make stress) does ten thousand forks, a million messages and a hundred thousand restarts; otherwise it is a
matter of seconds.
"""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("BUILD") or "build")
FULL = os.environ.get("STRESS") == "full"
BUSY = ("10000", "1000000", "2000") if FULL else ("100", "5000", "50")
ROUNDS = 100 if FULL else 3
RESTARTS = 100000 if FULL else 2000
HOGS = ("forks", "memory", "pipes", "files", "space")


def program(name):
    """A program of tests/linux, built."""
    source, path = ROOT / f"tests/linux/{name}.c", BUILD / f"tests/{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["clang", "-O1", "-static", "-pthread", "-Wall", "-Werror", "-o", path, source], check=True)
    return path


def in_guest(script, programs, arguments, *options, timeout):
    """Run a script of this folder on Bulkhead; returns its status and output."""
    command = [sys.executable, ROOT / "bulkhead", "--build", BUILD, "exec", "--timeout", str(timeout), *options,
               "--add", f"{ROOT}/tests/stress/{script}:/test.sh", "--add", f"{ROOT}/tests/stress/quiet.sh:/quiet.sh"]
    for name in programs:
        command += ["--add", f"{program(name)}:/bin/{name}"]
    result = subprocess.run([*command, "--", "sh", "/test.sh", *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


class Stress(unittest.TestCase):
    def test_a_busy_time_leaves_no_trace_in_the_ledger(self):
        # In virtual time: it is quicker, and the same each time.
        status, output = in_guest("busy.sh", ["busy"], BUSY, "--icount", timeout=1800 if FULL else 120)
        if FULL:
            print(output)
        self.assertEqual(status, 0, output)

    def test_processes_killed_in_every_state_leave_no_trace_in_the_ledger(self):
        status, output = in_guest("busy.sh", ["ends"], [str(ROUNDS)], "--icount", timeout=1800 if FULL else 120)
        if FULL:
            print(output)
        self.assertEqual(status, 0, output)

    def test_restarts_leave_no_trace_in_the_ledger(self):
        status, output = in_guest("restarts.sh", [], [str(RESTARTS)], "--icount", timeout=7200 if FULL else 300)
        if FULL:
            print(output)
        self.assertEqual(status, 0, output)
        self.assertGreaterEqual(int(re.search(r"^restarts (\d+)$", output, re.MULTILINE)[1]), RESTARTS)

    def check_hog(self, kind):
        status, output = in_guest("hogs.sh", ["hog"], [kind], timeout=120)
        self.assertEqual(output.strip(), f"{kind}: root works: yes; ended by one kill: yes; ledger as before: yes")
        self.assertEqual(status, 0)


def add_hog(kind):
    setattr(Stress, f"test_a_hog_of_{kind}_stops_nobody_else", lambda self: self.check_hog(kind))


for hog in HOGS:
    add_hog(hog)

if __name__ == "__main__":
    unittest.main()
