# SPDX-License-Identifier: MIT
"""Work as a shell does it, measured whole: the same scripts with the same of Debian's programs on Linux and on Bulkhead.

Those that need the same files run in one boot, once to count instructions and once at full speed for the time. What they
print must be the same on each system, so that nobody is fast by doing less.
"""

import itertools
import re
from dataclasses import dataclass

from . import bench, bench_files
from .bench_files import PROJECT, TREE

MARK_FINISH = 0xFFFF
MEMORY = "1G"  # the sort wants more than the quarter that processes have of 512 MiB on Bulkhead


# Before it is measured it has written its modules' compiled form.
PYTHON = """i=0; while [ $i -lt 10 ]; do
    python3 -c 'import json, re, subprocess; print(json.dumps([1, 2]))'; i=$((i + 1))
done"""


@dataclass(frozen=True)
class Work:
    name: str
    title: str
    script: str
    before: str = ":"
    files: object = bench_files.tree  # what is laid over the root archive: files(archive, debian)


WORKS = (
    Work("find", "find / -xdev | wc", "find / -xdev -path '/usr/src*' | wc -l; find / -xdev >/dev/null"),
    Work("tar", "tar of a tree of 5,000 files", f"tar cf /tmp/tree.tar -C {TREE} .; wc -c </tmp/tree.tar"),
    Work("grep", "grep -r in 5,000 files", f"grep -r 'word 7[0-9]*5 ' {TREE} | wc"),
    Work("configure", "2,000 fork + exec of a configure script", """i=0; while [ $i -lt 500 ]; do
    echo "int x$i;" >conftest.c
    /bin/cat conftest.c | /bin/sed s/x/y/ >conftest.out
    /usr/bin/expr $i + 1 >conftest.n; read i <conftest.n
    /bin/rm -f conftest.c
done; cat conftest.out"""),
    Work("sort", "sort of 64 MiB", "sort /tmp/lines >/tmp/sorted; md5sum </tmp/sorted", "bench --lines 64 >/tmp/lines"),
    Work("python", "Python started 10 times", PYTHON, PYTHON, bench_files.python),
    Work("build", "make of 21 C files, gcc", f"cp -r {PROJECT} p; cd p; make -s && ./program", files=bench_files.compiler),
)


def script_of(works):
    """The shell script that does the works, each between two marks."""
    lines = ["cd /tmp"]
    for n, work in enumerate(works):
        lines += [work.before, f"bench --mark {2 * n}", f"(\n{work.script}\n)", f"bench --mark {2 * n + 1}",
                  "rm -rf /tmp/*"]
    return "\n".join([*lines, f"bench --mark {MARK_FINISH}"])


def read_marks(output):
    """The time of each mark in ns, and the output without them."""
    marks = {int(n): int(ns) for n, ns in re.findall(r"^mark (\d+) (\d+)$", output, re.MULTILINE)}
    return marks, re.sub(r"^mark .*\n", "", output, flags=re.MULTILINE)


def run(project, system, works):
    """Work name -> Figures, work name -> seconds at full speed, and what the works printed."""
    figures, seconds, printed = {}, {}, ""
    for _, group in itertools.groupby(works, lambda work: work.files):
        results = run_boot(project, system, list(group))
        figures.update(results[0])
        seconds.update(results[1])
        printed += results[2]
    return figures, seconds, printed


def run_boot(project, system, works):
    """The same for works that need the same files."""
    overlay = bench.with_program(project)
    works[0].files(overlay, project.debian)
    command = script_of(works).encode()
    output, counts = bench.measure(project, system, command, overlay, memory=MEMORY)
    sections, functions = bench.read_counts(counts)
    figures = {}
    for n, work in enumerate(works):
        if len(sections.get(n, ())) != 1:
            raise bench.BenchError(f"{system.title}: '{work.name}' did not run to its end:\n{output}")
        owners, events = sections[n][0]
        ticks = sum(owners.values()) + events["string"]
        figures[work.name] = bench.figures_of(1, [ticks], sections[n], functions.get(n, {}), 0)
    marks, _ = read_marks(bench.measure(project, system, command, overlay, counted=False, memory=MEMORY)[0])
    seconds = {work.name: (marks[2 * n + 1] - marks[2 * n]) / 1e9 for n, work in enumerate(works)}
    return figures, seconds, read_marks(output)[1]


def results_of(works, measured, seconds):
    """{system key: {work name: Figures or seconds}} as rows for tables and charts, in millions of instructions."""
    rows = {}
    for work in works:
        row = rows[work.name] = {"title": work.title, "reach": None}
        for key, figures in measured.items():
            row[key] = {"corrected": round(figures[work.name].corrected), "seconds": round(seconds[key][work.name], 2),
                        "owners": figures[work.name].owners, "events": figures[work.name].events,
                        "functions": [[owner, name, n] for (owner, name), n in
                                      sorted(figures[work.name].functions.items(), key=lambda item: -item[1])]}
    return rows


def system_share(row, key):
    """What is not the program's own code, which is the same everywhere: the kernel's and all components' instructions."""
    return row[key]["corrected"] - row[key]["owners"].get("program", 0)


def table(rows):
    """The lines of the table: millions of instructions and seconds on each system; the ratios are to Linux, lean."""
    head = (f"{'millions of instructions (seconds)':40} {'Bulkhead':>18} {'shipped':>18} {'lean':>18} {'ratio':>6} "
            f"{'time':>6} {'system alone':>22}")
    lines = [head, "-" * len(head)]
    for row in rows.values():
        cells = [f"{row[key]['corrected'] / 1e6:,.1f} ({row[key]['seconds']:.2f})" if key in row else "-"
                 for key in bench.SYSTEMS]
        ratios, alone = ["-", "-"], "-"
        if "bulkhead" in row and "lean" in row:
            ratios = [f"{row['bulkhead'][what] / row['lean'][what]:.2f}" for what in ("corrected", "seconds")]
            ours, theirs = (system_share(row, key) for key in ("bulkhead", "lean"))
            alone = f"{ours / 1e6:,.1f} / {theirs / 1e6:,.1f} = {ours / theirs:.2f}"
        lines.append(f"{row['title']:40} {cells[0]:>18} {cells[1]:>18} {cells[2]:>18} {ratios[0]:>6} {ratios[1]:>6} "
                     f"{alone:>22}")
    return lines
