# SPDX-License-Identifier: MIT
"""The kernel's own ways (tests/bench/kernel) beside the published or measured figures of other microkernels.

All are kernel instructions, user stubs excluded, from the same kind of machine: one CPU, QEMU's TCG, two processes in
different address spaces. The figures of seL4 are those of commit 1326364bc with sel4bench, release build, one core,
without and with MCS (budgets, which Bulkhead always has); those of Fiasco.OC/L4Re are from its own pages.
"""

import os
import re
import subprocess
from dataclasses import dataclass

from . import bench


@dataclass(frozen=True)
class Peer:
    title: str
    sel4: object = None
    mcs: object = None
    fiasco: str = "-"
    reach: object = None


PEERS = {  # by the name that the kernel's benchmark prints
    "null system call (unknown number)": Peer("null system call", 89, 89, "147", 40),
    "reflected call, entry to handler": Peer("reflected Linux call, to its handler", None, None, "-", 20),
    "call + reply_wait, no words": Peer("call + reply_wait, no payload", 394, 488, "587-613", 300),
    "call + reply_wait, 6 words": Peer("call + reply_wait, 6 words", None, None, "-", 300),
    "call + reply_wait, 10 words one way": Peer("call + reply_wait, 10 words", 1572, 2158, "-", 420),
    "call + reply_wait, 32 words one way": Peer("call + reply_wait, 32 words", None, None, "-", 550),
    "signal to a waiting thread of higher priority": Peer("signal to a waiting thread above", 509, 688, "-", 250),
    "signal, nobody waiting": Peer("signal, nobody waiting", 356, 438, "-", 80),
    "yield between processes": Peer("yield between processes", 270, 464, "-", 230),
    "answer a fault to the next one (with the stub)": Peer("fault round trip to a handler", 1303, 1932, "-", 500),
}


def run(project):
    """Name -> instructions, of everything that the kernel's benchmark measures."""
    build = project.relative(project.build)
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    result = subprocess.run(["make", "-s", "--no-print-directory", f"BUILD={build}", "bench-kernel"], cwd=project.root,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", env=environment, check=False)
    figures = {name.strip(): int(n) for name, n in re.findall(r"^\[0\] (.*?)\s+(\d+)\s*$", result.stdout, re.MULTILINE)}
    if result.returncode or not figures:
        raise bench.BenchError(f"the kernel's benchmark failed:\n{result.stdout.strip()}")
    return figures


def results_of(figures):
    """As the charts want them: name -> title, reach and each kernel's figure; what has no peer comes last."""
    rows = {}
    for name in [*(n for n in PEERS if n in figures), *(n for n in figures if n not in PEERS)]:
        peer = PEERS.get(name, Peer(name))
        rows[name] = {"title": peer.title, "reach": peer.reach, "fiasco": peer.fiasco,
                      "bulkhead": {"corrected": figures[name]}}
        for key in ("sel4", "mcs"):
            if getattr(peer, key):
                rows[name][key] = {"corrected": getattr(peer, key)}
    return rows


def table(rows):
    """The lines of the table on the terminal; the ratio is to seL4 with budgets."""
    head = (f"{'kernel instructions':46} {'Bulkhead':>8} {'seL4':>7} {'seL4 MCS':>8} {'Fiasco':>8} {'reach':>6} "
            f"{'ratio':>6}")
    lines = [head, "-" * len(head)]
    for row in rows.values():
        now = row["bulkhead"]["corrected"]
        cells = [f"{row[key]['corrected']:,}" if key in row else "-" for key in ("sel4", "mcs")]
        ratio = f"{now / row['mcs']['corrected']:.2f}" if "mcs" in row else "-"
        reach = f"{row['reach']:,}" if row["reach"] else "-"
        above = "" if not row["reach"] or now <= row["reach"] else "  above reach"
        lines.append(f"{row['title']:46} {now:8,} {cells[0]:>7} {cells[1]:>8} {row['fiasco']:>8} {reach:>6} "
                     f"{ratio:>6}{above}")
    return lines
