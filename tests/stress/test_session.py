# SPDX-License-Identifier: MIT
"""A person's session at the console while its driver and the terminal server are killed every 100 ms of virtual time: not
one typed or printed byte is lost or doubled."""

import os
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))

from test_terminal import BOOT_SECONDS, PROMPT, Session  # noqa: E402

FULL = os.environ.get("STRESS") == "full"
PRINTED = 20000 if FULL else 2000  # lines
TYPED = 2000 if FULL else 200
PAUSE_US = 20000
KILLS = "kill=uart0@300000+100000 kill=tty@350000+100000"
SECONDS = 600 if FULL else 120


def deaths(words):
    """How often the component of a line of /proc/bulkhead/status has ended, but for doubts and renewals."""
    return sum(int(n) for n in words[words.index(b"deaths") + 1].split(b",")[:-2])


def talk(boot=""):
    """What a session has shown, up to the deaths of each component: (text, {name: deaths})."""
    session = Session("--icount", *(("--boot", boot) if boot else ()))
    shown = []
    try:
        shown.append(session.expect(PROMPT, BOOT_SECONDS))
        for line in (b"echo $((6 * 7))", b"echo abX\x7fc", b"ls -l / | wc -l", b"seq 1 %d" % PRINTED):
            session.type(line + b"\r")
            shown.append(session.expect(PROMPT, SECONDS))
        # A listener who takes his time, so that the session is long enough however fast it is typed.
        session.start(b'sh -c "while read -r l; do usleep %d; echo heard: \\$l; done"' % PAUSE_US)
        for n in range(TYPED):
            line = b"line %d that a person types" % n
            session.type(line + b"\r")
            shown.append(session.expect(b"heard: " + line + b"\r\n", SECONDS))
        session.type(b"\x04")
        shown.append(session.expect(PROMPT, SECONDS))
        session.type(b"grep -E '^(uart0|tty) ' /proc/bulkhead/status\r")
        words = [line.split() for line in session.expect(PROMPT, SECONDS).splitlines() if line.startswith((b"uart0 ", b"tty "))]
    finally:
        session.close()
    return b"".join(shown), {line[0].decode(): deaths(line) for line in words}


class UnderKills(unittest.TestCase):
    def test_a_session_is_the_same_to_the_byte(self):
        expected, killed = talk()
        self.assertEqual(killed, {"uart0": 0, "tty": 0})
        self.assertIn(b"\r\n%d\r\n" % PRINTED, expected)
        shown, killed = talk(KILLS)
        self.assertEqual(shown, expected)
        for name, n in killed.items():
            self.assertGreater(n, 10, f"{name} was hardly killed")


if __name__ == "__main__":
    unittest.main()
