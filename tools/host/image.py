# SPDX-License-Identifier: MIT
"""Flat images and the boot bundle, in the formats of abi/boot.h. The same input gives the same bytes."""

import struct
from pathlib import Path

from . import elf

PAGE = 4096
IMAGE_MAGIC = 0x314547414D494242
BUNDLE_MAGIC = 0x31454C444E554242
MAX_SEGMENTS = 6
MAX_NAME = 39
N_SYMBOLS = 16
TWINS = ("guardian", "supervisor")  # the images that every bundle has
RIGHT_READ, RIGHT_WRITE, RIGHT_EXEC = 1, 2, 4

# Values that an image tells about itself (image_header.symbols), by place.
LIBLINUX_SYMBOLS = ("liblinux_stub", "liblinux_start", "stub_syscall", "stub_event", "stub_fault")


class ImageError(Exception):
    """An ELF file or bundle breaks a rule of abi/boot.h; the text says which."""


def page_up(n):
    return (n + PAGE - 1) & -PAGE


def rights_of(flags):
    """p_flags of ELF as RIGHT_* bits."""
    return (RIGHT_READ * bool(flags & elf.FLAG_READ) | RIGHT_WRITE * bool(flags & elf.FLAG_WRITE)
            | RIGHT_EXEC * bool(flags & elf.FLAG_EXEC))


def flatten(path, symbols=()):
    """The flat image of an ELF file; `symbols` are the names whose values go into the header."""
    source = elf.Elf(path)
    if not 0 < len(source.segments) <= MAX_SEGMENTS:
        raise ImageError(f"{path}: {len(source.segments)} segments; an image has 1 to {MAX_SEGMENTS}")
    table, body = b"", b""
    for segment in source.segments:
        rights = rights_of(segment.flags)
        if segment.address % PAGE:
            raise ImageError(f"{path}: the segment at {segment.address:#x} is not page aligned; see its link script")
        if rights & RIGHT_WRITE and rights & RIGHT_EXEC:
            raise ImageError(f"{path}: the segment at {segment.address:#x} is writable and executable")
        table += struct.pack("<QQQQII", segment.address, PAGE + len(body), len(segment.data), segment.memory_bytes,
                             rights, 0)
        body += segment.data.ljust(page_up(len(segment.data)), b"\0")
    known = source.symbols() if symbols else {}
    for name in symbols:
        if name not in known:
            raise ImageError(f"{path}: the symbol '{name}' is not defined")
    values = [known[name] for name in symbols] + [0] * (N_SYMBOLS - len(symbols))
    header = struct.pack("<QQII", IMAGE_MAGIC, source.entry, len(source.segments), 0)
    header += table.ljust(MAX_SEGMENTS * 40, b"\0") + struct.pack(f"<{N_SYMBOLS}Q", *values)
    return header.ljust(PAGE, b"\0") + body


def bundle(entries):
    """The bundle of (name, bytes) entries, in that order."""
    table_bytes = 64 + 64 * len(entries)
    offset, table, body = page_up(table_bytes), b"", b""
    for name, data in entries:
        if len(name) > MAX_NAME:
            raise ImageError(f"bundle entry '{name}': the name is longer than {MAX_NAME} characters")
        table += struct.pack("<40sQQQ", name.encode(), offset + len(body), len(data), 0)
        body += data.ljust(page_up(len(data)), b"\0")
    header = struct.pack("<QIIQ40x", BUNDLE_MAGIC, len(entries), 0, offset + len(body))
    return (header + table).ljust(offset, b"\0") + body


def system_bundle(build, system, compiled, root_archive, command_line="", sites=None):
    """The bundle of a checked system: images from the folder `build`, the compiled manifest, the root archive; with
    `sites`, a function from an image's name to bytes, also where the instructions of each image begin."""
    build = Path(build)
    images = sorted({component.image for component in system.components})
    used = {grant.name for component in system.components for grant in component.grants}
    entries = [(name, flatten(build / f"servers/{name}.elf")) for name in TWINS] + [("manifest", compiled)]
    entries += [(folder, flatten(build / f"{folder}.elf")) for folder in images]
    if "liblinux" in used:
        entries.append(("liblinux", flatten(build / "liblinux.elf", LIBLINUX_SYMBOLS)))
    if "root.cpio" in used:
        entries.append(("root.cpio", root_archive))
    if sites:
        entries += [(f"sites:{folder}", sites(folder)) for folder in images]
        entries += [(f"sites:{name}", sites(f"servers/{name}")) for name in TWINS]
    if command_line:
        entries.append(("cmdline", command_line.encode() + b"\0"))
    return bundle(entries)
