# SPDX-License-Identifier: MIT
"""What a campaign of faults has shown: a table as text, and a page that stands by itself.

A row counts trials (sweeps: single instructions). A fault is *activated* when its place was executed, and *manifested* when
that changed something: the component ended or hung, a program was told, output, ledger or neighbours were not as before. Only
these can be survived; a fault that was never executed says nothing and is reported apart. Rates are of the manifested; with
a probability of 95 % the true one is below the bound beside it.
"""

import math
from dataclasses import dataclass, field
from html import escape

COLUMNS = ("declared error", "silent damage", "hang", "leak", "spread", "down", "kernel panic")
COLORS = {"transparent": "#2e9e5b", "declared error": "#d9a514", "silent damage": "#d9541e", "hang": "#8e44ad",
          "leak": "#3a78c9", "spread": "#c2185b", "down": "#6d4c41", "kernel panic": "#000000"}
STYLE = """body { font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { padding: .25em .6em; text-align: right }
th:first-child, td:first-child { text-align: left } tr:nth-child(even) { background: #f3f5f7 }
.bar { display: inline-block; height: .9em; vertical-align: middle } .key { margin-right: 1.2em; white-space: nowrap }
small { color: #666 } pre { background: #f3f5f7; padding: 1em; overflow: auto }"""


@dataclass
class Row:
    """Counts of one component and kind of fault."""
    injected: int = 0
    activated: int = 0
    manifested: int = 0
    outcomes: dict = field(default_factory=dict)
    stalls: list = field(default_factory=list)

    def add(self, trial, result):
        self.injected += trial.sites
        hits = result.hits if trial.kind == "sweep" else min(result.hits, 1)
        bad = result.outcome != "transparent"
        self.activated += hits or bad
        self.manifested += max(hits, bad) if trial.kind == "sweep" else bool(result.died or bad)
        if bad:
            self.outcomes[result.outcome] = self.outcomes.get(result.outcome, 0) + 1
        if result.died and result.stall_us:
            self.stalls.append(result.stall_us)
        self.outcomes["transparent"] = self.manifested - self.noticed

    @property
    def noticed(self):
        return sum(n for name, n in self.outcomes.items() if name != "transparent")


def at_most(k, n, rate):
    """The probability of k or fewer among n."""
    return sum(math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
                        + i * math.log(rate) + (n - i) * math.log1p(-rate)) for i in range(k + 1))


def upper_bound(n, k=0):
    """The rate at which k or fewer are seen among n with a probability of 5 %."""
    low, high = k / n if n else 1.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(k, n, middle) > 0.05 else (low, middle)
    return high


def rows(pairs):
    """(component, kind) -> Row, in the order of names; behind each component's (component, "all"), behind all components
    ("all", kind), both where they sum anything up, and ("all", "") last."""
    found = {}
    for trial, result in pairs:
        for key in ((trial.component, trial.kind), (trial.component, "all"), ("all", trial.kind), ("all", "")):
            found.setdefault(key, Row()).add(trial, result)
    parts = [key for key in found if "all" not in key]
    for component, kind in parts:  # what is the same as another row
        if sum(part[0] == component for part in parts) == 1:
            found.pop((component, "all"), None)
        if sum(part[1] == kind for part in parts) in (1, len(parts)):
            found.pop(("all", kind), None)
    last = {"all": 1, "": 2}
    return dict(sorted(found.items(), key=lambda item: [(last.get(word, 0), word) for word in item[0]]))


def cell(row, name):
    """A count, with the bound when it is zero."""
    n = row.outcomes.get(name, 0)
    return str(n) if n or not row.manifested else f"0 <{100 * upper_bound(row.manifested):.2g}%"


def rate(row):
    """The share of the manifested that was noticed, and its bound."""
    if not row.manifested:
        return "-"
    return f"{100 * row.noticed / row.manifested:.2g}% <{100 * upper_bound(row.manifested, row.noticed):.2g}%"


def summary(row):
    """The row in words."""
    return (f"{row.injected} injected, {row.injected - row.activated} of them never executed; {row.activated} activated, "
            f"{row.manifested} manifested, {row.outcomes.get('transparent', 0)} of these transparent; noticed: {rate(row)}")


