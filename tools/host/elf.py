# SPDX-License-Identifier: MIT
"""As much of 64-bit little-endian ELF as images need: loadable segments, sections' sizes, symbols' values."""

import struct
from dataclasses import dataclass

PT_LOAD = 1
SHT_SYMTAB = 2
FLAG_EXEC, FLAG_WRITE, FLAG_READ = 1, 2, 4  # p_flags
SHF_ALLOC, SHF_EXEC = 2, 4                  # sh_flags


class ElfError(Exception):
    """The file is no ELF that we can use; the text says why."""


@dataclass
class Segment:
    address: int
    data: bytes
    memory_bytes: int
    flags: int
    offset: int  # in the file


@dataclass
class Section:
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


class Elf:
    """An ELF file read whole. Attributes: entry, segments, sections."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.bytes = file.read()
        if self.bytes[:6] != b"\x7fELF\x02\x01":
            raise ElfError(f"{path}: not a 64-bit little-endian ELF file")
        header = struct.unpack_from("<HHIQQQIHHHHHH", self.bytes, 16)
        self.entry, programs, sections = header[3], header[4], header[5]
        program_size, n_programs, section_size, n_sections, names = header[8:13]
        self.segments = [s for i in range(n_programs) if (s := self._segment(programs + i * program_size))]
        raw = [struct.unpack_from("<IIQQQQII", self.bytes, sections + i * section_size) for i in range(n_sections)]
        strings = raw[names][4] if raw else 0
        self.sections = [Section(self._string(strings + r[0]), *r[1:7]) for r in raw]

    def _segment(self, at):
        kind, flags, offset, address, _, file_bytes, memory_bytes, _ = struct.unpack_from("<IIQQQQQQ", self.bytes, at)
        if kind != PT_LOAD or not memory_bytes:
            return None
        return Segment(address, self.bytes[offset:offset + file_bytes], memory_bytes, flags, offset)

    def _string(self, at):
        return self.bytes[at:self.bytes.index(b"\0", at)].decode()

    def symbols(self):
        """Name -> value of all defined symbols."""
        found = {}
        for table in (s for s in self.sections if s.kind == SHT_SYMTAB):
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, 24):
                name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.bytes, at)
                if name and section:
                    found[self._string(strings + name)] = value
        return found

    def text_bytes(self):
        """Bytes of executable sections."""
        return sum(s.size for s in self.sections if s.flags & SHF_ALLOC and s.flags & SHF_EXEC)
