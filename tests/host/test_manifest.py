# SPDX-License-Identifier: MIT
"""System files: what is accepted, what each mistake is called, and the compiled form."""

import struct
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import manifest, manifest_check  # noqa: E402

GOOD = """system test
component low
    image servers/low
    rank 10
    vault 1M
    calls high
    reads table
component high
    image servers/high
    rank 20
    signals low
    publishes table 64K
    ioports 0x3f8 8
    irq 4
"""


def load(text, **options):
    return manifest_check.check(manifest.parse("t.system", text), **options)


class Mistakes(unittest.TestCase):
    def refused(self, text, *expected, **options):
        """The text is refused, and the problems contain what is expected, with file and line."""
        with self.assertRaises(manifest.ManifestError) as caught:
            load(text, **options)
        for words in expected:
            self.assertIn(words, str(caught.exception))
        self.assertRegex(str(caught.exception), r"^t\.system:\d+: ")

    def test_unknown_key(self):
        self.refused("system t\ncomponent a\n colour red\n", "t.system:3: unknown key 'colour'", "known: ")

    def test_key_outside_component(self):
        self.refused("system t\nrank 3\n", "t.system:2: 'rank' stands outside")

    def test_no_system_name(self):
        self.refused("component a\n image x\n rank 1\n", "system NAME")

    def test_duplicate_component(self):
        self.refused(GOOD + "component low\n image x\n rank 1\n", "a second component 'low'", "line 2")

    def test_duplicate_key(self):
        self.refused(GOOD + "    rank 3\n", "'rank' was given for 'high' in line 10")

    def test_wrong_number_of_words(self):
        self.refused(GOOD + "    ioports 5\n", "'ioports' wants 2 words, not 1")

    def test_bad_values(self):
        for line, words in (("priority 251", "between 1 and 250"), ("budget 5ms", "BUDGET/PERIOD"),
                            ("budget 5ms/4ms", "at most its period"), ("pool 3X", "not a size"), ("pool 0%", "1%"),
                            ("pool 1M maped", "only 'mapped'"), ("heartbeat 5", "not a time"), ("may fly", "permission"),
                            ("restart always 1/1s", "restart policy"), ("ioports 0xfff9 8", "behind port 0xffff"),
                            ("budget 1ms/1ms strict", "no meaning"), ("budget 1ms/2ms loose", "only 'strict'"),
                            ("ceiling 5%", "bytes"), ("escalate panic", "no escalation"),
                            ("escalate reboot cold", "the milder first"), ("quiesce 0x3f9 256", "between 0 and 255"),
                            ("slots 100", "power of two"), ("slots 32768", "between 64 and 16384"), ("irq x", "not a number"), ("args " + "a" * 256, "255")):
            with self.subTest(line):
                self.refused(GOOD + f"    {line}\n", words, "t.system:15: ")

    def test_supervision_without_a_restart(self):
        self.refused(GOOD + "    escalate cold\n", "'high' is not restarted")
        self.refused(GOOD + "    ceiling 1M\n    restart one_for_one 5/10s\n", "'high' has no heartbeat")
        self.refused(GOOD + "    renew 1s\n    restart one_for_one 5/10s\n", "'high' is renewed when it answers a heartbeat")

    def test_quiesce_of_a_foreign_port(self):
        self.refused(GOOD + "    quiesce 0x400 0\n", "port 0x400 is not among the I/O ports of 'high'")

    def test_unknown_peer(self):
        for key in ("calls", "mints", "signals", "after"):
            with self.subTest(key):
                self.refused(GOOD + f"    {key} nobody\n", "t.system:15: unknown component 'nobody'", "high, low")

    def test_own_peer(self):
        self.refused(GOOD + "    signals high\n", "names itself")

    def test_call_against_the_rank(self):
        self.refused(GOOD + "    calls low\n", "t.system:15: 'high' (rank 20) may not call 'low' (rank 10)", "signals low")

    def test_call_within_a_rank(self):
        self.refused(GOOD.replace("rank 20", "rank 10"), "strictly higher rank")

    def test_port_claimed_twice(self):
        other = "component other\n image x\n rank 5\n ioports 0x3ff 2\n irq 4\n"
        self.refused(GOOD + other, "I/O port 0x3ff is claimed by both 'high'", "'other'")

    def test_interrupt_line_may_be_shared(self):
        load(GOOD + "component other\n image x\n rank 5\n irq 4\n")

    def test_same_interrupt_twice_in_one_component(self):
        self.refused(GOOD + "    irq 4\n", "given this twice")

    def test_table_without_publisher(self):
        self.refused(GOOD.replace("publishes table 64K", "untyped 1M"), "nobody publishes the table 'table'")

    def test_table_with_two_publishers(self):
        self.refused(GOOD + "component c\n image x\n rank 5\n publishes table 4K\n", "published by 'high' already")

    def test_cycle_in_start_order(self):
        self.refused(GOOD + "    after low\n", "no start order", "low -> high -> low")

    def test_unknown_bundle_entry(self):
        self.refused(GOOD + "    bundle kernel\n", "unknown bundle entry 'kernel'")

    def test_missing_image_and_rank(self):
        self.refused("system t\ncomponent a\n", "has no image", "has no rank")

    def test_missing_image_folder(self):
        self.refused(GOOD, "there is no folder 'servers/low'", root=ROOT)

    def test_memory_overcommitted(self):
        self.refused(GOOD + "    pool 40M\n", "--mem", "most goes to 'high'", memory_bytes=32 << 20)

    def test_all_problems_are_reported(self):
        with self.assertRaises(manifest.ManifestError) as caught:
            load(GOOD + "    signals nobody\n    bundle kernel\n")
        self.assertEqual(len(caught.exception.problems), 2)


