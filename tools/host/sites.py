# SPDX-License-Identifier: MIT
"""Where the instructions of a component's image begin, from the disassembly that the build writes beside it."""

import re
from dataclasses import dataclass
from pathlib import Path

IMAGE_ADDRESS = 0x400000  # protocols/component.h
FUNCTION = re.compile(r"^([0-9a-f]{16}) <(.+)>:$")
INSTRUCTION = re.compile(r"^ +([0-9a-f]+): *\t(\S+)(?:\t(.*?))?(?: +#.*)?$")


@dataclass(frozen=True)
class Instruction:
    address: int
    length: int
    name: str
    operands: str
    function: str


def instructions(build, image):
    """All instructions of an image in the order of addresses; what fills the room between functions is none."""
    found, function = [], ""
    for line in Path(build, f"{image}.asm").read_text().splitlines():
        if match := FUNCTION.match(line):
            function = match[2]
        elif match := INSTRUCTION.match(line):
            found.append((int(match[1], 16), match[2], match[3] or "", function))
    ends = [address for address, *_ in found[1:]] + [found[-1][0] + 1]
    return [Instruction(address, end - address, *rest) for (address, *rest), end in zip(found, ends)
            if rest[0] != "int3"]


def bitmap(build, image):
    """A bit for each byte of text, the lowest first: set where an instruction begins."""
    bits = bytearray()
    for instruction in instructions(build, image):
        offset = instruction.address - IMAGE_ADDRESS
        bits.extend(bytes(offset // 8 + 1 - len(bits)))
        bits[offset // 8] |= 1 << offset % 8
    return bytes(bits)
