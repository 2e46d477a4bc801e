# SPDX-License-Identifier: MIT
"""Walks through the code: comments `// @path NAME K/N: TEXT` mark their stops (docs/paths.md is made from them).

usage: paths.py            list the walks          paths.py NAME      print one, stop by stop
       paths.py --write    write docs/paths.md
"""

import re
import sys
from dataclasses import dataclass

import source

MARK = re.compile(r"@path ([a-z0-9-]+) (\d+)/(\d+): (.+?)\s*(?:\*/)?$")
MAX_STOPS = 9
DOCUMENT = "docs/paths.md"


@dataclass
class Stop:
    walk: str
    number: int
    total: int
    text: str
    path: str
    line: int


def stops():
    """Walk name -> its stops in order, over the whole tree."""
    walks = {}
    for path in source.files("*.c", "*.h", "*.S"):
        for number, line in enumerate(source.read(path).splitlines(), 1):
            if match := MARK.search(line):
                stop = Stop(match[1], int(match[2]), int(match[3]), match[4], path, number)
                walks.setdefault(stop.walk, []).append(stop)
    return {name: sorted(found, key=lambda s: s.number) for name, found in sorted(walks.items())}


def problems():
    """What is wrong with the marks, one line each."""
    found = []
    for name, walk in stops().items():
        totals = {stop.total for stop in walk}
        numbers = [stop.number for stop in walk]
        where = f"{walk[0].path}:{walk[0].line}"
        if len(totals) > 1:
            found.append(f"{where}: walk '{name}' does not agree with itself on how many stops it has: {sorted(totals)}")
        elif numbers != list(range(1, walk[0].total + 1)):
            found.append(f"{where}: walk '{name}' has stops {numbers} of {walk[0].total}")
        if len(walk) > MAX_STOPS:
            found.append(f"{where}: walk '{name}' has {len(walk)} stops; {MAX_STOPS} are enough")
    path = source.ROOT / DOCUMENT
    if (path.read_text() if path.exists() else "") != document():
        found.append(f"{DOCUMENT}:1: is not current; run python3 tools/lint/paths.py --write")
    return found


def document():
    """docs/paths.md. Without line numbers, which would change with every commit."""
    lines = ["# Walks through the code", "",
             "Made by `python3 tools/lint/paths.py --write` from the `@path` marks in the source; `make path P=NAME` prints a walk",
             "with line numbers.", ""]
    for name, walk in stops().items():
        lines += [f"## {name}", ""]
        lines += [f"{stop.number}. [{stop.path}](../{stop.path}): {stop.text}" for stop in walk]
        lines.append("")
    return "\n".join(lines)


def main(arguments):
    if arguments == ["--write"]:
        (source.ROOT / DOCUMENT).write_text(document())
        return 0
    walks = stops()
    if not arguments:
        for name, walk in walks.items():
            print(f"{name:16} {len(walk)} stops, from {walk[0].path}")
        return 0
    if arguments[0] not in walks:
        print(f"there is no walk '{arguments[0]}'; known: {', '.join(walks) or 'none'}", file=sys.stderr)
        return 1
    walk = walks[arguments[0]]
    width = max(len(f"{stop.path}:{stop.line}") for stop in walk)
    for stop in walk:
        print(f"{stop.number}/{stop.total}  {f'{stop.path}:{stop.line}':{width}}  {stop.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