def p99(values):
    return sorted(values)[(len(values) * 99 - 1) // 100] if values else 0


def text(pairs):
    """The table for a terminal."""
    head = ["component", "fault", "injected", "activated", "manifested", "transparent", "noticed", *COLUMNS, "stall p99 us",
            "longest"]
    lines = [head]
    for (component, kind), row in rows(pairs).items():
        lines.append([component, kind, str(row.injected), str(row.activated), str(row.manifested),
                      str(row.outcomes["transparent"]), rate(row), *(cell(row, name) for name in COLUMNS),
                      str(p99(row.stalls)), str(max(row.stalls, default=0))])
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    table = ["  ".join(word.ljust(width) if n < 2 else word.rjust(width)
                       for n, (word, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
    return "\n".join([*table, "", summary(rows(pairs)[("all", "")])])


def bar(row):
    """The outcomes of a row's manifested faults, as wide as their shares."""
    total = row.manifested or 1
    return "".join(f'<span class="bar" style="width:{12 * row.outcomes.get(name, 0) / total:.3f}em;'
                   f'background:{color}" title="{name}"></span>' for name, color in COLORS.items())


def histogram(stalls):
    """How long those who asked had to wait when a component died: a chart with bins that double."""
    if not stalls:
        return ""
    bins = {}
    for stall in stalls:
        bins[stall.bit_length()] = bins.get(stall.bit_length(), 0) + 1
    first, last, most = min(bins), max(bins), max(bins.values())
    shapes = []
    for place, n in enumerate(range(first, last + 1)):
        height = 150 * bins.get(n, 0) / most
        shapes.append(f'<rect x="{place * 46}" y="{160 - height:.1f}" width="40" height="{height:.1f}" fill="#3a78c9"/>'
                      f'<text x="{place * 46 + 20}" y="176" text-anchor="middle" font-size="11">{1 << n - 1} us</text>'
                      f'<text x="{place * 46 + 20}" y="{155 - height:.1f}" text-anchor="middle" font-size="11">'
                      f"{bins.get(n, 0) or ''}</text>")
    return (f'<h2>Longest wait of a program when a component died</h2><svg width="{(last - first + 1) * 46}" height="185" '
            f'viewBox="0 -15 {(last - first + 1) * 46} 200">{"".join(shapes)}</svg>')


def html(pairs):
    """The page."""
    table = rows(pairs)
    head = "".join(f"<th>{name}</th>" for name in ("fault", "injected", "activated", "manifested", "outcome", "transparent",
                                                   "noticed", *COLUMNS, "stall p99"))
    body = []
    for (component, kind), row in table.items():
        cells = [f"{escape(component)} {escape(kind)}", row.injected, row.activated, row.manifested, bar(row),
                 row.outcomes["transparent"], escape(rate(row)), *(escape(cell(row, name)) for name in COLUMNS), f"{p99(row.stalls)} us"]
        body.append("<tr>" + "".join(f"<td>{value}</td>" for value in cells) + "</tr>")
    key = "".join(f'<span class="key"><span class="bar" style="width:1em;background:{color}"></span> {name}</span>'
                  for name, color in COLORS.items())
    stalls = table["all", ""].stalls
    noticed = "".join(f"<pre>{escape(result.name)}: {result.outcome}\n{escape(result.detail[-3000:])}</pre>"
                      for _, result in pairs if result.outcome != "transparent")
    return (f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Injected faults</title><style>{STYLE}</style>"
            f"<h1>Injected faults</h1><p>{escape(summary(table[('all', '')]))}</p><p>{key}</p><table><tr>{head}</tr>{''.join(body)}</table>"
            "<p><small>Activated: the place was executed while programs worked. Manifested: this changed something that can be "
            "seen, and be it that the component ended and was replaced. Rates are of these, each with its upper bound at "
            "95 %.</small></p>"
            f"{histogram(stalls)}{'<h2>Not transparent</h2>' if noticed else ''}{noticed}</html>\n")
