# SPDX-License-Identifier: MIT
"""The benchmark's report as one HTML page that needs nothing else: two charts (SVG) and the table behind them."""

import html
import math

from . import bench, bench_report

WIDTH, LABEL, LINE, BAR = 1000, 270, 22, 14
PLOT = WIDTH - LABEL - 90
LEAST, MOST = 0.05, 5.0  # ends of the ratios' logarithmic axis
COLOURS = {"program": "#9aa5b1", "liblinux": "#3b82c4", "kernel": "#d9822b", "proc": "#8b5fbf", "tmpfs": "#3f9b5f",
           "tty": "#c45b7c", "uart16550": "#b0902f", "supervisor": "#4d5a66"}
OTHER = "#c9b8a8"
BETTER, WORSE, EVEN = "#3f9b5f", "#c8503c", "#1f2933"

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 1060px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em }
table { border-collapse: collapse; font-size: 13px; width: 100% }
th, td { padding: 3px 8px; text-align: right; border-bottom: 1px solid #e4e7eb; font-variant-numeric: tabular-nums }
th:first-child, td:first-child, td:last-child { text-align: left }
.worse { color: #c8503c; font-weight: 600 } .better { color: #2f7d4b }
svg text { font: 12px system-ui, sans-serif; fill: #1f2933 } .big { font-size: 1.3em; font-weight: 600 }
"""


def text(x, y, what, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{html.escape(what)}</text>'


def bar(x, y, width, colour, title, height=BAR):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height}" fill="{colour}">'
            f'<title>{html.escape(title)}</title></rect>')


def rule(x, y1, y2, colour, width=1, dash=""):
    return (f'<line x1="{x:.1f}" y1="{y1:.1f}" x2="{x:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}" '
            f'stroke-dasharray="{dash}"/>')


def svg(height, parts):
    head = f'<svg viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg" width="100%">'
    return "\n".join([head, *parts, "</svg>"])


def on_axis(ratio):
    """Where a ratio stands on the logarithmic axis."""
    bounded = min(max(ratio, LEAST), MOST)
    return LABEL + PLOT * math.log(bounded / LEAST) / math.log(MOST / LEAST)


def ratio_chart(rows, reference):
    """Bars from 1.0, to the left where Bulkhead executes less than the reference and to the right where more."""
    shown = [row for row in rows.values() if bench_report.ratio(row, reference)]
    bottom = 24 + LINE * len(shown)
    parts = []
    for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5):
        parts += [rule(on_axis(tick), 20, bottom, EVEN if tick == 1 else "#e4e7eb"),
                  text(on_axis(tick), 14, f"{tick:g}", "middle")]
    for n, row in enumerate(shown):
        y, ratio = 24 + LINE * n, bench_report.ratio(row, reference)
        left, right = sorted((on_axis(1), on_axis(ratio)))
        parts += [text(LABEL - 8, y + BAR - 2, row["title"], "end"),
                  bar(left, y, right - left, WORSE if ratio > 1 else BETTER, f"{row['title']}: {ratio:.2f}")]
        if row.get("reach"):
            at = on_axis(row["reach"] / row[reference]["corrected"])
            parts.append(rule(at, y - 2, y + BAR + 2, "#1f2933", 2))
        parts.append(text(WIDTH - 80, y + BAR - 2, f"{ratio:.2f}"))
    parts.append(text(WIDTH - 80, 14, "| reach"))
    return svg(bottom + 8, parts)


def owner_chart(rows):
    """Bulkhead's instructions of each row by whose they are; the dashed line is Linux's total."""
    shown = [row for row in rows.values() if "bulkhead" in row]
    names = sorted({name for row in shown for name in row["bulkhead"]["owners"]},
                   key=lambda name: list(COLOURS).index(name) if name in COLOURS else len(COLOURS))
    bottom = 34 + LINE * len(shown)
    parts, x = [], LABEL
    for name in names:
        parts += [bar(x, 4, 12, COLOURS.get(name, OTHER), name, 12), text(x + 16, 15, name)]
        x += 40 + 7 * len(name)
    scale = PLOT * 0.9 / max([1.1, *(ratio for row in shown if (ratio := bench_report.ratio(row)))])
    for n, row in enumerate(shown):
        y, at = 34 + LINE * n, LABEL
        unit = scale / row.get("lean", row["bulkhead"])["corrected"]
        parts.append(text(LABEL - 8, y + BAR - 2, row["title"], "end"))
        for name in names:
            count = row["bulkhead"]["owners"].get(name, 0)
            if count:
                parts.append(bar(at, y, count * unit, COLOURS.get(name, OTHER), f"{name}: {count:,.0f}"))
                at += count * unit
        parts.append(text(WIDTH - 80, y + BAR - 2, f"{row['bulkhead']['corrected']:,.0f}"))
    parts.append(rule(LABEL + scale, 26, bottom, EVEN, 1, "4 3"))
    return svg(bottom + 4, parts)


def cell(value, kind=""):
    return f'<td class="{kind}">{html.escape(str(value))}</td>'


def rows_table(rows):
    heads = ["operation", *(system.title for system in bench.SYSTEMS.values()), "reach", "ratio to lean",
             "events on Bulkhead"]
    lines = ["<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for row in rows.values():
        ratio = bench_report.ratio(row)
        cells = [cell(row["title"])]
        cells += [cell(bench_report.number(row[key]["corrected"] if key in row else None)) for key in bench.SYSTEMS]
        cells.append(cell(bench_report.number(row["reach"])))
        cells.append(cell("-" if ratio is None else f"{ratio:.2f}", "worse" if ratio and ratio > 1 else "better"))
        events = row["bulkhead"]["events"] if "bulkhead" in row else {}
        cells.append(cell(", ".join(f"{name} {n:.3g}" for name, n in events.items() if n >= 0.01)))
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join(lines) + "</table>"


def work_report(rows):
    """The page for whole runs."""
    lines = ["<table><tr><th>millions of instructions (seconds)</th>" +
             "".join(f"<th>{system.title}</th>" for system in bench.SYSTEMS.values()) + "</tr>"]
    for row in rows.values():
        lines.append("<tr>" + cell(row["title"]) + "".join(
            cell(f"{row[key]['corrected'] / 1e6:,.1f} ({row[key]['seconds']:.2f})" if key in row else "-")
            for key in bench.SYSTEMS) + "</tr>")
    return page("Bulkhead: work, in instructions", [
        ("Bulkhead / Linux, lean", "Scripts for Debian's busybox, measured whole.", ratio_chart(rows, "lean")),
        ("Where the instructions go", "The dashed line is the whole of Linux, lean.", owner_chart(rows)),
        ("The figures", "Seconds are those of the emulator at full speed.", "\n".join(lines) + "</table>")])


def ipc_report(rows):
    """The page for the kernel's own ways."""
    heads = ["kernel instructions", "Bulkhead", "seL4", "seL4 MCS", "Fiasco", "reach"]
    lines = ["<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for row in rows.values():
        figures = [row[key]["corrected"] if key in row else None for key in ("bulkhead", "sel4", "mcs")]
        lines.append("<tr>" + cell(row["title"]) + "".join(cell(bench_report.number(n)) for n in figures) +
                     cell(row["fiasco"]) + cell(bench_report.number(row["reach"])) + "</tr>")
    about = ("Kernel instructions, user stubs excluded, two processes in different address spaces. seL4: commit "
             "1326364bc, sel4bench, release build, one core; Fiasco.OC/L4Re: its own pages.")
    return page("Bulkhead: the kernel, in instructions", [
        ("Bulkhead / seL4 MCS", f"Both with budgets. {about}", ratio_chart(rows, "mcs")),
        ("The figures", "", "\n".join(lines) + "</table>")])


def page(title, sections):
    """A page of (heading, paragraph, html) sections."""
    parts = [f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>',
             f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>"]
    for heading, paragraph, body in sections:
        parts.append(f"<h2>{html.escape(heading)}</h2><p>{paragraph}</p>{body}")
    return "\n".join(parts) + "</html>\n"


def report(rows, libc, not_there):
    """The page for the rows of Linux calls."""
    ratios = [ratio for row in rows.values() if (ratio := bench_report.ratio(row))]
    mean = (f'<span class="big">{bench_report.geometric_mean(ratios):.2f}</span> of Linux lean in the geometric mean '
            f"over {len(ratios)} rows; {sum(r > 1 for r in ratios)} rows above 1.0.") if ratios else ""
    how = (f"The same static binary ({libc}) on Debian's Linux kernel and on Bulkhead, in the same QEMU machine. "
           "Figures are instructions an operation, user and kernel mode together, the median of 15 batches; each string "
           f"instruction counts once, whatever it moves. Not there yet: {html.escape(', '.join(not_there))}.")
    sections = [("Against Linux", f"{mean} {how}", "")]
    if ratios:
        sections.append(("Bulkhead / Linux, lean",
                         "Green: fewer instructions than Linux. The black tick is the figure to reach.",
                         ratio_chart(rows, "lean")))
    sections += [("Where the instructions go",
                  "One bar a row, by whose code is executed. The dashed line is the whole of Linux, lean.",
                  owner_chart(rows)),
                 ("The figures", "Lean: " + html.escape(bench.LEAN) + ", CPU without ERMS.", rows_table(rows))]
    return page("Bulkhead: Linux programs, in instructions", sections)
