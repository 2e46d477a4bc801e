# SPDX-License-Identifier: MIT
"""Measuring: the benchmark program run on a system under the counting plugin, and what came out as figures.

One boot measures all rows on one system. QEMU counts instructions (-icount) and everything else is fixed, so that a run
repeats exactly. The program prints TSC differences of its batches; the plugin (tools/qemu) adds whose instructions they
were, how many of them were further passes of string instructions, and how often what is dear happened.
"""

import re
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import cpio, elf, guest, rootfs

LEAN = "mitigations=off init_on_alloc=0 randomize_kstack_offset=off apparmor=0 audit=0 lsm=capability"
LIBCS = ("musl", "glibc")
GUEST_PROGRAM = "/bin/bench"
SECONDS = 900
STUB_BYTES = 4096  # liblinux's first page (protocols/layout.h)


class BenchError(Exception):
    """A run gave no figures; the text says why."""


@dataclass(frozen=True)
class System:
    key: str
    title: str
    linux: bool
    cpu: str
    linux_options: str = ""


SYSTEMS = {system.key: system for system in (
    System("bulkhead", "Bulkhead", False, "max,-erms"),
    System("shipped", "Linux as shipped", True, "max"),
    System("lean", "Linux, lean", True, "max,-erms", LEAN),
)}


@dataclass
class Figures:
    """One row on one system, an operation. `corrected` and `lowest` count string instructions once."""
    corrected: float
    lowest: float
    raw: float
    string_bytes: float
    owners: dict
    events: dict
    functions: dict = field(default_factory=dict)  # (owner, name) -> instructions


# --- what the plugin is told

def image_lines(name, path, kind="image", limit=None):
    """The list's lines for an ELF file: its text (the first `limit` bytes), and the symbols in it, of its .sym file."""
    symbols = []
    listing = Path(path).with_suffix(".sym")
    for line in listing.read_text().splitlines() if listing.exists() else ():
        address, _, letter, symbol = line.split(None, 3)
        if letter in "tT":
            symbols.append((int(address, 16), symbol.replace(" ", "")))
    for segment in elf.Elf(path).segments:
        if segment.flags & elf.FLAG_EXEC:
            n = limit or len(segment.data)
            yield f"{kind} {name} {segment.address:x} {n:x} {segment.offset:x} {Path(path).resolve()}"
            yield from (f"symbol {at:x} {symbol}" for at, symbol in symbols if 0 <= at - segment.address < n)


def image_list(build, linux):
    """All images of a system, as the plugin reads them. Linux brings none: its kernel counts as a whole."""
    if linux:
        return ""
    lines = [*image_lines("kernel", build / "kernel.elf"), *image_lines("liblinux", build / "liblinux.elf"),
             *image_lines("liblinux", build / "liblinux.elf", "floating", STUB_BYTES)]  # beside each thread's UTCB
    for folder in ("servers", "fs", "drivers"):
        for path in sorted((build / folder).rglob("*.elf")):
            lines += image_lines(path.stem, path)
    return "\n".join(lines) + "\n"


# --- what it says

def read_counts(text):
    """The plugin's output: row number -> list of sections (owner -> n, event -> n), row number -> functions."""
    sections, functions = {}, {}
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "section":
            owners = {name: int(n) for name, n in (w.split(":") for w in words[1:] if ":" in w)}
            events = {name: int(n) for name, n in (w.split("=") for w in words[1:] if "=" in w)}
            sections.setdefault(int(words[0]), []).append((owners, events))
        elif kind == "function":
            key = (words[1], words[2])
            in_row = functions.setdefault(int(words[0]), {})
            in_row[key] = in_row.get(key, 0) + int(words[3])
    return sections, functions


def median_of(dictionaries, rounds):
    names = {name for one in dictionaries for name in one}
    return {name: statistics.median(one.get(name, 0) for one in dictionaries) / rounds for name in sorted(names)}


def figures_of(rounds, ticks, sections, functions, overhead):
    """The figures of a row: TSC differences of its batches, and the plugin's sections and functions of the same.
    overhead: instructions between a mark and the reading of the TSC, at both ends together."""
    corrected = [tsc - events["string"] for tsc, (_, events) in zip(ticks, sections)]
    for tsc, (owners, events) in zip(corrected, sections):
        events["fault"] = sum(owners.values()) - tsc - overhead  # a faulting instruction counts twice for the plugin
    events = median_of([events for _, events in sections], rounds)
    moved = events.pop("bytes")
    events.pop("string")
    n = rounds * len(ticks)
    return Figures(statistics.median(corrected) / rounds, min(corrected) / rounds, statistics.median(ticks) / rounds,
                   moved, median_of([owners for owners, _ in sections], rounds), events,
                   {key: count / n for key, count in functions.items()})


def read_rows(output, counts):
    """The program's output and the plugin's as row name -> Figures."""
    sections, functions = read_counts(counts)
    rows = {}
    for number, name, rounds, ticks in re.findall(r"^row (\d+) (\S+) (\d+) ([\d ]+)$", output, re.MULTILINE):
        rows[name] = int(number), int(rounds), [int(tsc) for tsc in ticks.split()]
        n_sections = len(sections.get(int(number), []))
        if len(rows[name][2]) != n_sections:
            raise BenchError(f"{name}: {len(rows[name][2])} batches, but the plugin saw {n_sections} of them")
    if not rows:
        raise BenchError(f"no row was measured:\n{output}")
    overhead = min(sum(owners.values()) + events["string"] - tsc for number, _, ticks in rows.values()
                   for tsc, (owners, events) in zip(ticks, sections[number]))
    return {name: figures_of(rounds, ticks, sections[number], functions.get(number, {}), overhead)
            for name, (number, rounds, ticks) in rows.items()}


# --- a run

def with_program(project, libc="musl"):
    """An archive that holds the benchmark program."""
    overlay = cpio.Archive(rootfs.MTIME)
    overlay.add_host(str(project.build / f"tests/bench/linux-{libc}").encode(), GUEST_PROGRAM.encode())
    return overlay


def measure(project, system, command, overlay, counted=True, memory="512M"):
    """Run a command (bytes, a shell script) on a system, with an archive laid over its files. Returns its output and
    the plugin's; not counted: at full speed, without the plugin."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench-") as folder:
        images, counts = Path(folder) / "images", Path(folder) / "counts"
        images.write_text(image_list(project.build, system.linux))
        plugin = f"{(project.build / 'tools/qemu/count.so').resolve()},images={images},output={counts}"
        settings = guest.Settings(project.root, project.build, project.debian, system.linux, timeout=SECONDS,
                                  icount=counted, memory=memory, cpu=system.cpu, linux_options=system.linux_options,
                                  extra=("-plugin", plugin) if counted else ())
        output, errors = bytearray(), bytearray()
        script = guest.Script(b"#!/bin/sh\n" + command + b"\n", overlay, b"")
        status = guest.Guest(settings, script).run(output.extend, errors.extend)
        if status:
            said = errors.decode(errors="replace").strip()
            raise BenchError(f"{system.title}: the program ended with {status}: {said}")
        return output.decode(errors="replace"), counts.read_text() if counted else ""


def run(project, system, libc="musl", rows=()):
    """Row name -> Figures of the named rows (all without names) on a system."""
    words = " ".join([GUEST_PROGRAM, *rows])
    return read_rows(*measure(project, system, words.encode(), with_program(project, libc)))
