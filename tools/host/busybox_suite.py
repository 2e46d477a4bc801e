# SPDX-License-Identifier: MIT
"""The test suite of Debian's source package of busybox, as cases beside ours (tests/run busybox).

One case is one applet's tests, run by the suite's own runtest with Debian's static binary. A case passes when every
test that passes on Linux passes on Bulkhead too. Nothing of the suite is kept in this project: it comes from the
package at test time. Tests that take many minutes are cases of their own (LONG).
"""

import os
import re
from pathlib import Path

from . import cpio, rootfs
from .cases import Case

FOLDER = "tests/busybox"
SECONDS = 150
# (applet, a test in its file): seconds. Cases of their own, run only when they are asked for by name.
LONG = {
    ("bc", "bc printing of numbers"): 1500,  # a million numbers through two pipes, a write each
    ("bc", "bc parsing of numbers"): 6000,  # four million
}
SCRIPT = """cd /{folder}/testsuite || exit
SKIP_INTERNET_TESTS=1 VERBOSE=1 ./runtest {applet} 2>&1
exit 0
"""


def archive(source):
    """The files of the suite for the guest; `source`: folder of the unpacked package (Debian.source)."""
    files = cpio.Archive(rootfs.MTIME)
    files.add_host(suite_of(source), f"{FOLDER}/testsuite")
    for applet in {applet for applet, _ in LONG}:
        whole = (suite_of(source) / f"{applet}.tests").read_text()
        for test in [test for owner, test in LONG if owner == applet]:
            head, part, tail = cut(whole, test)
            preamble = head[:head.index("\ntesting ") + 1]
            files.file(f"{FOLDER}/testsuite/{file_of(test)}.tests", f"{preamble}{part}exit $FAILCOUNT\n", 0o755)
            whole = head + tail
        files.file(f"{FOLDER}/testsuite/{applet}.tests", whole, 0o755)
    files.file(f"{FOLDER}/.config", (Path(source) / "debian/config/pkg/static").read_bytes())
    files.symlink(f"{FOLDER}/busybox", "/bin/busybox")
    return files


def suite_of(source):
    return next(Path(source).glob("busybox-*/testsuite"))


def cut(text, test):
    """A file of tests around one of them: what stands before it, the call of `testing`, the rest."""
    match = re.search(rf'^testing "{re.escape(test)}".*?\n(?=\n(?:testing|for|exit) )', text, re.MULTILINE | re.DOTALL)
    return text[:match.start()], match[0], text[match.end():]


def name_of(test):
    return test.replace(" ", "-")


def file_of(test):
    return f"all_{name_of(test)}"  # runtest runs files of this prefix, which are no applet's


def is_long(case_id):
    return any(case_id == f"busybox/{name_of(test)}" for _, test in LONG)


def load(source, applets):
    """A case for each applet (of the binary) that has tests, and for each of LONG."""
    suite = suite_of(source)
    names = [name for name in sorted({os.path.basename(applet) for applet in applets} | {"busybox"})
             if (suite / f"{name}.tests").exists() or (suite / name).is_dir()]
    parts = [(name_of(test), file_of(test), seconds) for (_, test), seconds in LONG.items()]
    return [Case(f"busybox/{name}", f"busybox's testsuite/{name}", SCRIPT.format(folder=FOLDER, applet=file),
                 timeout=seconds, compare="passes") for name, file, seconds in [(n, n, SECONDS) for n in names] + parts]


def passes(stdout):
    """Names of the tests that passed, in the output of runtest."""
    return {line[6:] for line in stdout.decode("utf-8", "backslashreplace").splitlines() if line.startswith("PASS: ")}
