# SPDX-License-Identifier: MIT
"""What `./bulkhead log` says of the last run: which program ended by a fault, or because liblinux could not go on, where and why."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("BUILD") or "build")
FAULTS = {  # case of tests/linux/wrong.c: what is logged
    "null_call": "signal 11, code 1: address 0 at pc 0,",
    "jump_kernel": "signal 11, code 1: address ffffffff80000000 at pc ffffffff80000000,",
    "illegal": "signal 4, code 2: vector 6 at pc 4",
    "halt": "signal 11, code 128: vector d at pc 4",
    "divide": "signal 8, code 1: vector 0 at pc 4",
    "bad_sigreturn": "signal 11: bad signal frame",
}


class Log(unittest.TestCase):
    def test_who_ended_by_a_fault_is_logged_with_where_and_why_and_nobody_else_notices(self):
        program = BUILD / "tests/wrong"
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["clang", "-O1", "-static", "-pthread", "-o", program, ROOT / "tests/linux/wrong.c"], check=True)
        bulkhead = [sys.executable, ROOT / "bulkhead", "--build", BUILD]
        script = "".join(f"wrong {case}\n" for case in FAULTS) + "seq 3 | sort -r"
        command = [*bulkhead, "exec", "--icount", "--add", f"{program}:/bin/wrong", "--", "sh", "-c", script]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, check=False)
        self.assertEqual(run.stdout, "3\n2\n1\n", run.stderr)
        log = subprocess.run([*bulkhead, "log"], stdout=subprocess.PIPE, text=True, check=True).stdout
        ends = re.findall(r"^proc: process \d+ \(wrong\) ends by (.*)$", log, re.MULTILINE)
        self.assertEqual(len(ends), len(FAULTS), log)
        for (case, expected), end in zip(FAULTS.items(), ends):
            self.assertTrue(end.startswith(expected), f"{case}: {end}")
        self.assertNotRegex(log, r"supervisor: \w+ ended by (?!plan)")  # proc may have second thoughts


if __name__ == "__main__":
    unittest.main()
