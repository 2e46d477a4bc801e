# SPDX-License-Identifier: MIT
"""Servers are killed again and again while programs work; what the programs print may not show it, and little of the time."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from test_stress import FULL, in_guest  # noqa: E402

KILLED = (("tmpfs",), ("tty",), ("proc",), ("tmpfs", "tty", "proc"))
# By the clock, from when the system stands: microseconds.
KEEPERS_KILLED = ({"supervisor": 1700}, {"guardian": 1300}, {"supervisor": 2900, "guardian": 2300, "tty": 4100, "proc": 5300})
STANDS_US = 60000


def work(*killed, boot=""):
    """Output of kills.sh without its last lines, and how often each component was started (they say)."""
    status, output = in_guest("kills.sh", ["pipes"], killed, "--icount", "--boot", boot, timeout=120)
    starts = {name: int(n) for name, n in re.findall(r"^\d+ (\S+) state \d+ starts (\d+) .*\n", output, re.MULTILINE)}
    return status, re.sub(r"^\d+ \S+ state \d+ starts .*\n", "", output, flags=re.MULTILINE), starts


COPIES = 50 if FULL else 3
SPEED = 0.9  # of the undisturbed


def copies(boot=""):
    """Sums of the file and of its copies, how long these took, and how often tmpfs was started."""
    status, output = in_guest("copy.sh", [], [str(COPIES)], "--icount", "--mem", "1G", "--boot", boot, timeout=1800)
    found = re.search(r"^took (\d+) us; starts (\d+)$", output, re.MULTILINE)
    if status != 0 or not found:
        raise AssertionError(output)
    return re.findall(r"^([0-9a-f]{32})  -$", output, re.MULTILINE), int(found[1]), int(found[2])


class Kills(unittest.TestCase):
    def test_copies_of_64_mib_are_right_and_hardly_slower(self):
        expected, undisturbed_us, _ = copies()
        self.assertEqual((len(expected), len(set(expected))), (COPIES + 1, 1))
        sums, us, starts = copies("kill=tmpfs@100000+100000")
        self.assertEqual(sums, expected)
        self.assertGreater(starts, us // 100000, "tmpfs was hardly killed")
        self.assertGreaterEqual(undisturbed_us / us, SPEED)
        print(f"# 64 MiB copied and summed: {undisturbed_us / COPIES:.0f} us, {us / COPIES:.0f} us while tmpfs is killed")

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
