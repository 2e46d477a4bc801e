# SPDX-License-Identifier: MIT
"""Archives in cpio's "newc" format, written without touching the file system, so that nobody needs to be root.

An Archive maps paths to entries; a later entry of the same path replaces the earlier one, and missing parent
directories are made. Paths are bytes without a leading slash.
"""

import os
import stat
from dataclasses import dataclass


@dataclass
class Entry:
    mode: int           # with the type bits of st_mode
    data: bytes = b""   # a file's contents, a symbolic link's target
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    device: tuple = (0, 0)  # major, minor
    link: bytes = b""       # path of the entry whose file this is too (hard link)


def clean(path):
    """A path of str or bytes as an archive's key."""
    path = os.path.normpath(os.fsencode(path)).lstrip(b"/")
    return b"" if path == b"." else path


class Archive:
    def __init__(self, mtime=0):
        self.mtime = mtime
        self.entries = {}

    def copy(self):
        other = Archive(self.mtime)
        other.entries = dict(self.entries)
        return other

    def add(self, path, entry):
        """Directories and other entries do not replace each other."""
        path = clean(path)
        if not path and stat.S_ISDIR(entry.mode):
            return
        parent = os.path.dirname(path)
        if parent and (parent not in self.entries or not stat.S_ISDIR(self.entries[parent].mode)):
            self.directory(parent)
        before = self.entries.get(path, entry) if path else Entry(stat.S_IFDIR)
        if stat.S_ISDIR(before.mode) != stat.S_ISDIR(entry.mode):
            which = "a" if stat.S_ISDIR(before.mode) else "no"
            raise ValueError(f"/{os.fsdecode(path)} is {which} directory in the guest")
        self.entries[path] = entry

    def directory(self, path, mode=0o755, **owner):
        self.add(path, Entry(stat.S_IFDIR | mode, mtime=self.mtime, **owner))

    def file(self, path, data, mode=0o644, **owner):
        data = data.encode() if isinstance(data, str) else data
        self.add(path, Entry(stat.S_IFREG | mode, data, mtime=self.mtime, **owner))

    def symlink(self, path, target):
        self.add(path, Entry(stat.S_IFLNK | 0o777, os.fsencode(target), mtime=self.mtime))

    def hard_link(self, path, target):
        target = clean(target)
        self.add(path, Entry(self.entries[target].mode, mtime=self.mtime, link=target))

    def device(self, path, major, minor, mode=0o666, kind=stat.S_IFCHR, **owner):
        self.add(path, Entry(kind | mode, mtime=self.mtime, device=(major, minor), **owner))

    def add_host(self, host_path, guest_path):
        """A file or directory tree of this machine; owned by root, modes and times kept."""
        info = os.lstat(host_path) if os.path.islink(host_path) else os.stat(host_path)
        entry = Entry(info.st_mode, mtime=int(info.st_mtime))
        if stat.S_ISLNK(info.st_mode):
            entry.data = os.fsencode(os.readlink(host_path))
        elif stat.S_ISREG(info.st_mode):
            with open(host_path, "rb") as file:
                entry.data = file.read()
        elif not stat.S_ISDIR(info.st_mode):
            raise ValueError(f"{os.fsdecode(host_path)}: only files, directories and symbolic links can be added")
        self.add(guest_path, entry)
        if stat.S_ISDIR(info.st_mode):
            for name in sorted(os.listdir(os.fsencode(host_path))):
                self.add_host(os.path.join(os.fsencode(host_path), name), clean(guest_path) + b"/" + name)

    def pack(self):
        """The archive's bytes: parents before children, otherwise in the order of names."""
        groups = {}  # path of the first name -> all names
        for path in sorted(self.entries):
            groups.setdefault(self.entries[path].link or path, []).append(path)
        numbers = {first: number for number, first in enumerate(groups, 1)}
        chunks = []
        for path in sorted(self.entries):
            first = self.entries[path].link or path
            entry = self.entries[first]
            # cpio's custom: all names of a file come with its length 0, but the last.
            data = entry.data if path == groups[first][-1] else b""
            links = 2 if stat.S_ISDIR(entry.mode) else len(groups[first])
            chunks.append(pack_entry(path, numbers[first], entry, links, data))
        chunks.append(pack_entry(b"TRAILER!!!", 0, Entry(0), 1, b""))
        packed = b"".join(chunks)
        return packed.ljust((len(packed) + 511) & -512, b"\0")


def pack_entry(path, number, entry, links, data):
    fields = (number, entry.mode, entry.uid, entry.gid, links, entry.mtime, len(data), 0, 0, *entry.device,
              len(path) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % value for value in fields) + path + b"\0"
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)
