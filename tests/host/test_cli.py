# SPDX-License-Identifier: MIT
"""./bulkhead's command line: what cannot be is refused before anything boots, with status 125 and the reason."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

REFUSED = {  # arguments: what the message says
    (): "required: COMMAND",
    ("sing",): "invalid choice: 'sing'",
    ("run", "nosuch"): "there is no system 'nosuch'; known: busybox",
    ("run", "--mem", "12X"): "'12X' is no amount of memory; write it like 256M",
    ("run", "--mem", "8M"): "give the machine more with --mem",
    ("run", "--linux", "--iso"): "the ISO image holds Bulkhead, not Linux",
    ("run", "--uefi", "--boot", "x"): "--boot is for Bulkhead's own bundle",
    ("exec",): "exec wants a command, behind --",
    ("exec", "--"): "exec wants a command, behind --",
    ("exec", "--nonsense", "--", "true"): "--nonsense",
    ("exec", "--system", "nosuch", "--", "true"): "there is no system 'nosuch'",
    ("exec", "--timeout", "soon", "--", "true"): "invalid seconds value: 'soon'",
    ("exec", "--timeout", "0", "--", "true"): "'0' is no time to wait",
    ("exec", "--timeout", "nan", "--", "true"): "'nan' is no time to wait",
    ("exec", "--mem", "0", "--", "true"): "'0' is no amount of memory",
    ("exec", "--linux", "--boot", "x", "--", "true"): "--boot is for Bulkhead's own bundle",
    ("exec", "--env", "A", "--", "true"): "--env wants NAME=VALUE, not 'A'",
    ("exec", "--env", "1A=2", "--", "true"): "--env wants NAME=VALUE, not '1A=2'",
    ("exec", "--add", "", "--", "true"): "--add: there is no ''",
    ("exec", "--add", "/no/such", "--", "true"): "--add: there is no '/no/such'",
    ("exec", "--add", "/dev/null", "--", "true"): "only files, directories and symbolic links can be added",
    ("exec", "--add", f"{ROOT}/README.md:/bin", "--", "true"): "/bin is a directory in the guest",
    ("exec", "--add", f"{ROOT}/README.md:/", "--", "true"): "/ is a directory in the guest",
    ("exec", "--add", f"{ROOT}/README.md:/etc/passwd/x", "--", "true"): "/etc/passwd is no directory in the guest",
    ("exec", "--add", f"{ROOT}/docs:/etc/passwd", "--", "true"): "/etc/passwd is no directory in the guest",
    ("graph", "nosuch"): "there is no system 'nosuch'",
    ("graph", "busybox", "-o", "/dev/null/x.svg"): "'/dev/null'",
    ("caps", "nosuch"): "there is no component 'nosuch'; known: uart0",
    ("size", "more"): "unrecognized arguments: more",
    ("log", "more"): "unrecognized arguments: more",
    ("check", "nosuch"): "there is no system 'nosuch'",
}


def bulkhead(*arguments):
    return subprocess.run([sys.executable, "bulkhead", *arguments], cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "BULKHEAD_BUILT": "1"}, check=False)


class Refusals(unittest.TestCase):
    def test_wrong_command_lines_are_refused_with_a_reason(self):
        for arguments, reason in REFUSED.items():
            with self.subTest(arguments=" ".join(arguments)):
                result = bulkhead(*arguments)
                self.assertEqual((result.returncode, result.stdout), (125, ""))
                self.assertIn(reason, result.stderr)
                self.assertNotIn("Traceback", result.stderr)

    def test_files_that_do_not_fit_are_refused(self):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(100 << 20)
            result = bulkhead("exec", "--mem", "128M", "--add", f"{file.name}:/large", "--", "true")
        self.assertEqual(result.returncode, 125)
        self.assertRegex(result.stderr, r"busybox\.system:\d+: the files take 10\d MiB and the pool of 'tmpfs' has")

    def test_every_command_explains_itself(self):
        commands = bulkhead("--help").stdout
        for name in ("run", "exec", "bench", "graph", "caps", "size", "faults", "log", "bundle", "check"):
            with self.subTest(command=name):
                self.assertRegex(commands, rf"(?m)^    {name} ")
                result = bulkhead(name, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn(f"usage: ./bulkhead {name}", result.stdout)


if __name__ == "__main__":
    unittest.main()
