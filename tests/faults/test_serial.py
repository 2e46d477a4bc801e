# SPDX-License-Identifier: MIT
"""A serial port's driver is ended at every instruction that it executes while bytes go through it in both directions: each
byte arrives once, and in its place."""

import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import cli, faults_plan, guest, sites  # noqa: E402

DRIVER = "drivers/char/uart16550"
LINES = 40  # there and back in each sweep, however fast this machine brings them
KILLS = 1000  # at least so many deaths
SCRIPT = """#!/bin/sh
for sweep in {sweeps}; do
    echo "uart1 sweep $(echo $sweep | tr - ' ')" >/proc/bulkhead/fault
    for line in $(seq {lines}); do
        read -r text
        echo "$text"
    done
    echo "uart1 clear" >/proc/bulkhead/fault
done
grep '^uart1 ' /proc/bulkhead/status >&2
"""


class Serial(unittest.TestCase):
    def test_a_driver_ended_at_every_instruction_loses_and_doubles_no_byte(self):
        project = cli.Project(ROOT, os.environ.get("BUILD"))
        settings = guest.Settings(project.root, project.build, project.debian, icount=True, timeout=300,
                                  sites=lambda image: sites.bitmap(project.build, image))
        code = sites.instructions(project.build, DRIVER)
        end = code[-1].address + 1
        sweeps = [f"{at:#x}-{min(at + faults_plan.SWEEP_BYTES, end):#x}"
                  for at in range(code[0].address, end, faults_plan.SWEEP_BYTES)]
        text = b"".join(b"line %d of what goes there and back\n" % n for n in range(LINES * len(sweeps)))
        output, errors = bytearray(), bytearray()
        with tempfile.TemporaryFile() as typed:
            typed.write(text)
            typed.seek(0)
            run = guest.Guest(settings, guest.Script(SCRIPT.format(sweeps=" ".join(sweeps), lines=LINES).encode()))
            status = run.run(output.extend, errors.extend, typed.fileno())
        self.assertEqual(status, 0, errors)
        self.assertEqual(bytes(output), text)
        self.assertGreater(int(re.search(rb" starts (\d+) ", errors)[1]), KILLS, errors)


if __name__ == "__main__":
    unittest.main()
