# SPDX-License-Identifier: MIT
"""`./bulkhead bench`: its options, and which measurements they start."""

import argparse
import json
import sys
from pathlib import Path

from . import bench, bench_html, bench_ipc, bench_report, bench_rows, bench_work

HELP = """examples:
  ./bulkhead bench                       all rows, on Bulkhead and twice on Linux: a minute
  ./bulkhead bench --rows pipe,stat      rows that are named so, begin so or end so
  ./bulkhead bench --on bulkhead --profile 10    the functions that execute most
  ./bulkhead bench ipc                   the kernel's own ways, beside other microkernels
  ./bulkhead bench work                  find, tar, grep, configure, sort, Python, make and gcc: whole runs; some minutes
  ./bulkhead bench --html report.html --json report.json
  ./bulkhead bench --check               fail if a row, or the kernel, has grown by more than 5 % over the kept figures
  ./bulkhead bench --keep                keep the figures (tests/bench/figures.json, docs/benchmarks.md)

Figures are instructions an operation; docs/benchmarks.md says how they come about.
exit status: 1 when --check finds a row that has grown."""


def options(parser):
    """The arguments of `bench`."""
    parser.add_argument("what", nargs="?", choices=("linux", "ipc", "work"), default="linux", metavar="WHAT",
                        help="linux: Linux programs' calls (default); ipc: the kernel's own ways; work: whole scripts")
    parser.add_argument("--rows", metavar="NAME,...", default="", help="only these rows (--list names them)")
    parser.add_argument("--on", metavar="SYSTEM,...", default=",".join(bench.SYSTEMS),
                        help=f"where to run ({','.join(bench.SYSTEMS)})")
    parser.add_argument("--libc", choices=bench.LIBCS, default="musl", help="which build of the program (musl)")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument("--owners", action="store_true", help="show whose instructions they are, and the events")
    parser.add_argument("--profile", type=int, metavar="N", default=0,
                        help="show the N functions that execute most, by row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report with charts there")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare with the kept figures; on Bulkhead only")
    action.add_argument("--keep", action="store_true", help="keep the figures")


def chosen(names, known, what):
    """The words of a list with commas, each of which must be known."""
    words = [word for word in names.split(",") if word]
    for word in words:
        if word not in known:
            raise argparse.ArgumentTypeError(f"there is no {what} '{word}'; known: {', '.join(known)}")
    return words


def rows_named(names):
    """The program's words for --rows: every word must name a row."""
    words = [word for word in names.split(",") if word]
    for word in words:
        if not any(row.name == word or row.name.startswith(f"{word}-") or row.name.endswith(f"-{word}")
                   for row in bench_rows.ROWS):
            raise argparse.ArgumentTypeError(f"no row is named '{word}'; ./bulkhead bench --list names them")
    return words


def progress(what):
    print(f"  measuring: {what}", file=sys.stderr, flush=True)


def run(project, arguments):
    """Measure, print, write what is asked for; returns the exit status."""
    if arguments.list:
        print("\n".join(row.name for row in (bench_work.WORKS if arguments.what == "work" else bench_rows.ROWS)))
        return 0
    return {"linux": run_linux, "ipc": run_ipc, "work": run_work}[arguments.what](project, arguments)


def run_ipc(project, arguments):
    figures = bench_ipc.run(project)
    rows = bench_ipc.results_of(figures)
    print("\n".join(bench_ipc.table(rows)))
    write(arguments, {"rows": rows}, lambda: bench_html.ipc_report(rows))
    return conclude(project, arguments, {"kernel": figures})


def run_linux(project, arguments):
    words = rows_named(arguments.rows)
    systems = ["bulkhead"] if arguments.check else chosen(arguments.on, bench.SYSTEMS, "system")
    project.make("world", "bench-programs")
    measured = {}
    for key in systems:
        progress(bench.SYSTEMS[key].title)
        measured[key] = bench.run(project, bench.SYSTEMS[key], arguments.libc, words)
    rows = bench_report.results_of(measured)
    show(rows, arguments)
    write(arguments, {"libc": arguments.libc, "rows": rows},
          lambda: bench_html.report(rows, arguments.libc, bench_rows.NOT_THERE))
    parts = bench_report.kept_of(rows)
    if (arguments.check or arguments.keep) and not words:
        progress("the kernel")
        parts["kernel"] = bench_ipc.run(project)
    return conclude(project, arguments, parts)


def run_work(project, arguments):
    if arguments.check or arguments.keep:
        raise argparse.ArgumentTypeError("no figures of work are kept")
    names = chosen(arguments.rows, [work.name for work in bench_work.WORKS], "work")
    works = [work for work in bench_work.WORKS if not names or work.name in names]
    project.make("world", "bench-programs")
    measured, seconds, printed = {}, {}, {}
    for key in chosen(arguments.on, bench.SYSTEMS, "system"):
        progress(bench.SYSTEMS[key].title)
        measured[key], seconds[key], printed[key] = bench_work.run(project, bench.SYSTEMS[key], works)
    if len(set(printed.values())) > 1:
        said = "\n".join(f"{key}:\n{text}" for key, text in printed.items())
        raise bench.BenchError(f"the systems did not do the same work:\n{said}")
    rows = bench_work.results_of(works, measured, seconds)
    print("\n".join(bench_work.table(rows)))
    show_details(rows, arguments)
    write(arguments, {"rows": rows}, lambda: bench_html.work_report(rows))
    return 0


def show(rows, arguments):
    print("\n".join(bench_report.table(rows)))
    if not arguments.rows:
        print(f"not there yet on Bulkhead: {', '.join(bench_rows.NOT_THERE)}")
    show_details(rows, arguments)


def show_details(rows, arguments):
    if arguments.owners:
        print("\n".join(["", *bench_report.owner_lines(rows)]))
    if arguments.profile:
        print("\n".join(["", *bench_report.profile_lines(rows, arguments.profile)]))


def write(arguments, figures, report):
    """The files that were asked for."""
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.html:
        arguments.html.write_text(report())


def conclude(project, arguments, parts):
    """Keep the figures ({part: {row: number}}), or compare them with the kept ones: 1 if one has grown."""
    path = project.root / "tests/bench/figures.json"
    if arguments.keep:
        bench_report.save_kept(path, parts)
        bench_report.renew_document(project.root / "docs/benchmarks.md", bench_report.load_kept(path))
    grown = bench_report.compare(bench_report.load_kept(path), parts) if arguments.check else []
    for name, was, now in grown:
        print(f"{name} has grown from {was:,.0f} to {now:,.0f} instructions ({100 * (now / was - 1):.1f} %)")
    return 1 if grown else 0
