# SPDX-License-Identifier: MIT
"""The test suite of Debian's source package of busybox, as cases beside ours (tests/run busybox).

One case is one applet's tests, run by the suite's own runtest with Debian's static binary. A case passes when every
test that passes on Linux passes on Bulkhead too. Nothing of the suite is kept in this project: it comes from the
package at test time.
"""

import os
from pathlib import Path

from . import cpio, rootfs
from .cases import Case

FOLDER = "tests/busybox"
SECONDS = 150
SLOW = {"bc": 1500}  # seconds; only run when asked for by name
SCRIPT = """cd /{folder}/testsuite || exit
SKIP_INTERNET_TESTS=1 VERBOSE=1 ./runtest {applet} 2>&1
exit 0
"""


def archive(source):
    """The files of the suite for the guest; `source`: folder of the unpacked package (Debian.source)."""
    files = cpio.Archive(rootfs.MTIME)
    files.add_host(suite_of(source), f"{FOLDER}/testsuite")
    files.file(f"{FOLDER}/.config", (Path(source) / "debian/config/pkg/static").read_bytes())
    files.symlink(f"{FOLDER}/busybox", "/bin/busybox")
    return files


def suite_of(source):
    return next(Path(source).glob("busybox-*/testsuite"))


def load(source, applets):
    """A case for each applet (of the binary) that has tests."""
    suite = suite_of(source)
    names = [name for name in sorted({os.path.basename(applet) for applet in applets} | {"busybox"})
             if (suite / f"{name}.tests").exists() or (suite / name).is_dir()]
    return [Case(f"busybox/{name}", f"busybox's testsuite/{name}", SCRIPT.format(folder=FOLDER, applet=name),
                 timeout=SLOW.get(name, SECONDS), compare="passes") for name in names]


def passes(stdout):
    """Names of the tests that passed, in the output of runtest."""
    return {line[6:] for line in stdout.decode("utf-8", "backslashreplace").splitlines() if line.startswith("PASS: ")}
