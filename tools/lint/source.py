# SPDX-License-Identifier: MIT
"""The project's source files, as git knows them, and what counts as a line of code."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*patterns):
    """Paths, relative to the root, of files under version control or new, that match one of git's patterns."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
                             cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    paths = {os.fsdecode(path) for path in listing.split(b"\0") if path}
    return sorted(path for path in paths if (ROOT / path).is_file())


def read(path):
    return (ROOT / path).read_text(errors="replace")


def without_comments(text):
    """C source with every comment replaced by as many line ends as it had; strings stay."""
    def blank(match):
        found = match[0]
        return found if found[0] in "\"'" else "\n" * found.count("\n") or " "
    return COMMENT.sub(blank, text)


def code_lines(path):
    """Lines of a C or assembler file that are neither blank nor comment."""
    return sum(1 for line in without_comments(read(path)).splitlines() if line.strip())
