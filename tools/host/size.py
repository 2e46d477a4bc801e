# SPDX-License-Identifier: MIT
"""How big Bulkhead is, against its budgets: code lines (no blanks, no comments), the kernel's text, memory when idle."""

import re
import sys
from pathlib import Path

from . import elf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lint"))
import source  # noqa: E402

KERNEL_TEXT_BUDGET = 96 << 10  # bytes
IDLE_BUDGET = 16 << 10         # KiB, beside the files of tmpfs
IDLE_MACHINE = "64M"           # where the idle system is measured
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


def report(build, idle=None):
    """Print the table; returns whether every budget is kept. idle: KiB of the idle system (idle_memory), if measured."""
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
    if idle is not None:
        text, within = row("idle system and its shell", idle, IDLE_BUDGET, "KiB")
        print(f"{text}   (in a machine of {IDLE_MACHINE}, beside the files)")
        kept &= within
    return kept


def idle_memory(log, ledger, archive_bytes):
    """KiB in use beside tmpfs's files: what the supervisor logged when all was ready, less the archive that the files
    came from, and what proc holds for the Linux processes: pages and blocks of kernel objects (/proc/bulkhead/ledger)."""
    used = int(re.search(r"system ready: .*?(\d+) KiB used beside pools", log)[1])
    figures = dict(line.split() for line in ledger.splitlines())
    in_use = {name: int(figures[f"{name}_total"]) - int(figures[f"{name}_free"]) for name in ("pages", "blocks")}
    return used - archive_bytes // 1024 + in_use["pages"] * 4 + in_use["blocks"] * int(figures["block_kib"])
