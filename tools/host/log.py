# SPDX-License-Identifier: MIT
"""Logs: what the kernel writes to its debug port, for itself and for components, in build/log; "last" names the newest.

A component's line begins with its number in brackets, in hexadecimal; beside each log, FILE.components lists the names by number.
"""

import os
import re
import secrets
import time
from pathlib import Path

from . import manifest, manifest_check

KEPT = 20
NUMBER = re.compile(r"^\[([0-9a-f]+)\] ", re.MULTILINE)


def create(build, system_path):
    """An empty log file for a run of a system; old ones are removed."""
    folder = Path(build) / "log"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[:-KEPT]:
        old.unlink(missing_ok=True)
        Path(f"{old}.components").unlink(missing_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{secrets.token_hex(2)}.log"
    path.touch()
    names = ["supervisor"] + [c.name for c in manifest_check.load(system_path).components] + ["guardian"]
    Path(f"{path}.components").write_text("\n".join(names))
    link = folder / f"last-{path.stem}"
    link.symlink_to(path.name)
    os.replace(link, folder / "last")
    return path.resolve()


def name_components(path, text):
    """The text of a log with the components' names in the place of their numbers."""
    listing = Path(f"{Path(path).resolve()}.components")
    names = listing.read_text().splitlines() if listing.exists() else []

    def name(match):
        number = int(match[1], 16)
        return f"{names[number]}: " if number < len(names) else match[0]
    return NUMBER.sub(name, text)


def read(path):
    """A log's text, with names."""
    return name_components(path, Path(path).read_text(errors="replace"))


def follow(path):
    """Yield the log's text as it grows, whole lines at a time, for ever."""
    rest = ""
    with open(path, errors="replace") as file:
        while True:
            rest += file.read()
            lines, newline, rest = rest.rpartition("\n")
            if newline:
                yield name_components(path, lines + newline)
            else:
                time.sleep(0.2)
