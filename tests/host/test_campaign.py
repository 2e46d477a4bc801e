# SPDX-License-Identifier: MIT
"""Campaigns of faults: what a trial is judged to be, what is counted, and how sure the rates are."""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import faults, faults_plan, faults_report  # noqa: E402

TRIAL = faults_plan.Trial("null:tmpfs:0x400000:90@0", "null", "tmpfs", "tmpfs patch 0x400000 90")
FINE = {"state": "done", "hits": "1", "died": "1", "work": "same", "status": "0", "errors": "0", "stall_us": "66",
        "time_us": "38000", "settled": "yes", "deaths": "tmpfs:1:0:2"}


class Verdict(unittest.TestCase):
    def outcome(self, **changes):
        return faults.judge(TRIAL, {**FINE, **changes}, "", "").outcome

    def test_all_as_before_is_transparent(self):
        self.assertEqual(self.outcome(), "transparent")

    def test_another_component_restarted_is_spread_whatever_the_work_says(self):
        self.assertEqual(self.outcome(deaths="tmpfs:1:0:2,tty:1:0:2"), "spread")
        self.assertEqual(self.outcome(deaths="tmpfs:1:0:2,tty:1:0:2", work="different", errors="7"), "spread")

    def test_a_twin_may_end_sound_components_when_nobody_sees_it(self):
        twin = faults_plan.Trial("null:guardian:0x400000:90@0", "null", "guardian", "guardian patch 0x400000 90")
        result = faults.judge(twin, {**FINE, "died": "0", "deaths": "supervisor:0:1:2"}, "", "")
        self.assertEqual((result.outcome, result.died), ("transparent", 1))
        self.assertEqual(faults.judge(twin, {**FINE, "deaths": "supervisor:1:0:2"}, "", "").outcome, "spread")
        self.assertEqual(self.outcome(deaths="tmpfs:1:0:2,tty:0:1:2"), "spread")

    def test_wrong_output_is_silent_damage_unless_somebody_was_told(self):
        self.assertEqual(self.outcome(work="different"), "silent damage")
        self.assertEqual(self.outcome(work="later", status="256"), "declared error")
        self.assertEqual(self.outcome(work="different", errors="9"), "declared error")

    def test_work_without_end_hangs_and_a_ledger_that_differs_leaks(self):
        self.assertEqual(self.outcome(status="-1", work="different"), "hang")
        self.assertEqual(self.outcome(settled="no"), "leak")

    def test_a_component_that_does_not_come_back_is_down(self):
        self.assertEqual(self.outcome(deaths="tmpfs:1:0:6"), "down")


class Counts(unittest.TestCase):
    def row(self, *results):
        return faults_report.rows([(TRIAL, faults.Result(TRIAL.name, *r)) for r in results])[("all", "")]

    def test_only_what_changed_something_is_manifested(self):
        row = self.row(("transparent", 0, 0), ("transparent", 1, 0), ("transparent", 1, 1), ("leak", 1, 0))
        self.assertEqual((row.injected, row.activated, row.manifested), (4, 3, 2))
        self.assertEqual(row.outcomes, {"transparent": 1, "leak": 1})

    def test_instructions_of_a_sweep_count_one_by_one(self):
        trial = faults_plan.Trial("sweep:tmpfs:0x400000-0x400800", "sweep", "tmpfs", "", sites=500)
        row = faults_report.Row()
        row.add(trial, faults.Result(trial.name, "transparent", 310, 310))
        self.assertEqual((row.injected, row.activated, row.manifested, row.outcomes["transparent"]), (500, 310, 310, 310))

    def test_components_and_kinds_are_summed_up_where_there_are_several(self):
        trials = [faults_plan.Trial(f"{kind}:{component}:0x400000@0", kind, component, "")
                  for component, kind in (("tty", "kill"), ("tty", "null"), ("proc", "kill"))]
        rows = faults_report.rows([(t, faults.Result(t.name, "transparent", 1, 1)) for t in trials])
        self.assertEqual(list(rows), [("proc", "kill"), ("tty", "kill"), ("tty", "null"), ("tty", "all"), ("all", "kill"), ("all", "")])
        self.assertEqual([row.manifested for row in rows.values()], [1, 1, 1, 2, 2, 3])

    def test_bounds_are_those_of_the_binomial_distribution(self):
        self.assertAlmostEqual(faults_report.upper_bound(59), 0.0495, places=4)  # nothing in 59: below 5 %
        self.assertAlmostEqual(faults_report.upper_bound(10, 2), 0.5069, places=4)
        self.assertEqual(faults_report.upper_bound(0), 1.0)


class Names(unittest.TestCase):
    def test_a_trial_is_all_in_its_name(self):
        trial = faults_plan.trial_of("recovery:tty:0x401000@250", lambda component: ())
        self.assertEqual((trial.order, trial.delay_us), ("tty kill 0x401000 next", 250))

    def test_what_is_no_name_is_refused(self):
        for name in ("tty", "dance:tty:0x401000", "kill:tty:0x401000@soon"):
            with self.assertRaises(faults_plan.CampaignError):
                faults_plan.trial_of(name, lambda component: ())


if __name__ == "__main__":
    unittest.main()
