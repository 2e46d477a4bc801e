# SPDX-License-Identifier: MIT
"""The root archive: Debian's static busybox under all its names, the files of systems/root, devices, directories.

It is the same for Bulkhead and for Debian's Linux, so that a program finds the same files on both; only the nodes of
the host streams differ, which are serial ports on Linux, and the commands for Bulkhead's own components are missing there.
"""

import os
import subprocess
from pathlib import Path

from . import cpio

MTIME = 1704067200  # 2024-01-01, for all that has no time of its own
TTY_GROUP = 5
STREAMS = {"bulkhead": [(240, 0), (240, 1), (240, 2)],  # protocols/tty.h
           "linux": [(4, 65), (4, 66), (4, 67)]}        # /dev/ttyS1..3

DIRECTORIES = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "mnt": 0o755, "opt": 0o755, "proc": 0o555, "root": 0o700,
    "run": 0o755, "sbin": 0o755, "sys": 0o555, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/lib": 0o755,
    "usr/local": 0o755, "usr/local/bin": 0o755, "usr/local/sbin": 0o755, "usr/sbin": 0o755, "usr/share": 0o755,
    "var": 0o755, "var/log": 0o755, "var/run": 0o755, "var/spool": 0o755, "var/tmp": 0o1777, "dev/pts": 0o755,
}


def applets(busybox):
    """Paths that busybox wants to be found under, as bytes without a leading slash."""
    return subprocess.run([busybox, "--list-full"], stdout=subprocess.PIPE, check=True).stdout.split()


def add_devices(archive, kind):
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        archive.device(f"dev/{name}", 1, minor)
    archive.device("dev/tty", 5, 0, gid=TTY_GROUP)
    archive.device("dev/console", 5, 1, mode=0o600)
    archive.device("dev/ptmx", 5, 2, gid=TTY_GROUP)
    for n in range(4):
        archive.device(f"dev/ttyS{n}", 4, 64 + n, mode=0o660, gid=TTY_GROUP)
    for n in range(16):
        archive.device(f"dev/pts/{n}", 136, n, mode=0o620, gid=TTY_GROUP)
    for n, (major, minor) in enumerate(STREAMS[kind]):
        archive.device(f"dev/stream{n}", major, minor)
    archive.symlink("dev/fd", "/proc/self/fd")
    for n, name in enumerate(("stdin", "stdout", "stderr")):
        archive.symlink(f"dev/{name}", f"/proc/self/fd/{n}")


def root_archive(root, busybox, kind="bulkhead"):
    """The archive for a kind of kernel ("bulkhead" or "linux"), from the project's root and the busybox binary."""
    archive = cpio.Archive(MTIME)
    for path, mode in DIRECTORIES.items():
        archive.directory(path, mode)
    archive.directory("home/user", uid=1000, gid=1000)
    add_devices(archive, kind)
    archive.add_host(busybox, "bin/busybox")
    for path in applets(busybox):
        if path != b"bin/busybox":
            archive.symlink(path, os.path.relpath(b"bin/busybox", os.path.dirname(path) or b"."))
    folder = Path(root) / "systems/root"
    for file in sorted((folder / "etc").iterdir()):
        archive.file(f"etc/{file.name}", file.read_bytes())
    if kind == "bulkhead":  # commands for this system
        for file in sorted((folder / "usr/local/sbin").iterdir()):
            archive.file(file.relative_to(folder), file.read_bytes(), 0o755)
    return archive
