# SPDX-License-Identifier: MIT
"""A person at the console: ./bulkhead run on a pseudo-terminal, typing to busybox's shell. The same on Linux."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import debian  # noqa: E402

BOOT_SECONDS, ANSWER_SECONDS = 30, 10
PROMPT = b"# "
UP, RIGHT, LEFT = b"\x1b[A", b"\x1b[C", b"\x1b[D"
CURSOR_QUESTION = b"\x1b[6n"  # busybox asks the terminal where its cursor is


class Session:
    """./bulkhead run with a terminal of 30 rows and 100 columns."""

    def __init__(self, *options):
        self.seen = b""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(ROOT)
            os.execv(sys.executable, [sys.executable, "bulkhead", "run", *options])
        self.resize(30, 100)

    def resize(self, rows, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self):
        os.close(self.terminal)
        if self.child:
            os.kill(self.child, 9)
            os.waitpid(self.child, 0)

    def type(self, data):
        os.write(self.terminal, data)

    def expect(self, text, seconds=ANSWER_SECONDS):
        """Wait until text is shown; what was shown up to there is returned and forgotten."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError(f"waited {seconds} s for {text!r}; shown since the last: {self.seen!r}")
            try:
                self.seen += os.read(self.terminal, 4096)
            except OSError:
                raise AssertionError(f"the session ended before {text!r} was shown: {self.seen!r}") from None
            self.seen = self.seen.replace(CURSOR_QUESTION, b"")
        shown, _, self.seen = self.seen.partition(text)
        return shown

    def start(self, command):
        """Start a command that reads the terminal or takes long, and wait until it runs."""
        self.type(b"sh -c 'echo rea''dy; exec " + command + b"'\r")
        self.expect(b"ready\r\n")

    def command(self, line):
        """Type a line at the prompt; what it shows up to the next prompt, without the line's echo."""
        self.type(line + b"\r")
        self.expect(b"\r\n")
        return self.expect(PROMPT).rpartition(b"\r\n")[0].replace(b"\r\n", b"\n")

    def status(self):
        """The exit status of ./bulkhead once it has ended."""
        while True:
            try:
                if not os.read(self.terminal, 4096):
                    break
            except OSError:
                break
        child, self.child = self.child, 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Bulkhead(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.session = Session(*cls.options)
        cls.session.expect(PROMPT, BOOT_SECONDS)

    @classmethod
    def tearDownClass(cls):
        cls.session.close()

    def setUp(self):
        self.type, self.expect, self.command = self.session.type, self.session.expect, self.session.command

    def test_a_command_shows_its_output(self):
        self.assertEqual(self.command(b"echo $((6 * 7))"), b"42")

    def test_typed_characters_can_be_taken_back(self):
        self.assertEqual(self.command(b"echo abX\x7fc"), b"abc")

    def test_lines_are_edited_by_the_kernel_while_a_program_reads(self):
        self.session.start(b"cat")
        self.type(b"one twX\x7fo\r")
        self.expect(b"\r\n")
        self.expect(b"one two\r\n")
        self.type(b"\x04")
        self.expect(PROMPT)

    def test_control_c_ends_the_command_alone(self):
        self.session.start(b"sleep 100")
        self.type(b"\x03")
        self.expect(PROMPT)
        self.assertEqual(self.command(b"echo $?"), b"130")

    def test_control_z_stops_and_fg_goes_on(self):
        self.session.start(b"cat")
        self.type(b"\x1a")
        self.expect(b"Stopped")
        self.expect(PROMPT)
        self.type(b"fg\r")
        self.expect(b"exec cat")
        self.expect(b"\r\n")
        self.type(b"back\r")
        self.expect(b"back\r\nback\r\n")
        self.type(b"\x04")
        self.expect(PROMPT)

    def test_a_stopped_job_goes_on_in_the_background(self):
        self.session.start(b"sleep 100")
        self.type(b"\x1a")
        self.expect(PROMPT)
        self.assertRegex(self.command(b"jobs"), rb"^\[1\]\+  Stopped .*exec sleep 100")
        self.command(b"bg")
        self.assertRegex(self.command(b"jobs"), rb"^\[1\]\+  Running .*exec sleep 100")
        self.type(b"fg\r")
        self.expect(b'exec sleep 100"\r\n')
        self.type(b"\x03")
        self.expect(PROMPT)
        self.assertEqual(self.command(b"echo $?"), b"130")

    def test_the_end_of_a_background_job_is_told_before_a_prompt(self):
        self.command(b"sleep 0.2 &")
        self.assertRegex(self.command(b"sleep 1"), rb"^\[1\]\+  Done  .*sleep 0\.2")

    def test_a_line_comes_back_from_the_history_and_is_edited(self):
        self.command(b"echo one")
        self.type(UP)
        self.expect(b"echo one")
        self.assertEqual(self.command(LEFT * 3 + b"some" + RIGHT * 3 + b" more"), b"someone more")

    def test_tab_completes_names(self):
        self.type(b"cat /etc/hostn\t")
        self.expect(b"ame ")
        self.assertEqual(self.command(b""), b"bulkhead")
        self.type(b"ls -d /etc/host\t\t")
        self.expect(b"hostname")
        self.expect(b"hosts")
        self.expect(b"ls -d /etc/host")
        self.type(b"\x03")
        self.expect(PROMPT)

    def test_vi_writes_a_file(self):
        self.type(b"vi /tmp/note\r")
        self.expect(b"- /tmp/note")
        self.type(b"i")
        self.expect(b"I /tmp/note")
        self.type(b"first\rsecond\x1b")
        self.expect(b"- /tmp/note [Modified] 2/2")
        self.type(b"1Gdwi")
        self.expect(b"I /tmp/note [Modified] 1/2")
        self.type(b"FIRST\x1b")
        self.expect(b"- /tmp/note [Modified] 1/2")
        self.type(b":wq\r")
        self.expect(PROMPT)
        self.assertEqual(self.command(b"cat /tmp/note"), b"FIRST\nsecond")

    def test_less_pages(self):
        self.type(b"seq 1 500 | less\r")
        self.expect(b"29")
        self.type(b" ")
        self.expect(b"58")
        self.type(b"G")
        self.expect(b"500")
        self.type(b"q")
        self.expect(PROMPT)

    def test_top_shows_itself(self):
        self.type(b"top -d 1\r")
        for _ in range(2):
            self.expect(b"COMMAND")
            self.expect(b"top -d 1")
        self.type(b"q")
        self.expect(PROMPT)

    def test_after_exit_there_is_a_new_shell(self):
        self.command(b"variable=set")
        self.type(b"exit\r")
        self.expect(b"built-in shell")
        self.expect(PROMPT)
        self.assertEqual(self.command(b"echo ${variable-fresh}"), b"fresh")

    def test_background_job_is_waited_for(self):
        self.assertIn(b"done 5", self.command(b"sh -c 'exit 5' & wait $!; echo done $?"))


class Linux(Bulkhead):
    options = ("--linux",)

    @classmethod
    def setUpClass(cls):
        debian.Debian(ROOT / "build/cache").linux()  # a download is no part of the boot
        super().setUpClass()
        cls.session.command(b"mount -t proc proc /proc; stty rows 30 columns 100")


class OnlyHere(unittest.TestCase):
    """What Linux has no part in: the size of the window, leaving, switching off."""

    def setUp(self):
        self.session = Session()
        self.session.expect(PROMPT, BOOT_SECONDS)

    def tearDown(self):
        self.session.close()

    def test_window_size_reaches_the_guest_and_poweroff_ends(self):
        self.assertEqual(self.session.command(b"stty size"), b"30 100")
        self.session.type(b"sh -c 'trap \"stty size\" WINCH; echo rea\"\"dy; while :; do sleep 0.1; done'\r")
        self.session.expect(b"ready\r\n")
        self.session.resize(40, 120)
        self.session.expect(b"40 120\r\n")
        self.session.type(b"\x03")
        self.session.expect(PROMPT)
        self.session.type(b"poweroff\r")
        self.assertEqual(self.session.status(), 0)

    def test_control_a_x_leaves(self):
        self.session.type(b"\x01x")
        self.assertEqual(self.session.status(), 0)


if __name__ == "__main__":
    unittest.main()
