#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write linux/STATUS.md: which Linux calls liblinux implements, from linux/syscalls.def and Linux's own list.

Usage: linux_status.py SYSCALLS_DEF UNISTD_64_H OUTPUT
"""
import re
import sys


def implemented(path):
    """Number -> (name, arguments) of the calls in syscalls.def."""
    text = open(path, encoding="ascii").read()
    return {int(n): (name, int(arity)) for n, name, arity in re.findall(r"^LINUX_CALL(?:_WHOLE)?\((\d+), (\w+), (\d)", text, re.M)}


def known(path):
    """Number -> name of all of Linux's calls."""
    text = open(path, encoding="ascii").read()
    return {int(n): name for name, n in re.findall(r"#define __NR_(\w+) (\d+)", text)}


def main():
    """Generate the page; a name or number that Linux does not know is an error."""
    ours, linux = implemented(sys.argv[1]), known(sys.argv[2])
    for number, (name, _) in ours.items():
        if linux.get(number) != name:
            sys.exit(f"{sys.argv[1]}: call {number} is {linux.get(number)} in Linux, not {name}")
    missing = [name for number, name in sorted(linux.items()) if number not in ours]
    lines = ["# Linux calls", "", "Generated from `syscalls.def` by `make status`.", "",
             f"## Implemented: {len(ours)}", "", "| number | call | arguments |", "|---|---|---|"]
    lines += [f"| {number} | {name} | {arity} |" for number, (name, arity) in sorted(ours.items())]
    lines += ["", f"## Not implemented (ENOSYS): {len(missing)}", "", ", ".join(missing), ""]
    with open(sys.argv[3], "w", encoding="ascii") as out:
        out.write("\n".join(lines))


if __name__ == "__main__":
    main()
