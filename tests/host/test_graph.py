# SPDX-License-Identifier: MIT
"""The picture of a system: everything is on it, and nothing lies on anything else."""

import sys
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import graph, manifest_check  # noqa: E402


class Picture(unittest.TestCase):
    def setUp(self):
        self.system = manifest_check.load(ROOT / "systems/busybox.system")

    def test_it_is_xml_and_names_every_component(self):
        root = xml.etree.ElementTree.fromstring(graph.svg(self.system))
        texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
        for component in self.system.components:
            self.assertIn(component.name, texts)

    def test_calls_point_upwards(self):
        for edge in graph.Layout(self.system).edges:
            if edge.kind == "calls":
                self.assertLess(edge.target.row, edge.source.row)

    def test_nothing_overlaps_in_a_row(self):
        for row in graph.Layout(self.system).rows:
            for left, right in zip(row, row[1:]):
                self.assertLessEqual(left.x + left.width / 2, right.x - right.width / 2)


if __name__ == "__main__":
    unittest.main()
