# SPDX-License-Identifier: MIT
"""Cases of tests/linux: small shell scripts that must do the same on Linux and on Bulkhead.

A file tests/linux/FILE.t holds cases; docs/testing.md describes the format. Many cases go in one boot: the guest
(tools/guest/cases) runs each in a fresh directory and reports it at once, so that a crash loses one case only; the
rest goes on in a new boot. What Linux answered is kept in the cache, by everything that it depends on.
"""

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from . import cpio, guest, rootfs

HEADING = re.compile(r"^### (.*)$")
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
DEFAULT_TIMEOUT = 10
KILLED = 128 + 9     # status of a case after its time limit
BOOT_SECONDS = 120   # a boot and its end, on a very busy machine
GRACE_SECONDS = 60   # beyond a case's own limit, before we end the machine: its clock may run slower than ours


class CaseError(Exception):
    """A case file is not as docs/testing.md says."""


@dataclass
class Case:
    id: str          # linux/FILE/NAME
    where: str       # path:line
    script: str
    timeout: int = DEFAULT_TIMEOUT
    user: str = "root"
    todo: str = ""   # why it is known to differ
    compare: str = "same"  # or "passes": what a test suite's PASS lines say (busybox_suite)


@dataclass
class Outcome:
    """What a case did. status is None when the system did not live to tell; `note` then says why."""
    status: int
    stdout: bytes = b""
    stderr: bytes = b""
    note: str = ""

    def same(self, other):
        return (self.status, self.stdout, self.stderr) == (other.status, other.stdout, other.stderr)


def parse(path, text):
    """The cases of a file."""
    cases, seen, stem = [], {}, Path(path).stem
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        heading = HEADING.match(line)
        if heading:
            case = parse_heading(f"{path}:{number}", stem, heading[1])
            if case.id in seen:
                raise CaseError(f"{path}:{number}: a second case '{case.id}' (the first stands in {seen[case.id]})")
            seen[case.id] = case.where
            cases.append(case)
        elif cases:
            cases[-1].script += line
        elif line.strip() and not line.startswith("#"):
            raise CaseError(f"{path}:{number}: a command before the first '### NAME' line")
    return cases


def parse_heading(where, stem, text):
    text, _, todo = text.partition(" todo: ")
    name, *options = text.split()
    if not NAME.fullmatch(name):
        raise CaseError(f"{where}: '{name}' is no name of a case; use small letters, digits, - _ and .")
    case = Case(f"linux/{stem}/{name}", where, "", todo=todo.strip())
    for option in options:
        key, _, value = option.partition("=")
        if key == "timeout" and value.isdigit():
            case.timeout = int(value)
        elif key == "user" and value:
            case.user = value
        else:
            raise CaseError(f"{where}: unknown option '{option}'; known: timeout=SECONDS user=NAME todo: REASON")
    return case


def load(root):
    """All cases of tests/linux."""
    root = Path(root)
    return [case for path in sorted((root / "tests/linux").glob("*.t"))
            for case in parse(str(path.relative_to(root)), path.read_text())]


# --- running

def overlay_of(root, cases, programs, files=None):
    """The files that the guest needs for these cases; programs: name -> path of tests' own Linux programs."""
    overlay = files.copy() if files else cpio.Archive(rootfs.MTIME)
    overlay.file("tests/cases", (Path(root) / "tools/guest/cases").read_bytes(), 0o755)
    overlay.directory("tests/run", 0o777)
    for number, case in enumerate(cases):
        overlay.file(f"tests/case/{number}", case.script)
    for name, path in programs.items():
        overlay.file(f"tests/bin/{name}", Path(path).read_bytes(), 0o755)
    return overlay


