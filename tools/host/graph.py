# SPDX-License-Identifier: MIT
"""A system as a picture: who can reach whom, and what hardware each component holds.

Components stand in rows by rank, the highest on top, so that every call points upwards. The layout is Sugiyama's, in
three steps: edges that span rows get a waypoint in each row between; rows are ordered by the mean place of their
neighbours to lessen crossings; x coordinates are pulled towards the neighbours without changing the order.
"""

from dataclasses import dataclass, field
from html import escape

from . import manifest

BOX_WIDTH, WAYPOINT_WIDTH, GAP, ROW_GAP, MARGIN = 214, 22, 26, 92, 28
LINE_HEIGHT, HEAD_HEIGHT, CHIP_HEIGHT, LEGEND_HEIGHT = 15, 26, 20, 34
SWEEPS = 12

STYLES = {  # kind: (colour, dashes, legend)
    "calls": ("#1d4ed8", "", "calls"),
    "signals": ("#b45309", "6 4", "signals"),
    "mints": ("#7c3aed", "2 3", "mints sessions at"),
    "reads": ("#047857", "9 3 2 3", "reads a table of"),
}


@dataclass(eq=False)
class Node:
    """A component's box, or a waypoint of an edge (component None)."""
    row: int
    component: object = None
    height: int = 0
    x: float = 0.0   # the centre
    y: float = 0.0   # the top
    above: list = field(default_factory=list)
    below: list = field(default_factory=list)

    @property
    def width(self):
        return BOX_WIDTH if self.component else WAYPOINT_WIDTH


@dataclass(eq=False)
class Edge:
    kind: str
    source: Node
    target: Node
    label: str = ""
    chain: list = field(default_factory=list)  # nodes from the lower to the upper end


def size_text(size):
    if size.percent:
        return f"{size.percent}%"
    for unit, bytes_ in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size.bytes and size.bytes % bytes_ == 0:
            return f"{size.bytes // bytes_}{unit}"
    return str(size.bytes)


def facts(c):
    """The lines of text in a component's box."""
    memory = [f"{name} {size_text(size)}" for name, size in (("vault", c.vault), ("untyped", c.untyped), ("pool", c.pool))
              if size.bytes or size.percent]
    lines = [c.image, f"rank {c.rank}, priority {c.priority}", ", ".join(memory)]
    return [line for line in lines if line]


def chips(c):
    """The things it holds that no other component is part of: (text, colour)."""
    found = []
    for g in c.grants:
        if g.kind == manifest.IOPORT:
            first, count = g.detail & 0xFFFF, g.detail >> 16
            found.append((f"ports {first:#x}–{first + count - 1:#x}", "#fde68a"))
        elif g.kind == manifest.IRQ:
            found.append((f"irq {g.detail}", "#fecaca"))
        elif g.kind == manifest.FRAMES:
            found.append((g.name, "#e5e7eb"))
        elif g.kind == manifest.TABLE and g.writable:
            found.append((f"table {g.name}", "#bbf7d0"))
    if c.may & manifest.PERMISSIONS["power"]:
        found.append(("power", "#ddd6fe"))
    return found


def chip_rows(c):
    """Chips laid out in rows that fit into the box: [[(text, colour, width)]]."""
    rows, used = [], BOX_WIDTH
    for text, colour in chips(c):
        width = 5.9 * len(text) + 10
        if used + width > BOX_WIDTH - 12:
            rows.append([])
            used = 0
        rows[-1].append((text, colour, width))
        used += width + 5
    return rows


