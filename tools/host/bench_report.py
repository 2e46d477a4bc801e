# SPDX-License-Identifier: MIT
"""Figures of the benchmark as a table on the terminal and as JSON; bench_html draws them."""

import json
import math
from dataclasses import asdict

from . import bench, bench_rows

GROWTH = 1.05  # a kept figure may grow by so much


def results_of(measured):
    """{system key: {row name: Figures}} as --json writes it: row name -> title, reach and the systems' figures."""
    rows = {}
    for row in bench_rows.ROWS:
        systems = {key: figures[row.name] for key, figures in measured.items() if row.name in figures}
        if systems:
            lean = systems["lean"].corrected if "lean" in systems else None
            rows[row.name] = {"title": row.title, "reach": bench_rows.reach(row, lean),
                              **{key: as_json(figures) for key, figures in systems.items()}}
    return rows


def as_json(figures):
    plain = asdict(figures)
    plain["functions"] = [[owner, name, round(n, 2)] for (owner, name), n in
                          sorted(figures.functions.items(), key=lambda item: -item[1]) if n >= 1]
    for name, value in plain.items():
        if isinstance(value, float):
            plain[name] = round(value, 2)
        elif isinstance(value, dict):
            plain[name] = {key: round(n, 2) for key, n in value.items() if n}
    return plain


def geometric_mean(ratios):
    return math.exp(sum(math.log(r) for r in ratios) / len(ratios)) if ratios else None


def ratio(row, other="lean"):
    """Bulkhead's share of Linux's instructions, or None."""
    if "bulkhead" not in row or other not in row:
        return None
    return row["bulkhead"]["corrected"] / row[other]["corrected"]


def number(value):
    return f"{value:,.0f}" if value is not None else "-"


def mark(row):
    """What the reader should look at: more than Linux, or still above the reach."""
    if (ratio(row) or 0) > 1:
        return "slower than Linux"
    within = row["reach"] is None or "bulkhead" not in row or row["bulkhead"]["corrected"] <= row["reach"]
    return "" if within else "above reach"


def table(rows):
    """The lines of the table on the terminal."""
    head = (f"{'corrected instructions an operation':38} {'Bulkhead':>10} {'shipped':>10} {'lean':>10} {'reach':>9} "
            f"{'ratio':>6}")
    lines = [head, "-" * len(head)]
    for row in rows.values():
        figure = {key: row[key]["corrected"] if key in row else None for key in bench.SYSTEMS}
        share = ratio(row)
        lines.append(f"{row['title']:38} {number(figure['bulkhead']):>10} {number(figure['shipped']):>10} "
                     f"{number(figure['lean']):>10} {number(row['reach']):>9} "
                     f"{f'{share:.2f}' if share is not None else '-':>6}  {mark(row)}".rstrip())
    ratios = [share for row in rows.values() if row["reach"] and (share := ratio(row)) is not None]
    if ratios:
        above = sum(share > 1 for share in ratios)
        lines.append(f"geometric mean of Bulkhead / Linux lean: {geometric_mean(ratios):.2f} over {len(ratios)} rows; "
                     f"{above} of them above 1.0 (the goal: at most 0.40, none)")
    return lines


def owner_lines(rows):
    """Where Bulkhead's instructions of each row go, and the events beside them."""
    for row in rows.values():
        if "bulkhead" in row:
            figures = row["bulkhead"]
            by_size = sorted(figures["owners"].items(), key=lambda item: -item[1])
            owners = ", ".join(f"{name} {n:,.0f}" for name, n in by_size if n >= 1)
            events = ", ".join(f"{name} {n:.4g}" for name, n in figures["events"].items() if n >= 0.01)
            yield f"{row['title']}: {owners}; {events or 'no events'}"


def profile_lines(rows, n_functions):
    """Bulkhead's functions that execute most, by row."""
    for row in rows.values():
        if "bulkhead" in row:
            figures = row["bulkhead"]
            yield f"{row['title']}: {number(figures['corrected'])} (reach {number(row['reach'])})"
            for owner, name, n in figures["functions"][:n_functions]:
                yield f"  {n:10,.0f} {100 * n / figures['corrected']:5.1f} %  {owner:10} {name}"


# --- figures that are kept

PLACE = "<!-- figures: written by ./bulkhead bench --keep -->"


def kept_of(rows):
    """What figures.json holds of the rows: system -> row name -> corrected figure."""
    return {key: {name: row[key]["corrected"] for name, row in rows.items() if key in row}
            for key in bench.SYSTEMS if any(key in row for row in rows.values())}


def load_kept(path):
    return json.loads(path.read_text()) if path.exists() else {}


def save_kept(path, parts):
    """Renew the kept figures of parts ("bulkhead", "lean", "kernel", ...); what was not measured stays as it is."""
    kept = load_kept(path)
    for part, figures in parts.items():
        kept.setdefault(part, {}).update(figures)
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def compare(kept, parts):
    """(name, what it was, what it is) of those of Bulkhead's figures that have grown too much."""
    return [(name, kept[part][name], now)
            for part in ("bulkhead", "kernel") for name, now in parts.get(part, {}).items()
            if name in kept.get(part, {}) and now > kept[part][name] * GROWTH]


def renew_document(path, kept):
    """Write the kept figures as a table behind the mark in a document."""
    rows = {row.name: {"title": row.title, "reach": bench_rows.reach(row, kept.get("lean", {}).get(row.name)),
                       **{key: {"corrected": kept[key][row.name]}
                          for key in bench.SYSTEMS if row.name in kept.get(key, {})}}
            for row in bench_rows.ROWS}
    lines = table({name: row for name, row in rows.items() if "bulkhead" in row})
    before = path.read_text().split(PLACE)[0]
    path.write_text(f"{before}{PLACE}\n\n```\n" + "\n".join(lines) + "\n```\n")