class Accepted(unittest.TestCase):
    def test_start_order_puts_the_called_first(self):
        self.assertEqual([c.name for c in load(GOOD).components], ["high", "low"])

    def test_comments_and_indentation_are_free(self):
        system = load(GOOD.replace("rank 10", "rank\t10   # ten").replace("    ", ""))
        self.assertEqual(system.find("low").rank, 10)

    def test_percent_is_rounded_down_to_a_power_of_two(self):
        self.assertEqual(manifest.parse_size("45%").resolve(100 << 20), 32 << 20)

    def test_every_system_in_the_tree(self):
        for path in sorted((ROOT / "systems").glob("*.system")):
            with self.subTest(path.name):
                manifest_check.load(path, ROOT, memory_bytes=256 << 20)


class Compiled(unittest.TestCase):
    def test_records_are_as_the_header_says(self):
        data = manifest.compile_system(load(GOOD))
        magic, count, zero, name = struct.unpack_from("<8sII32s", data)
        self.assertEqual((magic, count, zero, name.rstrip(b"\0")), (b"MANFEST1", 2, 0, b"test"))
        self.assertEqual(len(data), 48 + 2 * (448 + 48 * 40 + 64))
        low = data[48 + 448 + 48 * 40 + 64:]
        self.assertEqual(low[:32].rstrip(b"\0"), b"low")
        self.assertEqual(low[32:72].rstrip(b"\0"), b"servers/low")
        self.assertEqual(struct.unpack_from("<II", low, 72), (10, 100))
        self.assertEqual(struct.unpack_from("<QII", low, 96), (1 << 20, 0, 0))
        self.assertEqual(struct.unpack_from("<Q", low, 152), (1,), "starts after component 0")
        grants = [struct.unpack_from("<24sIIQII", low, 448 + 48 * i) for i in range(2)]
        self.assertEqual(grants[0], (b"high".ljust(24, b"\0"), manifest.CALL, 0, 0, 0, 0))
        self.assertEqual(grants[1], (b"table".ljust(24, b"\0"), manifest.TABLE, 0, 64 << 10, 0, 0))

    def test_supervision_stands_behind_the_grants(self):
        more = ("    restart one_for_one 5/10s\n    heartbeat 30ms\n    budget 1ms/4ms strict\n    ceiling 1M\n"
                "    escalate cold reboot\n    quiesce 0x3f9 0\n    quiesce 0x3fc 3\n    renew 2s\n")
        data = manifest.compile_system(load(GOOD + more))
        fields = struct.unpack_from("<QII4I4H", data, 48 + 448 + 48 * 40)
        self.assertEqual(fields, (1 << 20, 1, 2, 1, 3, 0, 0, 0x3F9, 0, 0x3FC, 3))
        self.assertEqual(struct.unpack_from("<Q", data, 48 + 448 + 48 * 40 + 56), (2_000_000_000,))

    def test_ports_hold_first_and_count(self):
        data = manifest.compile_system(load(GOOD))
        kinds = [struct.unpack_from("<24sIIQII", data, 48 + 448 + 48 * i)[1::2] for i in range(4)]
        self.assertIn((manifest.IOPORT, 0x3F8 | 8 << 16, 0), kinds)


if __name__ == "__main__":
    unittest.main()