class Layout:
    def __init__(self, system):
        ranks = sorted({c.rank for c in system.components}, reverse=True)
        self.rows = [[] for _ in ranks]
        self.nodes = {}
        for c in system.components:
            node = Node(ranks.index(c.rank), c)
            node.height = HEAD_HEIGHT + LINE_HEIGHT * len(facts(c)) + CHIP_HEIGHT * len(chip_rows(c)) + 8
            self.nodes[c.name] = node
            self.rows[node.row].append(node)
        self.edges = self._edges(system)
        for edge in self.edges:
            self._route(edge)
        self._order()
        self._place()

    def _edges(self, system):
        kinds = {manifest.CALL: "calls", manifest.SIGNAL: "signals", manifest.MINT: "mints"}
        publishers = {g.name: c.name for c in system.components for g in c.granted(manifest.TABLE) if g.writable}
        edges = []
        for c in system.components:
            for g in c.grants:
                if g.kind in kinds:
                    edges.append(Edge(kinds[g.kind], self.nodes[c.name], self.nodes[g.name]))
                elif g.kind == manifest.TABLE and not g.writable:
                    edges.append(Edge("reads", self.nodes[c.name], self.nodes[publishers[g.name]], g.name))
        return edges

    def _route(self, edge):
        """Waypoints in the rows between; an edge within a row goes through a waypoint in the row above it."""
        low, high = sorted((edge.source, edge.target), key=lambda n: -n.row)
        chain = [low]
        for row in range(low.row - 1, high.row, -1):
            chain.append(Node(row))
            self.rows[row].append(chain[-1])
        edge.chain = chain + [high]
        for lower, upper in zip(edge.chain, edge.chain[1:]):
            lower.above.append(upper)
            upper.below.append(lower)

    def _order(self):
        def pull(row, side):
            place = {node: i for other in self.rows for i, node in enumerate(other)}

            def key(node):
                near = getattr(node, side)
                return sum(place[n] for n in near) / len(near) if near else place[node]
            row.sort(key=key)
        for sweep in range(SWEEPS):
            downwards = sweep % 2 == 0
            for row in self.rows if downwards else reversed(self.rows):
                pull(row, "above" if downwards else "below")

    def _place(self):
        for row in self.rows:
            x = 0.0
            for node in row:
                node.x = x + node.width / 2
                x += node.width + GAP
        for _ in range(SWEEPS * 4):
            for row in self.rows:
                wanted = [sum(n.x for n in near) / len(near) if (near := node.above + node.below) else node.x
                          for node in row]
                self._settle(row, wanted)
        left = min(node.x - node.width / 2 for row in self.rows for node in row)
        y = MARGIN + LEGEND_HEIGHT
        for row in self.rows:
            tallest = max(node.height for node in row)
            for node in row:
                node.x += MARGIN - left
                node.height = node.height or tallest
                node.y = y
            y += tallest + ROW_GAP
        self.width = max(node.x + node.width / 2 for row in self.rows for node in row) + MARGIN
        self.height = y - ROW_GAP + MARGIN

    @staticmethod
    def _settle(row, wanted):
        """Give each node the place it wants as far as the order and the gaps allow; the mean of packing from both ends."""
        def pack(nodes, wants, sign):
            places, edge = [], None
            for node, want in zip(nodes, wants):
                half = node.width / 2
                at = want if edge is None else max(want * sign, edge + half) * sign
                places.append(at)
                edge = at * sign + half + GAP
            return places
        forward = pack(row, wanted, 1)
        backward = pack(row[::-1], wanted[::-1], -1)[::-1]
        for node, a, b in zip(row, forward, backward):
            node.x = (a + b) / 2


def spread(layout):
    """Where each edge touches the boxes: (edge, node, side) -> x, side by side in the order of where they lead to."""
    touching = {}
    for edge in layout.edges:
        touching.setdefault((edge.chain[0], "top"), []).append((edge.chain[1].x, edge))
        end = "top" if edge.chain[0].row == edge.chain[-1].row else "bottom"
        touching.setdefault((edge.chain[-1], end), []).append((edge.chain[-2].x, edge))
    places = {}
    for (node, side), edges in touching.items():
        edges.sort(key=lambda pair: (pair[0], pair[1].kind))
        step = min(22, (BOX_WIDTH - 24) / len(edges))
        for i, (_, edge) in enumerate(edges):
            places[edge, node, side] = node.x + (i - (len(edges) - 1) / 2) * step
    return places


