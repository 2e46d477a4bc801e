# SPDX-License-Identifier: MIT
"""A small share of the campaigns of docs/faults.md, and the mistakes of the textbooks with the time that they cost."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/stress")]

from host import cli, faults, guest  # noqa: E402
from test_stress import FULL, program  # noqa: E402

BUILD = ROOT / (os.environ.get("BUILD") or "build")
MS = 1000000
TRIALS = 200 if FULL else 10  # of each mistake of the textbooks
SYS_SIGNAL = 1 << 62 | 4  # in RAX (abi/ipc.h)
RANDOM_TRIALS = 2000 if FULL or os.environ.get("CI") else 120


def bulkhead(*arguments):
    """Status and output of the host command."""
    result = subprocess.run([sys.executable, ROOT / "bulkhead", "--build", BUILD, *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


def address(image, function):
    """Of a function of an image."""
    text = (BUILD / f"{image}.sym").read_text()
    return "0x" + re.search(rf"^0*([0-9a-f]+) \w+ \w {function}$", text, re.MULTILINE)[1]


def sweep(component, image, function):
    """The trial that ends a component at every instruction of a function."""
    text = (BUILD / f"{image}.sym").read_text()
    start, size = re.search(rf"^([0-9a-f]+) ([0-9a-f]+) \w {function}$", text, re.MULTILINE).groups()
    return f"sweep:{component}:{int(start, 16):#x}-{int(start, 16) + int(size, 16):#x}"


class Campaigns(unittest.TestCase):
    def check(self, *arguments):
        status, output = bulkhead("faults", *arguments)
        self.assertEqual(status, 0, output)

    def test_components_killed_at_all_instructions_of_some_ranges(self):
        self.check("--kills", "-n", "24", "--seed", "4")

    def test_tmpfs_killed_while_it_makes_a_description_keeps_it(self):
        self.check("--trial", sweep("tmpfs", "fs/tmpfs", "description_make"))

    def test_kills_and_hangs_at_random_instructions_are_not_noticed(self):
        self.check("--kinds", "kill,recovery,hang", "-n", "60", "--seed", "5")

    def test_supervisor_and_guardian_are_killed_at_instructions_like_others(self):
        self.check("--kinds", "kill,recovery", "-n", "20", "--seed", "8", "supervisor", "guardian")

    def test_random_faults_of_all_kinds_are_seldom_noticed_and_never_stop_the_kernel(self):
        _, output = bulkhead("faults", "-n", f"{RANDOM_TRIALS}", "--seed", "9")
        self.assertNotIn("kernel panic; to run", output)
        summary = re.search(r"^\d+ injected, .* (\d+) manifested, (\d+) of these transparent.*$", output, re.MULTILINE)
        print(f"# {summary[0]}")
        manifested, transparent = int(summary[1]), int(summary[2])
        # What is known (docs/faults.md), and what chance may add to it among so few.
        self.assertLess(manifested - transparent, 0.08 * manifested + 3 * (0.08 * manifested) ** 0.5)

    def test_signals_that_go_astray_are_made_good_by_renewal(self):
        campaign = faults.Campaign(cli.Project(ROOT, BUILD), print)
        code = [i for i in campaign.plan.instructions("tmpfs") if i.function == "outbox_perform"]
        number = next(n for n, i in enumerate(code) if f"${SYS_SIGNAL:d}, %rax" in i.operands)
        site = next(i.address for i in code[number:] if i.name == "syscall")
        rdi = 8  # in struct thread_registers (abi/objects.h): the capability
        machine = campaign.machine()
        try:
            results = [faults.attempt(machine, campaign.plan.trial(f"register:tmpfs:{site:#x}:{rdi}:0x100000@{moment}"))
                       for moment in range(0, 20_000, 1_000)]
        finally:
            machine.close()
        for result in results:
            self.assertEqual(result.outcome, "transparent", result.detail)
        took = [int(result.values["time_us"]) for result in results if result.hits]
        self.assertGreater(max(took), 50_000, "a program has waited for one of them")  # else it takes 21 ms

    def test_a_trial_ends_the_same_to_the_microsecond_whatever_went_before_it(self):
        campaign = faults.Campaign(cli.Project(ROOT, BUILD), print)
        trials = [campaign.plan.trial(f"{kind}:tmpfs:{address('fs/tmpfs', 'op_open')}{rest}@5000")
                  for kind, rest in (("kill", ""), ("loop", ":ebfe"))]
        machine = campaign.machine()
        try:
            first, other, again = (faults.attempt(machine, trials[n]) for n in (0, 1, 0))
        finally:
            machine.close()
        self.assertEqual(first.outcome, "transparent", first.detail)
        self.assertEqual(first, again)
        self.assertNotEqual(first.values["time_us"], other.values["time_us"])


class Commands(unittest.TestCase):
    """What a person types."""

    def guest(self, script):
        return bulkhead("exec", "--icount", "--", "sh", "-c", f"svc() {{ /usr/local/sbin/svc \"$@\"; }}\n{script}")

    def test_svc_alone_lists_its_commands(self):
        status, output = self.guest("svc")
        self.assertEqual(status, 0)
        for word in ("list", "show", "graph", "log", "kill", "restart", "update"):
            self.assertIn(f"  svc {word}", output)

    def test_svc_restarts_a_component_and_shows_it(self):
        status, output = self.guest("svc restart tmpfs && svc list && svc show tmpfs && svc log tmpfs")
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"tmpfs serves again, \d+ us after its end")
        self.assertRegex(output, r"(?m)^ +\d+  tmpfs +ready +[\d.]+ s +1  kill ")
        self.assertRegex(output, r"(?m)^ended by kill +1 times$")
        self.assertIn("tmpfs ended by a kill", output)

    def test_svc_updates_a_component(self):
        status, output = self.guest("svc update tmpfs && sleep 0.2 && svc list && svc log tmpfs")
        self.assertEqual(status, 0, output)
        self.assertIn("tmpfs has started with it", output)
        self.assertRegex(output, r"(?m)^ +\d+  tmpfs +ready ")

    def test_svc_update_makes_supervisor_and_guardian_begin_anew(self):
        for name in ("supervisor", "guardian"):
            status, output = self.guest(f"svc update {name} && svc show {name} && svc log {name}; svc update {name} /etc/profile")
            self.assertIn(f"{name} has begun anew", output)
            self.assertRegex(output, r"ended by plan +1 times")
            self.assertIn(f"{name} ended by plan", output)
            self.assertIn(f"{name} has not taken it", output)  # it knows one image only, and this is none
            self.assertEqual(status, 1)

    def test_svc_names_what_it_does_not_know(self):
        for script, message in (("svc show nobody", "there is no component 'nobody'"), ("svc kill", "which component"),
                                ("svc dance", "there is no command 'dance'")):
            status, output = self.guest(script)
            self.assertNotEqual(status, 0)
            self.assertIn(message, output)

    def test_fault_strikes_and_is_listed(self):
        status, output = self.guest("fault tmpfs loop 3 1; ls -lR /etc /usr | wc -l; sleep 1; fault list; fault clear tmpfs; "
                                    "fault list")
        self.assertEqual(status, 0, output)
        self.assertEqual(len(re.findall(r"^ordered: tmpfs at 0x[0-9a-f]+, bytes (?:90)*eb[0-9a-f]{2}$", output, re.MULTILINE)), 3, output)
        self.assertRegex(output, r"(?m)^ +\d+  tmpfs +patch +0x[0-9a-f]+ +(armed|done|missed) ")

    def test_fault_names_what_it_does_not_know(self):
        for script, message in (("fault nobody null", "there is no component"), ("fault tmpfs bad", "there is no type"),
                                ("fault tmpfs", "fault --help")):
            status, output = self.guest(script)
            self.assertNotEqual(status, 0)
            self.assertIn(message, output)


class Textbook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.status, cls.output = bulkhead("exec", "--icount", "--timeout", "1200",
                                          "--add", f"{ROOT}/tests/faults/textbook.sh:/test.sh", "--", "sh", "/test.sh",
                                          str(TRIALS), address("drivers/char/uart16550", "service"),
                                          address("fs/tmpfs", "data_write"), address("fs/tmpfs", "op_open"))

    def recovery_ns(self, name):
        """From the mistake to service again, by the supervisor's clock: the 99th percentile."""
        struck = re.findall(rf"^{name}: \d+ \S+ patch \S+ done hits 1 ns (\d+) ", self.output, re.MULTILINE)
        ready = re.findall(rf"^{name}: \S+ index .* ready (\d+) ", self.output, re.MULTILINE)
        self.assertEqual((len(struck), len(ready)), (TRIALS, TRIALS), self.output)
        times = sorted(int(end) - int(begin) for begin, end in zip(struck, ready))
        self.assertGreater(times[0], 0, self.output)
        return times[-1 - TRIALS // 100]

    def test_programs_see_none_of_it(self):
        self.assertEqual(self.status, 0, self.output)
        self.assertEqual(self.output.count("kept in a file\n"), 2 * TRIALS, self.output)
        self.assertNotIn("failed", self.output)

    def test_a_null_pointer_in_a_driver_costs_5_ms(self):
        self.assertLess(self.recovery_ns("null"), 5 * MS)

    def test_a_buffer_overflow_in_a_file_system_costs_20_ms(self):
        self.assertLess(self.recovery_ns("overflow"), 20 * MS)

    def test_a_deadlock_is_over_within_100_ms(self):
        self.assertLess(self.recovery_ns("deadlock"), 100 * MS)

    def test_a_leak_is_ended_by_plan_before_the_ceiling(self):
        project = cli.Project(ROOT, BUILD)
        log = cli.until_logged(project, argparse.Namespace(system="supervision", icount=True), "",
                               f"(leak serves again(.|\n)*?){{{TRIALS}}}", seconds=1200)
        ends = re.findall(r"leak has (\d+) KiB in use of the (\d+) that it may\n.*leak ended by (.*)\n.*\n"
                          r".*leak serves again, (\d+) us", log)
        self.assertGreaterEqual(len(ends), TRIALS, log)
        for used, ceiling, how, _ in ends:
            self.assertEqual(how, "plan")
            self.assertLess(int(used), int(ceiling))
        self.assertLess(max(int(us) for *_, us in ends) * 1000, 20 * MS)


DYING = """
component dying
    image     tests/misbehave
    rank      50
    priority  240                 # above everything that works
    vault     4K
    args      does=die
    restart   one_for_one 1000/10s
"""
# Prints how long it took in ns, then how often the component was started.
BUSY = """#!/bin/sh
look() { sed -n "s/^$1 .* $2 \\([0-9]*\\) .*/\\1/p" /proc/bulkhead/status; }
begin=$(look tmpfs now)
for n in 1 2 3 4 5 6 7 8; do seq 3000 | sort -rn | tar -c /etc | md5sum; done >/dev/null
echo $(($(look tmpfs now) - begin)) $(look dying starts)
"""


# Servers are replaced by plan, which audits them, while programs have files, pipes, locks and processes of all kinds.
DEATH_PLANNED = 7  # protocols/component.h
AUDITED = """
work() { (mkdir /tmp/w && cd /tmp/w && sh /work.sh 2>/dev/null); rm -rf /tmp/w; }
ledger() { grep -v '^forks ' /proc/bulkhead/ledger; df /; df -i /; }
touch /tmp/on
work >/tmp/first
work >/tmp/second
ledger >/tmp/after; ledger >/tmp/before; ledger >/tmp/before
while [ -e /tmp/on ]; do
    for name in tmpfs proc tty; do echo "$name same" >/proc/bulkhead/update; usleep 1500; done
done 2>/dev/null &
work >/tmp/second
cmp /tmp/first /tmp/second || exit
rm /tmp/on; wait; touch /tmp/on; usleep 300000
ledger >/tmp/after
diff /tmp/before /tmp/after && echo 'ledger as before'
grep -E '^(tmpfs|proc|tty) ' /proc/bulkhead/status | sed 's/.* deaths //'
"""


class Audits(unittest.TestCase):
    def test_audits_of_sound_servers_at_work_find_nothing(self):
        program_path = faults.build_program(cli.Project(ROOT, BUILD))
        status, output = bulkhead("exec", "--icount", "--add", f"{ROOT}/tests/faults/work.sh:/work.sh",
                                  "--add", f"{program_path}:/bin/campaign", "--", "sh", "-c", AUDITED)
        self.assertEqual(status, 0, output)
        self.assertIn("ledger as before\n", output)
        planned = [int(line.split(",")[DEATH_PLANNED]) for line in output.splitlines()[-3:]]
        self.assertGreater(min(planned), 3, output)
        _, log = bulkhead("log")
        self.assertIn("ended by plan", log)
        self.assertNotIn("lost", log)


class CrashLoop(unittest.TestCase):
    """A component that dies at each start, at once, however often it is started."""

    def busy(self, more):
        """The numbers that BUSY prints, in a system with this in its manifest."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "busybox.system"
            path.write_text((ROOT / "systems/busybox.system").read_text() + more)

            class Settings(guest.Settings):
                system_path = path
            project = cli.Project(ROOT, BUILD)
            output, errors = bytearray(), bytearray()
            run = guest.Guest(Settings(ROOT, project.build, project.debian, icount=True), guest.Script(BUSY.encode()))
            self.assertEqual(run.run(output.extend, errors.extend), 0, errors)
            return [int(word) for word in output.split()]

    def test_a_crash_loop_takes_no_time_from_programs(self):
        (undisturbed,) = self.busy("")
        disturbed, starts = self.busy(DYING)
        self.assertGreater(starts, 5)
        self.assertLess(disturbed, undisturbed * 1.02)


class Meanwhile(unittest.TestCase):
    """While a component stands still, and when one forgets everything."""

    def check(self, *arguments, checks):
        # When the terminal server forgets, so does it the sessions of those who run: a fresh process prints.
        script = f"meanwhile {' '.join(arguments)} >/tmp/result; sleep 1; sh -c 'cat /tmp/result >/dev/stream0'; :"
        status, output = bulkhead("exec", "--icount", "--add", f"{program('meanwhile')}:/bin/meanwhile", "--",
                                  "sh", "-c", script)
        self.assertEqual((status, output.count(": yes\n"), output.count("\n")), (0, checks, checks), output)

    def test_signals_and_time_outs_come_while_tmpfs_stands_still(self):
        self.check("hang", "tmpfs", checks=5)

    def test_signals_and_time_outs_come_while_tty_stands_still(self):
        self.check("hang", "tty", checks=5)

    def test_who_waits_for_what_is_forgotten_is_told(self):
        self.check("cold", checks=1)


if __name__ == "__main__":
    unittest.main()
