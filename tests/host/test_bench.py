# SPDX-License-Identifier: MIT
"""The benchmark's host side: the plugin's output becomes figures, figures become tables, and growth is noticed."""

import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import bench, bench_html, bench_ipc, bench_report, bench_rows, bench_work  # noqa: E402

OUTPUT = "row 0 empty 10 30 30 30\nrow 6 stat 10 1020 1000 5000\n"
COUNTS = """section 0 string=0 bytes=0 cr3=0 program:35
section 0 string=0 bytes=0 cr3=0 program:35
section 0 string=0 bytes=0 cr3=0 program:35
section 6 string=100 bytes=800 cr3=20 program:105 kernel:820
section 6 string=100 bytes=800 cr3=20 program:105 kernel:810
section 6 string=100 bytes=800 cr3=20 program:105 kernel:4800
function 6 kernel file_stat 1500
function 6 kernel file_stat 300
end
"""


def linux_rows(bulkhead, lean):
    figures = [bench.Figures(n, n, n, 0, {"kernel": n}, {}) for n in (bulkhead, lean)]
    return bench_report.results_of({"bulkhead": {"stat": figures[0]}, "lean": {"stat": figures[1]}})


class Reading(unittest.TestCase):
    def test_figures_are_medians_of_an_operation_without_string_passes(self):
        stat = bench.read_rows(OUTPUT, COUNTS)["stat"]
        self.assertEqual((stat.corrected, stat.lowest, stat.raw, stat.string_bytes), (92, 90, 102, 80))
        self.assertEqual(stat.owners, {"kernel": 82, "program": 10.5})
        self.assertEqual(stat.events["cr3"], 2)

    def test_an_instruction_that_faulted_is_seen_by_the_plugin_only(self):
        counts = COUNTS.replace("kernel:810", "kernel:820").replace("kernel:820", "kernel:840")
        self.assertEqual(bench.read_rows(OUTPUT, counts)["stat"].events["fault"], 2)

    def test_functions_of_the_same_name_are_one(self):
        self.assertEqual(bench.read_rows(OUTPUT, COUNTS)["stat"].functions, {("kernel", "file_stat"): 60})

    def test_a_batch_that_the_plugin_missed_is_an_error(self):
        with self.assertRaises(bench.BenchError):
            bench.read_rows(OUTPUT, COUNTS.replace("section 6", "section 7", 1))


class Reporting(unittest.TestCase):
    def test_rows_above_linux_are_marked(self):
        self.assertIn("slower than Linux", bench_report.table(linux_rows(3000, 2000))[2])
        self.assertIn("above reach", bench_report.table(linux_rows(1000, 2000))[2])
        self.assertNotIn("above", bench_report.table(linux_rows(700, 2000))[2])

    def test_the_mean_is_geometric(self):
        self.assertAlmostEqual(bench_report.geometric_mean([0.5, 2.0]), 1.0)

    def test_the_charts_are_xml_and_name_every_row(self):
        page = bench_html.report(linux_rows(3000, 2000), "musl", bench_rows.NOT_THERE)
        charts = [part.split("</svg>")[0] for part in page.split("<svg")[1:]]
        self.assertEqual(len(charts), 2)
        for chart in charts:
            texts = {element.text for element in xml.etree.ElementTree.fromstring(f"<svg{chart}</svg>").iter()}
            self.assertIn("stat, depth 1", texts)

    def test_a_kernel_figure_stands_beside_its_peers(self):
        rows = bench_ipc.results_of({"signal, nobody waiting": 219, "something new": 5})
        lines = bench_ipc.table(rows)
        self.assertRegex(lines[2], r"219 +356 +438 +- +80 +0.50")
        self.assertRegex(lines[3], r"something new +5 +- +-")


class Work(unittest.TestCase):
    def test_each_script_stands_between_its_marks(self):
        lines = bench_work.script_of(bench_work.WORKS[:2]).splitlines()
        marks = [line for line in lines if line.startswith("bench --mark")]
        self.assertEqual(marks, [f"bench --mark {n}" for n in (0, 1, 2, 3, 65535)])
        between = lines[lines.index("bench --mark 2"):lines.index("bench --mark 3")]
        self.assertIn(bench_work.WORKS[1].script, "\n".join(between))

    def test_times_are_taken_out_of_what_was_printed(self):
        marks, printed = bench_work.read_marks("mark 0 100\n5000\nmark 1 350\nend\n")
        self.assertEqual((marks, printed), ({0: 100, 1: 350}, "5000\nend\n"))


    def test_the_system_alone_is_what_the_program_does_not_execute_itself(self):
        row = {"title": "work", "bulkhead": {"corrected": 1100e6, "seconds": 1, "owners": {"program": 1e9, "tmpfs": 1e8}},
               "lean": {"corrected": 1200e6, "seconds": 1, "owners": {"program": 1e9, "kernel": 2e8}}}
        self.assertRegex(bench_work.table({"work": row})[2], r"0\.92 +1\.00 +100\.0 / 200\.0 = 0\.50$")


class Keeping(unittest.TestCase):
    def test_growth_beyond_five_percent_is_noticed(self):
        kept = {"bulkhead": {"stat": 1000, "fstat": 100}, "lean": {"stat": 1}}
        now = {"bulkhead": {"stat": 1051, "fstat": 105, "new": 7}, "lean": {"stat": 100}}
        self.assertEqual(bench_report.compare(kept, now), [("stat", 1000, 1051)])

    def test_rows_that_were_not_measured_stay(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figures.json"
            bench_report.save_kept(path, {"bulkhead": {"stat": 2, "fstat": 3}})
            bench_report.save_kept(path, {"bulkhead": {"stat": 1}})
            self.assertEqual(bench_report.load_kept(path), {"bulkhead": {"stat": 1, "fstat": 3}})

    def test_every_row_of_the_table_exists_in_the_program(self):
        sources = "".join(path.read_text() for path in (ROOT / "tests/bench/linux").glob("rows_*.c"))
        for row in bench_rows.ROWS:
            self.assertIn(f'{{"{row.name}", ', sources)


if __name__ == "__main__":
    unittest.main()
