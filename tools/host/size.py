# SPDX-License-Identifier: MIT
"""How big Bulkhead is, against its budgets: code lines (no blanks, no comments), the kernel's text, memory when idle."""

import re
import sys
from pathlib import Path

from . import elf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lint"))
import source  # noqa: E402

KERNEL_TEXT_BUDGET = 96 << 10  # bytes
PARTS = (  # name, patterns, budget in code lines (None: none)
    ("kernel core", ("kernel/*.[ch]",), 6000),
    ("kernel x86_64", ("kernel/arch/x86_64/*.[chS]",), 1500),
    ("kernel host", ("kernel/arch/host/*.[ch]",), 1500),
    ("abi, protocols", ("abi/*", "protocols/*.h"), None),
    ("lib", ("lib/*.[chS]",), None),
    ("liblinux", ("linux/*.[chS]", "linux/*.def"), None),
)
NOT_COUNTED = re.compile(r"_test\.c$|/test/|\.md$")
COMPONENT_DEPTH = {"servers": 2, "drivers": 3, "fs": 2}


def lines_of(patterns, leave_out=()):
    paths = [path for path in source.files(*patterns)
             if not NOT_COUNTED.search(path) and not path.startswith(tuple(leave_out))]
    return sum(source.code_lines(path) for path in paths)


def components():
    """Component folder -> code lines."""
    found = {}
    for top, depth in COMPONENT_DEPTH.items():
        for path in source.files(f"{top}/*.[ch]"):
            if not NOT_COUNTED.search(path):
                folder = "/".join(path.split("/")[:depth])
                found[folder] = found.get(folder, 0) + source.code_lines(path)
    return found


def row(name, value, budget, unit):
    if budget is None:
        return f"  {name:28} {value:8,} {unit}", True
    within = value <= budget
    return f"  {name:28} {value:8,} {unit:6} of {budget:,}{'' if within else '   OVER BUDGET'}", within


def report(build):
    """Print the table; returns whether every budget is kept."""
    kept, build = True, Path(build)
    rows = []
    for name, patterns, budget in PARTS:
        leave_out = ("kernel/arch/",) if name == "kernel core" else ()
        rows.append(row(name, lines_of(patterns, leave_out), budget, "lines"))
    rows += [row(folder, lines, None, "lines") for folder, lines in sorted(components().items())]
    kernel = build / "kernel.elf"
    if kernel.exists():
        rows.append(row("kernel text", elf.Elf(kernel).text_bytes(), KERNEL_TEXT_BUDGET, "bytes"))
    for text, within in rows:
        print(text)
        kept &= within
    idle = idle_memory(build / "log/last")
    if idle:
        print(f"  {'last system, when ready':28} {idle}")
    return kept


def idle_memory(log):
    """What the supervisor of the last run logged about memory when all was ready, if it did."""
    text = log.read_text(errors="replace") if log.exists() else ""
    match = re.search(r"system ready: (.*)", text)
    return match[1] if match else ""
