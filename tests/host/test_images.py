# SPDX-License-Identifier: MIT
"""Archives, bundles and flat images: the bytes that the guest will read."""

import io
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import cpio, image  # noqa: E402


def unpack(data):
    """Path -> (mode, links, data, inode) of a newc archive, by its definition."""
    found, at = {}, 0
    while True:
        assert data[at:at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11] - 1]
        at = (at + 110 + fields[11] + 3) & -4
        if name == b"TRAILER!!!":
            return found
        found[name] = (fields[1], fields[4], data[at:at + fields[6]], fields[0])
        at = (at + fields[6] + 3) & -4


class Cpio(unittest.TestCase):
    def test_entries_come_back(self):
        archive = cpio.Archive()
        archive.file("/a/b/file", b"hello", 0o640)
        archive.symlink("a/link", "b/file")
        archive.device("dev/null", 1, 3)
        found = unpack(archive.pack())
        self.assertEqual(list(found), [b"a", b"a/b", b"a/b/file", b"a/link", b"dev", b"dev/null"])
        self.assertEqual(found[b"a/b/file"][:3], (stat.S_IFREG | 0o640, 1, b"hello"))
        self.assertEqual(found[b"a/link"][2], b"b/file")
        self.assertTrue(stat.S_ISCHR(found[b"dev/null"][0]))

    def test_hard_links_share_an_inode_and_the_last_has_the_data(self):
        archive = cpio.Archive()
        archive.file("one", b"data")
        archive.hard_link("two", "one")
        found = unpack(archive.pack())
        self.assertEqual(found[b"one"][3], found[b"two"][3])
        self.assertEqual([found[name][1:3] for name in (b"one", b"two")], [(2, b""), (2, b"data")])

    def test_later_entry_replaces_earlier(self):
        archive = cpio.Archive()
        archive.file("x", b"1")
        archive.file("x", b"22")
        self.assertEqual(unpack(archive.pack())[b"x"][2], b"22")

    def test_host_tree_keeps_modes_and_times(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sub" / "f"
            file.parent.mkdir()
            file.write_bytes(b"abc")
            file.chmod(0o751)
            archive = cpio.Archive()
            archive.add_host(folder, "/in")
            self.assertEqual(archive.entries[b"in/sub/f"].mode, stat.S_IFREG | 0o751)
            self.assertEqual(archive.entries[b"in/sub/f"].mtime, int(file.stat().st_mtime))
            self.assertEqual(archive.entries[b"in/sub/f"].uid, 0)

    def test_the_same_input_gives_the_same_bytes(self):
        def make():
            archive = cpio.Archive(5)
            archive.file("z", "1")
            archive.file("a", "2")
            return archive.pack()
        self.assertEqual(make(), make())


class Bundle(unittest.TestCase):
    def test_entries_lie_on_pages(self):
        data = image.bundle([("supervisor", b"s" * 5000), ("manifest", b"m")])
        magic, count, zero, size = struct.unpack_from("<8sIIQ", data)
        self.assertEqual((magic, count, zero, size), (b"BBUNDLE1", 2, 0, len(data)))
        self.assertEqual(struct.unpack_from("<40sQQQ", data, 64), (b"supervisor".ljust(40, b"\0"), 4096, 5000, 0))
        self.assertEqual(struct.unpack_from("<40sQQQ", data, 128), (b"manifest".ljust(40, b"\0"), 12288, 1, 0))
        self.assertEqual(len(data), 16384)

    def test_long_name_is_refused(self):
        with self.assertRaises(image.ImageError):
            image.bundle([("n" * 40, b"")])


class Flat(unittest.TestCase):
    SOURCE = "int bss[3000]; int data = 5; int mark(void) { return data; } int _start(void) { return mark() + bss[1]; }"

    def build(self, folder):
        elf = Path(folder) / "a.elf"
        subprocess.run(["clang", "--target=x86_64-unknown-none-elf", "-ffreestanding", "-fno-pic", "-x", "c", "-", "-c",
                        "-o", f"{elf}.o"], input=self.SOURCE.encode(), check=True)
        subprocess.run(["ld.lld", "-static", "--image-base=0x400000", "-z", "separate-loadable-segments", f"{elf}.o",
                        "-o", elf], check=True)
        return elf

    def test_segments_and_symbols(self):
        with tempfile.TemporaryDirectory() as folder:
            data = image.flatten(self.build(folder), ("mark",))
        magic, entry, count, zero = struct.unpack_from("<8sQII", data)
        self.assertEqual((magic, zero), (b"BBIMAGE1", 0))
        table = [struct.unpack_from("<QQQQII", data, 24 + 40 * i) for i in range(count)]
        text = next(row for row in table if row[4] == image.RIGHT_READ | image.RIGHT_EXEC)
        mark = struct.unpack_from("<Q", data, 24 + 40 * 6)[0]
        for address in (entry, mark):
            self.assertTrue(text[0] <= address < text[0] + text[3])
        bss = max(table, key=lambda row: row[3] - row[2])
        self.assertGreaterEqual(bss[3] - bss[2], 12000 - 4096)
        for row in table:
            self.assertEqual((row[0] % 4096, row[1] % 4096), (0, 0))

    def test_missing_symbol_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            elf = self.build(folder)
            with self.assertRaisesRegex(image.ImageError, "'nowhere' is not defined"):
                image.flatten(elf, ("nowhere",))


if __name__ == "__main__":
    unittest.main()