def edge_path(edge, places):
    """The SVG path of an edge, from its source to its target."""
    low, high = edge.chain[0], edge.chain[-1]
    if low.row == high.row:
        a, b = places[edge, low, "top"], places[edge, high, "top"]
        return f"M{a:.1f} {low.y:.1f} C{a:.1f} {low.y - 60:.1f} {b:.1f} {high.y - 60:.1f} {b:.1f} {high.y:.1f}", (a + b) / 2, low.y - 48
    points = [(places[edge, low, "top"], low.y)]
    for node in edge.chain[1:-1]:
        points += [(node.x, node.y + node.height), (node.x, node.y)]
    points.append((places[edge, high, "bottom"], high.y + high.height))
    if edge.source is high:
        points.reverse()
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for i, ((x1, y1), (x2, y2)) in enumerate(zip(points, points[1:])):
        middle = (y1 + y2) / 2
        path += f" L{x2:.1f} {y2:.1f}" if i % 2 else f" C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
    (x1, y1), (x2, y2) = points[:2]
    return path, (x1 + x2) / 2, (y1 + y2) / 2


def draw_box(node):
    c, x, y = node.component, node.x - BOX_WIDTH / 2, node.y
    out = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{BOX_WIDTH}" height="{node.height}" rx="6" class="box"/>',
           f'<text x="{x + 10:.1f}" y="{y + 19:.1f}" class="name">{escape(c.name)}</text>']
    y += HEAD_HEIGHT + 8
    for line in facts(c):
        out.append(f'<text x="{x + 10:.1f}" y="{y:.1f}" class="fact">{escape(line)}</text>')
        y += LINE_HEIGHT
    y -= 9
    for row in chip_rows(c):
        at = x + 8
        for text, colour, width in row:
            out.append(f'<rect x="{at:.1f}" y="{y:.1f}" width="{width:.1f}" height="16" rx="3" fill="{colour}"/>')
            out.append(f'<text x="{at + 5:.1f}" y="{y + 12:.1f}" class="chip">{escape(text)}</text>')
            at += width + 5
        y += CHIP_HEIGHT
    return out


def draw_legend(system):
    out, x = [f'<text x="{MARGIN}" y="{MARGIN}" class="title">{escape(system.name)}</text>'], MARGIN + 9 * len(system.name) + 40
    for kind, (colour, dashes, text) in STYLES.items():
        out.append(f'<path d="M{x} {MARGIN - 5} h34" stroke="{colour}" stroke-dasharray="{dashes}" '
                   f'class="edge" marker-end="url(#{kind})"/>')
        out.append(f'<text x="{x + 44}" y="{MARGIN - 1}" class="fact">{text}</text>')
        x += 44 + 6.5 * len(text) + 26
    return out, x


def svg(system):
    """The picture of a checked system, as text."""
    layout = Layout(system)
    places = spread(layout)
    legend, legend_width = draw_legend(system)
    width, height = max(layout.width, legend_width), layout.height
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'viewBox="0 0 {width:.0f} {height:.0f}">',
           "<style>text{font-family:'DejaVu Sans',Verdana,sans-serif} .title{font-size:17px;font-weight:bold} "
           ".name{font-size:14px;font-weight:bold} .fact{font-size:11px;fill:#475569} .chip{font-size:10px} "
           ".label{font-size:10px;paint-order:stroke;stroke:#fff;stroke-width:4px} "
           ".box{fill:#f8fafc;stroke:#334155;stroke-width:1.4} .edge{fill:none;stroke-width:1.5}</style>", "<defs>"]
    for kind, (colour, _, _) in STYLES.items():
        out.append(f'<marker id="{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
                   f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>')
    out += ["</defs>", '<rect width="100%" height="100%" fill="#fff"/>', *legend]
    labels = []
    for edge in layout.edges:
        path, x, y = edge_path(edge, places)
        colour, dashes, _ = STYLES[edge.kind]
        out.append(f'<path d="{path}" stroke="{colour}" stroke-dasharray="{dashes}" class="edge" '
                   f'marker-end="url(#{edge.kind})"/>')
        if edge.label:
            labels.append(f'<text x="{x:.1f}" y="{y:.1f}" class="label" fill="{colour}" '
                          f'text-anchor="middle">{escape(edge.label)}</text>')
    for row in layout.rows:
        for node in row:
            out += draw_box(node) if node.component else []
    return "\n".join(out + labels + ["</svg>", ""])
