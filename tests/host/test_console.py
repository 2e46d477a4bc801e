# SPDX-License-Identifier: MIT
"""The interactive terminal, with a pseudo-terminal on one side and a socket for COM1 on the other."""

import fcntl
import os
import pty
import socket
import struct
import sys
import termios
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import console  # noqa: E402

LEFT, GUEST_ENDED = 42, 43  # exit statuses of the child


class Terminal(unittest.TestCase):
    def setUp(self):
        self.guest, theirs = socket.socketpair()
        self.guest.settimeout(5)
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            self.guest.close()
            try:
                console.Console(theirs, escapes=True).run()
                os._exit(GUEST_ENDED)
            except console.Leave:
                os._exit(LEFT)
            except BaseException:
                os._exit(1)
        theirs.close()
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def tearDown(self):
        os.close(self.terminal)
        self.guest.close()

    def receive(self, count):
        data = b""
        while len(data) < count:
            data += self.guest.recv(count - len(data))
        return data

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def begin(self):
        """The guest speaks, which makes the host tell the size of its window."""
        self.guest.sendall(b"hello")
        self.assertEqual(os.read(self.terminal, 100), b"hello")
        self.assertEqual(self.receive(6), b"\xffW" + struct.pack("<HH", 30, 100))

    def test_keys_arrive_raw_and_ctrl_a_x_leaves(self):
        self.begin()
        os.write(self.terminal, b"a\r\x03\xff\x01\x01z")
        self.assertEqual(self.receive(7), b"a\r\x03\xff\xff\x01z")
        os.write(self.terminal, b"\x01x")
        self.assertEqual(self.status(), LEFT)

    def test_guest_that_ends_ends_the_session(self):
        self.begin()
        self.guest.close()
        self.assertEqual(self.status(), GUEST_ENDED)

    def test_changed_window_is_told(self):
        self.begin()
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 300, 0, 0))
        self.assertEqual(self.receive(6), b"\xffW" + struct.pack("<HH", 50, 300))
        self.guest.close()
        self.assertEqual(self.status(), GUEST_ENDED)


if __name__ == "__main__":
    unittest.main()
