# SPDX-License-Identifier: MIT
"""Components that misbehave (systems/supervision.system) are found in time, and what follows is what the manifest says."""

import argparse
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("BUILD") or "build")
sys.path.insert(0, str(ROOT / "tools"))

from host import cli  # noqa: E402

FOUND_US = 100_000  # the most that a hang may take to be seen
DRIVER_US, SERVER_NS, KEEPER_US = 5_000, 20_000_000, 50_000


def boot(until, words=""):
    """The log of the system, in virtual time, until it matches."""
    project = cli.Project(ROOT, BUILD)
    project.make("world")
    return cli.until_logged(project, argparse.Namespace(system="supervision", icount=True), words, until, seconds=120)


def in_guest(script, words=""):
    """Status and output of a script in the guest, in virtual time."""
    result = subprocess.run([sys.executable, ROOT / "bulkhead", "--build", BUILD, "exec", "--icount", "--boot", words, "--",
                             "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


class Supervision(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.log = boot(r"grow ended by growth(.|\n)*crash is out of service(.|\n)*a call ends.*\n.*a call ends")

    def line(self, pattern):
        found = re.search(pattern, self.log)
        self.assertTrue(found, f"no line like: {pattern}\n{self.log}")
        return found

    def test_a_hang_is_found_and_over_in_time(self):
        for name in ("hang", "start"):  # while it serves, and while it restarts
            with self.subTest(name):
                found = self.line(rf"{name} has given no sign of life for (\d+) us\n"
                                  rf"(?:.*: {name} (?:evidence|rax|stack|message) .*\n)*.*{name} ended by a hang")
                self.assertLess(int(found[1]), FOUND_US)
                self.line(rf"{name}: life 2 of this vault, the last one ended by 4|{name}: life 3")

    def test_an_overrun_of_a_strict_budget_is_a_failure(self):
        self.line("overrun ended by an overrun of its budget")
        self.line("overrun: life 2 of this vault, the last one ended by 5")

    def test_an_exit_with_an_error_is_a_failure(self):
        self.line("exit exits with 7")
        self.line("exit: life 2 of this vault, the last one ended by 2")

    def test_growth_is_followed_by_a_planned_restart_and_then_by_a_failure(self):
        planned = self.line(r"grow has (\d+) KiB in use of the 64 that it may\n.*grow ended by plan")
        self.assertLessEqual(int(planned[1]), 64)
        self.assertGreater(planned.start(), 0)
        self.assertGreater(self.line("grow ended by growth").start(), planned.start())

    def test_the_ladder_is_climbed_to_its_end(self):
        cold = self.line(r"crash ended by a fault; 2 of 2 failures\n.*crash begins with a fresh vault")
        self.assertRegex(self.log[cold.end():], "^.*\n.*crash: life 1 of this vault, the last one ended by 3")
        subtree = self.line("crash restarts with all that start after it\n")
        self.assertRegex(self.log[subtree.end():], "caller ended by plan")
        self.assertGreater(self.line("crash is out of service").start(), subtree.start())

    def test_a_call_on_what_is_out_of_service_fails(self):
        self.assertRegex(self.log, "crash is out of service\n(.*\n)*?.*a call ends with ERR_GONE\n(.*\n)*?.*with ERR_NO_CAP")

    def test_who_does_not_answer_is_replaced_and_not_who_waits(self):
        self.line(r"ask does not believe silent: is it so\?\n(?:.*\n)*"
                  r"silent: life 2 of this vault.*\nask: silent answers OK")
        self.assertNotIn("ask has given no sign of life", self.log)

    def test_failures_in_a_row_wait_longer_and_longer(self):
        waits = [int(us) for us in re.findall(r"crash serves again, (\d+) us after its death", self.log)]
        self.assertLess(waits[0], DRIVER_US)
        self.assertGreater(waits[1], 10_000)
        self.assertGreater(waits[2], 20_000)


    def test_evidence_of_a_failure_is_logged(self):
        self.line(r"crash evidence \d+: rip 4[0-9a-f]{5} rsp [0-9a-f]+")
        self.line(r"crash stack [0-9a-f]+: ")


class Evidence(unittest.TestCase):
    def test_a_hang_leaves_registers_stack_and_the_message_that_was_handled(self):
        script = ("echo 'tmpfs hang' > /proc/bulkhead/fault; ls / >/dev/null; echo 'tty hang' > /proc/bulkhead/fault; "
                  "usleep 200000; cat /proc/bulkhead/evidence; grep ^t /proc/bulkhead/status")
        _, output = in_guest(script)
        self.assertRegex(output, r"evidence 1: tmpfs, start 1, ended by hang at \d+ us\n")
        self.assertRegex(output, r"evidence 2: tty, start 1, ended by hang at \d+ us\n")
        self.assertRegex(output, r"rip 00000000004[0-9a-f]{5} ")
        self.assertRegex(output, r"stack [0-9a-f]{16} ")
        self.assertRegex(output, r"message \d+ us event 0 .* was running\n")
        for name in ("tmpfs", "tty"):
            found = re.search(rf"^{name} index \d+ state 2 starts \d last_death 4 .* recovery (\d+) ", output, re.MULTILINE)
            self.assertTrue(found, output)
            self.assertLess(int(found[1]), SERVER_NS)


class Keepers(unittest.TestCase):
    def test_a_keeper_in_an_endless_loop_is_found_by_the_other(self):
        for name in ("supervisor", "guardian"):
            with self.subTest(name):
                status, output = in_guest("usleep 200000; cat /proc/bulkhead/evidence", f"hang={name}@60000")
                self.assertEqual(status, 0, output)
                found = re.search(rf"evidence 1: {name}, start 1, ended by hang at (\d+) us", output)
                self.assertTrue(found, output)
                self.assertLess(int(found[1]) - 60_000, FOUND_US)

    def test_when_both_hang_the_machine_restarts(self):
        _, output = in_guest("usleep 2000000; echo survived", "hang=supervisor@60000 hang=guardian@60000")
        self.assertNotIn("survived", output)
        self.assertIn("watchdog: nobody has put it off; restarting the machine", output)


class KilledMeanwhile(unittest.TestCase):
    def test_what_the_supervisor_tells_is_whole_while_it_restarts_the_guardian(self):
        script = "usleep 150000; for i in $(seq 50); do cut -d' ' -f2 /proc/bulkhead/components; done | sort | uniq -c"
        _, output = in_guest(script, "kill=guardian@100000+150")
        names = re.findall(r"^ +(\d+) (.*)$", output, re.MULTILINE)
        self.assertIn(("50", "supervisor"), names)
        self.assertEqual({n for n, _ in names}, {"50"}, output)

    def test_all_is_found_by_supervisors_that_die_themselves(self):
        log = boot(r"grow ended by growth(.|\n)*crash is out of service(.|\n)*a call ends.*\n.*a call ends",
                   "kill=supervisor@20000+7300 kill=guardian@20000+5900")
        times = [int(us) for us in re.findall(r"(?:supervisor|guardian) serves again, (\d+) us", log)]
        self.assertGreater(len(times), 50)
        self.assertLess(max(times), KEEPER_US)
        for words in ("hang ended by a hang", "overrun ended by an overrun", "exit ended by its own exit"):
            self.assertIn(words, log)


if __name__ == "__main__":
    unittest.main()
