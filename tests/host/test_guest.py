# SPDX-License-Identifier: MIT
"""What passes between the host and a guest: quoting, end marks, input framing, case files and their reports."""

import os
import socket
import subprocess
import sys
import unittest
import unittest.mock
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import cases, guest, qemu  # noqa: E402

MARK = b"\x10end 1234\n"


class Streams(unittest.TestCase):
    def through(self, *pieces):
        out = []
        tail = guest.Tail(out.append, MARK)
        for piece in pieces:
            tail.feed(piece)
        tail.finish()
        return b"".join(out), tail.complete

    def test_mark_is_taken_off_however_it_arrives(self):
        data = b"hello \x10end 12" + MARK
        self.assertEqual(self.through(data), (data[:-len(MARK)], True))
        self.assertEqual(self.through(*(data[i:i + 1] for i in range(len(data)))), (data[:-len(MARK)], True))

    def test_without_mark_all_arrives_and_is_incomplete(self):
        self.assertEqual(self.through(b"abc\x10en", b"d"), (b"abc\x10end", False))

    def test_input_is_escaped_and_ended(self):
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        os.write(write, b"a\x10b")
        os.close(write)
        guest.feed_stdin(read, ours)
        os.close(read)
        self.assertEqual(theirs.recv(100), b"a\x10\x10b\x10E")
        ours.close()
        theirs.close()

    def test_any_bytes_pass_the_shell(self):
        word = bytes(range(1, 256))
        result = subprocess.run(["sh", "-c", b"printf %s " + guest.quote(word)], stdout=subprocess.PIPE, check=True)
        self.assertEqual(result.stdout, word)

    def test_memory_sizes(self):
        self.assertEqual([qemu.parse_memory(text) for text in ("64", "64M", "1g")], [64 << 20, 64 << 20, 1 << 30])
        for text in ("", "x", "-5M", "0"):
            with self.assertRaises(ValueError):
                qemu.parse_memory(text)


class Cases(unittest.TestCase):
    def test_file_is_split_into_cases(self):
        text = "# about\n\n### one user=user timeout=3\necho 1\n### two todo: not yet: really\necho 2\n\n"
        one, two = cases.parse("tests/linux/f.t", text)
        self.assertEqual((one.id, one.user, one.timeout, one.script, one.where),
                         ("linux/f/one", "user", 3, "echo 1\n", "tests/linux/f.t:3"))
        self.assertEqual((two.id, two.todo, two.script), ("linux/f/two", "not yet: really", "echo 2\n\n"))

    def test_mistakes_are_named(self):
        for text, words in (("echo\n", "before the first"), ("### a\n### a\n", "a second case"),
                            ("### A\n", "no name"), ("### a x=1\n", "unknown option")):
            with self.subTest(text), self.assertRaisesRegex(cases.CaseError, words):
                cases.parse("f.t", text)

    def test_reports_may_arrive_in_pieces(self):
        found = []
        reader = cases.Reader(["c0", "c1"], lambda case, outcome: found.append((case, outcome)))
        data = b"begin 0\nend 0 7 3 2\no\nue\nbegin 1\n"
        for i in range(len(data)):
            reader.feed(data[i:i + 1])
        self.assertEqual(found, [("c0", cases.Outcome(7, b"o\nu", b"e\n"))])
        self.assertEqual((reader.begun, reader.ended), (1, 0))

    def test_the_way_to_the_next_case_has_a_limit_of_its_own(self):
        with unittest.mock.patch.object(cases.time, "monotonic", return_value=1000) as clock:
            reader = cases.Reader([cases.Case("c0", "", "", timeout=500), None], lambda case, outcome: None)
            reader.feed(b"begin 0\n")
            clock.return_value += 500
            self.assertEqual(reader.overdue(), cases.GRACE_SECONDS)
            reader.feed(b"end 0 0 0 0\n")
            self.assertEqual(reader.overdue(), cases.BOOT_SECONDS)
            clock.return_value += 1
            self.assertEqual(reader.overdue(), cases.BOOT_SECONDS - 1)


if __name__ == "__main__":
    unittest.main()
