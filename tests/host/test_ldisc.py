# SPDX-License-Identifier: MIT
"""The terminal server's line discipline against this machine's Linux: random settings, typing, writing and reading on a
pseudo-terminal and on servers/tty/ldisc_*.c (as the program ldisc_test --play) must show and give the same bytes.
"""

import fcntl
import os
import random
import select
import struct
import subprocess
import tempfile
import termios
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TCGETS, TCSETS, NCCS = 0x5401, 0x5402, 19

IUCLC, IXANY, IUTF8 = 0o1000, 0o4000, 0o40000
OLCUC, XTABS = 0o2, 0o14000
ECHOCTL, ECHOPRT, ECHOKE = 0o1000, 0o2000, 0o4000
IFLAGS = [termios.ICRNL, termios.INLCR, termios.IGNCR, termios.ISTRIP, termios.IXON, IUCLC, IXANY, IUTF8]
OFLAGS = [termios.ONLCR, termios.OCRNL, termios.ONOCR, termios.ONLRET, OLCUC, XTABS]
LFLAGS = [termios.ECHO, termios.ECHOE, termios.ECHOK, termios.ECHONL, ECHOCTL, ECHOPRT, ECHOKE, termios.IEXTEN,
          termios.NOFLSH, termios.ISIG]
COOKED = (termios.ICRNL | termios.IXON | IUTF8, termios.OPOST | termios.ONLCR,
          termios.ISIG | termios.ICANON | termios.ECHO | termios.ECHOE | termios.ECHOK | ECHOCTL | ECHOKE | termios.IEXTEN)
# Keys (but VSTOP, whose effect on a pty depends on the moment), text, UTF-8, tabs, controls.
PIECES = [b"\x7f", b"\x7f", b"\x17", b"\x15", b"\x16", b"\x12", b"\x04", b"\n", b"\r", b"\t", b"\x01", b"\0",
          "é".encode(), "漢".encode(), b"\xe9", b"a", b"Bc", b"word_2 ", b"  ", b"\x11", b"\b", b"~"]
# Typed alone, with nothing left to read: what a flush drops of input and of the echo of keys depends on the moment.
SIGNALS = [b"\x03", b"\x1a", b"\x1c"]


class Pty:
    """The real thing.

    Linux moves what is typed to the line discipline in the background. Asked for input of which there is none, poll
    and read wait for that work; when there has been some, they do not. FIONREAD waits for the line discipline to be done
    with what it has begun.
    """

    def __init__(self):
        self.master, self.slave = os.openpty()
        for fd in (self.master, self.slave):
            os.set_blocking(fd, False)
        raw = fcntl.ioctl(self.slave, TCGETS, bytes(36))
        self.keys = bytearray(raw[17:36])

    def close(self):
        os.close(self.master)
        os.close(self.slave)

    def set(self, iflag, oflag, lflag, vmin):
        self.canonical = bool(lflag & termios.ICANON)
        self.keys[termios.VMIN] = vmin
        control = termios.CS8 | termios.CREAD | termios.B38400
        fcntl.ioctl(self.slave, TCSETS, struct.pack("<IIIIB19s", iflag, oflag, control, lflag, 0, bytes(self.keys)))

    def has_input(self):
        poll = select.poll()
        poll.register(self.slave, select.POLLIN)
        return bool(poll.poll(0))

    def type(self, data):
        """False: the line discipline may not have got everything before all input is read."""
        had_input = self.has_input()
        os.write(self.master, data)
        self.has_input()
        fcntl.ioctl(self.slave, termios.FIONREAD, bytes(4))
        return not had_input

    def write(self, data):
        os.write(self.slave, data)

    @staticmethod
    def _read(fd, n):
        try:
            return os.read(fd, n).hex()
        except BlockingIOError:
            return "-"

    def read(self, n):
        return self._read(self.slave, n)

    def read_all(self):
        """All input: what each read gave in canonical mode (a line), in one piece otherwise."""
        pieces = []
        while self.has_input():
            pieces.append(self.read(4096))
        return pieces if self.canonical else "".join(pieces)

    def output(self):
        shown = ""
        while (piece := self._read(self.master, 4096)) not in ("-", ""):
            shown += piece
        return shown


class Model:
    """Ours, behind a pipe."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "--play"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def set(self, *flags):
        self.canonical = bool(flags[2] & termios.ICANON)
        self._ask("set %u %u %u %u" % flags)

    def type(self, data):
        self._ask("type " + data.hex())

    def write(self, data):
        self._ask("write " + data.hex())

    def read(self, n):
        return self._ask(f"read {n}")

    def read_all(self):
        pieces = []
        while (piece := self.read(4096)) != "-" and (piece or self.canonical):
            pieces.append(piece)
        return pieces if self.canonical else "".join(pieces)

    def output(self):
        return self._ask("output")


def random_flags(rng):
    if rng.random() < 0.4:
        return (*COOKED, 1)
    some = lambda flags: sum(flag for flag in flags if rng.random() < 0.5)  # noqa: E731
    canonical = termios.ICANON if rng.random() < 0.8 else 0
    opost = termios.OPOST if rng.random() < 0.8 else 0
    return some(IFLAGS), some(OFLAGS) | opost, some(LFLAGS) | canonical, rng.randrange(2)


class LineDiscipline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for name, target in (("linux", "linux"), ("asm", "x86_64-linux-gnu/asm"), ("asm-generic", "asm-generic")):
            os.symlink(f"/usr/include/{target}", f"{cls.folder.name}/{name}")
        cls.program = f"{cls.folder.name}/ldisc_test"
        sources = sorted(str(path) for path in (ROOT / "servers/tty").glob("ldisc_*.c"))
        subprocess.run(["clang", "-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-I.", "-isystem",
                        cls.folder.name, *sources, "-o", cls.program], cwd=ROOT, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_own_tests_pass(self):
        result = subprocess.run([self.program], stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)

    def play(self, seed, steps=14):
        rng = random.Random(seed)
        pty, model, story = Pty(), Model(self.program), []

        def read_all():
            story.append("read all")
            self.assertEqual(pty.read_all(), model.read_all(), f"seed {seed}, Linux first: {story}")
        try:
            flags = random_flags(rng)
            for both in (pty, model):
                both.set(*flags)
            story.append("set %o %o %o %u" % flags)
            for _ in range(steps):
                choice = rng.random()
                if choice < 0.6:
                    data = b"".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 8)))
                    if rng.random() < 0.1:
                        data = rng.choice(SIGNALS)
                        read_all()
                    story.append(f"type {data}")
                    settled = pty.type(data)
                    model.type(data)
                    if not settled:
                        read_all()
                elif choice < 0.7:
                    data = rng.choice([b"> ", b"a\tb", b"line\n", b"x\r", "é\t".encode()])
                    story.append(f"write {data}")
                    pty.write(data), model.write(data)
                elif choice < 0.75:
                    flags = random_flags(rng)
                    story.append("set %o %o %o %u" % flags)
                    pty.set(*flags), model.set(*flags)
                else:
                    n = rng.choice([1, 3, 100])
                    story.append(f"read {n}")
                    self.assertEqual(pty.read(n), model.read(n), f"seed {seed}, Linux first: {story}")
                self.assertEqual(pty.output(), model.output(), f"seed {seed}, shown on Linux first: {story}")
        finally:
            pty.close()
            model.close()

    def test_random_sessions_are_as_on_linux(self):
        for seed in range(60):
            self.play(seed)


if __name__ == "__main__":
    unittest.main()