class Reader:
    """The guest's reports: "begin N\\n", then "end N STATUS STDOUT-BYTES STDERR-BYTES\\n" with the bytes behind it."""

    def __init__(self, cases, report):
        self.cases, self.report = cases, report
        self.buffer = b""
        self.begun = -1
        self.ended = -1
        self.since = time.monotonic()  # when the last report came

    def feed(self, data):
        self.buffer += data
        while b"\n" in self.buffer:
            line, rest = self.buffer.split(b"\n", 1)
            word, *numbers = line.split()
            numbers = [int(n) for n in numbers]
            if word == b"begin":
                self.begun, self.since = numbers[0], time.monotonic()
            else:
                n, status, n_stdout, n_stderr = numbers
                if len(rest) < n_stdout + n_stderr:
                    return
                stdout, rest = rest[:n_stdout], rest[n_stdout:]
                stderr, rest = rest[:n_stderr], rest[n_stderr:]
                self.ended, self.since = n, time.monotonic()
                self.report(self.cases[n], Outcome(status, stdout, stderr))
            self.buffer = rest

    def overdue(self):
        """Seconds left before the case that runs now, or the way to the next, counts as hung."""
        limit = self.cases[self.begun].timeout + GRACE_SECONDS if self.begun > self.ended else BOOT_SECONDS
        return self.since + limit - time.monotonic()


class Runner:
    """Runs cases on one kind of system, in as many boots as it takes."""

    def __init__(self, settings, programs, files=None, logs=None):
        """`logs`: a list that the path of each boot's log joins."""
        self.settings, self.programs, self.files = settings, programs, files
        self.logs = [] if logs is None else logs

    def run(self, cases, report):
        """Calls report(case, outcome) for every case, as it ends."""
        while cases:
            done, why = self._boot(cases, report)
            if done < len(cases):
                report(cases[done], Outcome(None, note=why))
            cases = cases[done + 1:]

    def _boot(self, cases, report):
        """One boot; returns how many cases ended in it, and why it did not get further."""
        calls = "".join(f"run {number} {case.timeout} {case.user}\n" for number, case in enumerate(cases))
        command = f"#!/bin/sh\n. /tests/cases\n{calls}".encode()
        script = guest.Script(command, overlay_of(self.settings.root, cases, self.programs, self.files), stdin=b"")
        reader, errors = Reader(cases, report), []
        run = guest.Guest(self.settings, script)
        run.remaining = reader.overdue
        try:
            status = run.run(reader.feed, errors.append)
            why = f"the guest's script ended with status {status}"
        except guest.TimedOut:
            why = "hung: " + ("no answer within the time limit" if reader.begun >= 0 else "the system did not boot")
        except (guest.GuestError, ValueError) as error:
            why = str(error)
        self.logs.append(run.log)
        text = b"".join(errors).decode(errors="replace").strip()
        return reader.ended + 1, why + (f"\n--- standard error of the script:\n{text}" if text else "") + f"\nlog: {run.log}"


class Cache:
    """What Linux did, by case."""

    def __init__(self, folder, settings, programs):
        self.folder = Path(folder)
        parts = [settings.debian.linux().name.encode(), (settings.root / "tools/guest/cases").read_bytes(),
                 rootfs.root_archive(settings.root, settings.debian.busybox(), "linux").pack()]
        self.base = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
        self.programs = {name: hashlib.sha256(Path(path).read_bytes()).hexdigest() for name, path in programs.items()}

    def _path(self, case):
        words = set(re.findall(r"\w+", case.script))  # only the programs that it names are its own
        used = "".join(f"\0{name} {digest}" for name, digest in sorted(self.programs.items()) if name in words)
        text = f"{self.base}{used}\0{case.user}\0{case.timeout}\0{case.script}"
        return self.folder / (hashlib.sha256(text.encode()).hexdigest() + ".json")

    def get(self, case):
        try:
            saved = json.loads(self._path(case).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return Outcome(saved["status"], base64.b64decode(saved["stdout"]), base64.b64decode(saved["stderr"]))

    def put(self, case, outcome):
        if outcome.status in (None, KILLED):
            return  # on a busy machine even Linux may have been too slow once
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path(case).write_text(json.dumps({
            "case": case.id, "status": outcome.status, "stdout": base64.b64encode(outcome.stdout).decode(),
            "stderr": base64.b64encode(outcome.stderr).decode()}))
