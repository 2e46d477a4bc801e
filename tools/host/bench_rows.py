# SPDX-License-Identifier: MIT
"""The rows of the benchmark, in the order they are shown: the program's name (tests/bench/linux), what it is, and the
corrected instructions that Bulkhead means to reach, if there is such. A reach that is a text is a share of Linux's lean figure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    reach: object


ROWS = tuple(Row(*row) for row in (
    ("getpid", "getpid, via syscall()", 100),
    ("clock_gettime", "clock_gettime, forced system call", 120),
    ("stat", "stat, depth 1", 800),
    ("stat-5", "stat, depth 5", 1000),
    ("stat-missing", "stat of a missing name", 1000),
    ("fstat", "fstat", 250),
    ("open-close", "open + close, depth 1", 2500),
    ("open-close-5", "open + close, depth 5", 3000),
    ("pread-4k", "pread of 4 KiB, cached", 350),
    ("open-read-close", "open + read 4 KiB once + close", "0.5"),
    ("read-1m", "read of 1 MiB, cached", 20000),
    ("write-4k", "write of 4 KiB, overwriting", 1200),
    ("write-4k-extend", "write of 4 KiB, extending", 2500),
    ("create-unlink", "create + unlink", 8000),
    ("readdir-100", "readdir of 100 names", 12000),
    ("pipe-exclusive", "pipe round trip, exclusive ends", 3500),
    ("pipe-shared", "pipe round trip, shared ends", 6000),
    ("futex-turns", "futex round trip, two threads", 2500),
    ("futex-wake-private", "futex wake, nobody waiting, private", 100),
    ("futex-wake-shared", "futex wake, nobody waiting, shared", 500),
    ("sched_yield", "sched_yield between processes", 1500),
    ("poll-ready", "poll, one ready", 250),
    ("select-ready", "select, one ready", 350),
    ("signal-self", "signal to self with handler", 700),
    ("thread-create-join", "thread create + join", 20000),
    ("page-first-write", "anonymous page, first write", 1200),
    ("mmap-touch-munmap-1m", "mmap + touch + munmap, 1 MiB", 350000),
    ("mmap-munmap", "mmap + munmap, 4 KiB, untouched", 3000),
    ("file-page-first-write", "private file page, first write", 1800),
    ("fork-exit-wait", "fork + exit + wait", 60000),
    ("fork-exec-exit-wait", "fork + exec + exit + wait, static", 130000),
    ("posix_spawn-exit-wait", "posix_spawn + exit + wait", 90000),
    # No figures to reach; not in the mean.
    ("clock-libc", "clock_gettime, by the C library", None),
    ("pipe-close", "pipe + close of both ends", None),
    ("mprotect-write", "mprotect twice + 16 pages written", None),
))
BY_NAME = {row.name: row for row in ROWS}
# Bulkhead has no such calls yet.
NOT_THERE = ("Unix-socket round trip", "epoll_wait, one ready", "TCP and UDP on loopback")


def reach(row, lean):
    """The figure that a row means to reach; `lean` is Linux's, or None when it was not measured."""
    if not isinstance(row.reach, str):
        return row.reach
    return float(row.reach) * lean if lean is not None else None
