# SPDX-License-Identifier: MIT
"""Servers are killed again and again while programs work; what the programs print may not show it."""

import re
import unittest

from test_stress import in_guest

KILLED = (("tmpfs",), ("tty",), ("proc",), ("tmpfs", "tty", "proc"))
# By the clock, from when the system stands: microseconds.
KEEPERS_KILLED = ({"supervisor": 1700}, {"guardian": 1300}, {"supervisor": 2900, "guardian": 2300, "tty": 4100, "proc": 5300})
STANDS_US = 60000


def work(*killed, boot=""):
    """Output of kills.sh without its last lines, and how often each component was started (they say)."""
    status, output = in_guest("kills.sh", ["pipes"], killed, "--icount", "--boot", boot, timeout=120)
    starts = {name: int(n) for name, n in re.findall(r"^\d+ (\S+) state \d+ starts (\d+) .*\n", output, re.MULTILINE)}
    return status, re.sub(r"^\d+ \S+ state \d+ starts .*\n", "", output, flags=re.MULTILINE), starts


class Kills(unittest.TestCase):
    def test_killed_servers_are_not_noticed(self):
        status, expected, starts = work()
        self.assertEqual((status, set(starts.values())), (0, {1}), expected)
        for killed in KILLED:
            with self.subTest(killed=" ".join(killed)):
                status, output, starts = work(*killed)
                self.assertEqual(output, expected)
                self.assertEqual(status, 0)
                for name in killed:
                    self.assertGreater(starts[name], 5, f"{name} was hardly killed")

    def test_a_killed_supervisor_or_guardian_is_not_noticed(self):
        status, expected, _ = work()
        self.assertEqual(status, 0)
        for periods in KEEPERS_KILLED:
            with self.subTest(killed=" ".join(periods)):
                boot = " ".join(f"kill={name}@{STANDS_US}+{period}" for name, period in periods.items())
                status, output, starts = work(boot=boot)
                self.assertEqual(output, expected)
                self.assertEqual(status, 0)
                for name in periods:
                    self.assertGreater(starts[name], 20, f"{name} was hardly killed")


if __name__ == "__main__":
    unittest.main()
