# SPDX-License-Identifier: MIT
"""A driver that has been taken over reaches nothing that it was not given (tests/isolation), and what it was given is
what the manifest says (./bulkhead caps)."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("BUILD") or "build")


def caps(component, system):
    result = subprocess.run([sys.executable, ROOT / "bulkhead", "--build", BUILD, "caps", component, "--system", system],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


class Isolation(unittest.TestCase):
    def test_a_driver_taken_over_is_refused_everything(self):
        status, output = caps("taken", "isolation")
        self.assertEqual(status, 0, output)
        log = (BUILD / "log/last").read_text(errors="replace")
        match = re.search(r"isolation: (\d+) attempts refused, (\d+) escaped", log)
        self.assertTrue(match, log)
        self.assertGreater(int(match[1]), 1000)
        self.assertEqual(int(match[2]), 0, log)

    def test_a_uart_driver_has_its_ports_its_interrupt_and_its_endpoint(self):
        status, output = caps("uart0", "busybox")
        self.assertEqual(status, 0, output)
        devices = [line.split(None, 1)[1] for line in output.splitlines() if re.search("ports|interrupt line", line)]
        self.assertEqual(devices, ["I/O ports 0x3f8 to 0x3ff", "interrupt line 4"], output)
        self.assertNotIn("untyped", output)
        self.assertEqual(re.findall("frames of 16 KiB: .*", output), ["frames of 16 KiB: uart0-rings"], output)
        self.assertNotIn("address space of", output)
