# SPDX-License-Identifier: MIT
"""What being recoverable costs a Linux program: the benchmark's rows with recovery on and off, from two of its JSON files.

Ends with status 1 when the cost is above what the system promises: 5 % in the geometric mean, 2 % in that of rows
that only read, 20 % in any row."""

import json
import sys
from math import exp, log

MEAN, READS, ANY = 0.05, 0.02, 0.20
READING = ("stat", "stat-5", "stat-missing", "fstat", "pread-4k", "read-1m", "open-read-close", "readdir-100",
           "poll-ready", "select-ready")


def mean(ratios):
    """The geometric mean of ratios, as a cost."""
    return exp(sum(map(log, ratios)) / len(ratios)) - 1


def main(on_path, off_path):
    """Print the table; the exit status."""
    with open(on_path, encoding="utf-8") as on_file, open(off_path, encoding="utf-8") as off_file:
        on, off = json.load(on_file)["rows"], json.load(off_file)["rows"]
    ratios = {}
    print("| corrected instructions an operation | off | on | cost |\n|---|---|---|---|")
    for name, row in on.items():
        a, b = row["bulkhead"]["corrected"], off[name]["bulkhead"]["corrected"]
        ratios[name] = a / b
        print(f"| {row['title']} | {b:,.0f} | {a:,.0f} | {100 * (a / b - 1):.1f} % |")
    costs = {"all rows": (mean(list(ratios.values())), MEAN),
             "rows that only read": (mean([ratios[name] for name in READING if name in ratios]), READS),
             "the dearest row": (max(ratios.values()) - 1, ANY)}
    print()
    for what, (cost, limit) in costs.items():
        print(f"- {what}: {100 * cost:.1f} % (at most {100 * limit:.0f} %)")
    return int(any(cost > limit for cost, limit in costs.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
