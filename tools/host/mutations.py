# SPDX-License-Identifier: MIT
"""Bytes for an instruction's place that do what a programmer's or a machine's mistake would do.

The mistakes are those that field studies of operating systems find: pointers that are null or wrong, registers and
immediates that are off, branches and instructions that are missing. Each is written in assembler and encoded by llvm-mc;
what does not fit into the place of the original instruction is left out, what is shorter is filled up with nop.
"""

import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import elf, sites

CLASSES = {
    "null": "a pointer that was just loaded is null",
    "store": "a store goes elsewhere",
    "source": "the wrong source register",
    "destination": "the wrong destination register",
    "pointer": "the wrong member of a structure",
    "off-by-one": "a constant is off by one",
    "no-branch": "a branch is missing",
    "inverted": "a condition is inverted",
    "removed": "an instruction is missing",
    "loop": "an endless loop",
    "deadlock": "a call of itself, which nobody will answer",
    "leak": "what is given back is lost",
    "bit-flip": "one bit of an instruction has changed",
}
LEAKS = ("table_free", "slot_free", "page_drop")  # functions that give something back
BRANCHES = {"je": "jne", "ja": "jbe", "jae": "jb", "jl": "jge", "jg": "jle", "js": "jns", "jo": "jno", "jp": "jnp"}
BRANCHES.update({value: key for key, value in BRANCHES.items()})
WIDE = ["rax", "rcx", "rdx", "rbx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]
NARROW = ["eax", "ecx", "edx", "ebx", "esi", "edi", "ebp"] + [f"r{n}d" for n in range(8, 16)]
MEMORY = re.compile(r"(-?\d+)?\((%\w+)?(?:,(%\w+)(?:,(\d))?)?\)")
NOP, RETURN = b"\x90", b"\xc3"
SAMPLE = 24  # of each class, in the table that a system carries with it
# push $SLOT_ENDPOINT; pop %rdi; push $1; pop %rax; shl $62,%rax; xor %esi,%esi; or $-1,%r15; syscall
DEADLOCK = bytes.fromhex("6a055f 6a0158 48c1e03e 31f6 4983cfff 0f05")


@dataclass(frozen=True)
class Mutation:
    kind: str
    address: int
    data: bytes


def other_register(name, choice):
    """Another register of the same width, None when it is none that can be exchanged."""
    for registers in (WIDE, NARROW):
        if name[1:] in registers:
            return "%" + choice.choice([r for r in registers if r != name[1:]])
    return None


def split_operands(text):
    """Operands as the assembler separates them."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text)] if text else []


def shifted(instruction, operands, choice):
    """A memory operand with another displacement."""
    for n, operand in enumerate(operands):
        match = MEMORY.fullmatch(operand)
        if match and match[2] not in (None, "%rip", "%rsp") and instruction.name.startswith(("mov", "add", "sub", "cmp")):
            moved = f"{int(match[1] or 0) + choice.choice((-8, 8))}{operand[len(match[1] or ''):]}"
            return [*operands[:n], moved, *operands[n + 1:]]
    return None


def texts(instruction, choice):
    """(class, assembler text) of all that can be done with this instruction in assembler; "" is nothing."""
    name, operands = instruction.name, split_operands(instruction.operands)
    moves = name in ("movq", "movl") and len(operands) == 2
    if moves and MEMORY.fullmatch(operands[0]) and operands[1].startswith("%r") and "%rsp" not in operands[0]:
        narrow = dict(zip(WIDE, NARROW)).get(operands[1][1:])
        if narrow:
            yield "null", f"xorl %{narrow}, %{narrow}"
    if name in ("movq", "movl", "movb", "movw") and len(operands) == 2 and (match := MEMORY.fullmatch(operands[1])):
        base = match[2] and other_register(match[2], choice)
        if base and match[2] != "%rsp":
            yield "store", f"{name} {operands[0]}, {operands[1].replace(match[2], base, 1)}"
    if len(operands) == 2 and name[-1] in "lq" and not name.startswith(("nop", "j", "call")):
        for kind, n in (("source", 0), ("destination", 1)):
            register = operands[n].startswith("%") and other_register(operands[n], choice)
            if register:
                changed = [*operands[:n], register, *operands[n + 1:]]
                yield kind, f"{name} {', '.join(changed)}"
        if moved := shifted(instruction, operands, choice):
            yield "pointer", f"{name} {', '.join(moved)}"
        if (match := re.fullmatch(r"\$(-?\d+)", operands[0])) and name.startswith(("mov", "add", "sub", "cmp")):
            yield "off-by-one", f"{name} ${int(match[1]) + choice.choice((-1, 1))}, {operands[1]}"
    if name in BRANCHES:
        yield "no-branch", ""
    if not name.startswith(("nop", "j", "ret", "ud2")):
        yield "removed", ""


def assemble(lines):
    """The bytes of each line, None for what cannot be encoded."""
    source = "".join(f"L{n}:\n{line}\n" for n, line in enumerate(lines))
    result = subprocess.run(["llvm-mc", "--triple=x86_64", "--show-encoding"], input=source, text=True, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = [None] * len(lines)
    for number, text in re.findall(r"^L(\d+):\n.*# encoding: \[(0x[0-9a-fx,]*)\]$", result.stdout, re.MULTILINE):
        found[int(number)] = bytes(int(byte, 16) for byte in text.split(","))
    return found


def mutations(build, image, seed=1):
    """Every mutation of an image's instructions."""
    choice = random.Random(seed)
    text = elf.Elf(f"{build}/{image}.elf").segments[0]

    def image_bytes(address, n):
        return text.data[address - text.address:address - text.address + n]
    found, wanted = [], []
    seen = set()
    for i in sites.instructions(build, image):
        if i.name.startswith("nop"):
            continue
        wanted += [(i, kind, text) for kind, text in texts(i, choice)]
        original = image_bytes(i.address, i.length)
        if i.name in BRANCHES:  # the lowest bit of the condition's code, in the last byte of the opcode
            at = 1 if original[0] == 0x0F else 0
            found.append(Mutation("inverted", i.address, original[:at] + bytes([original[at] ^ 1]) + original[at + 1:]))
        flipped = bytearray(original)
        flipped[choice.randrange(i.length)] ^= 1 << choice.randrange(8)
        found.append(Mutation("bit-flip", i.address, bytes(flipped)))
        if i.length >= 2:
            found.append(Mutation("loop", i.address, NOP * (i.length - 2) + bytes((0xEB, 256 - i.length))))
        if i.function not in seen:
            seen.add(i.function)
            found.append(Mutation("deadlock", i.address, DEADLOCK))
            if i.function in LEAKS:
                found.append(Mutation("leak", i.address, RETURN))
    lines = [text for _, _, text in wanted if text]
    encoded = iter(assemble(lines))
    for i, kind, line in wanted:
        data = next(encoded) if line else b""
        if data is None or len(data) > i.length:
            continue
        data += NOP * (i.length - len(data))
        if data != image_bytes(i.address, i.length):
            found.append(Mutation(kind, i.address, data))
    return found


def sample(build, image):
    """A table for people: lines of class, address and bytes, a few of each class, the same for the same image."""
    choice, classes = random.Random(1), {}
    for mutation in mutations(build, image):
        classes.setdefault(mutation.kind, []).append(mutation)
    chosen = [m for kind in classes.values() for m in choice.sample(kind, min(SAMPLE, len(kind)))]
    return "".join(f"{m.kind} {m.address:#x} {m.data.hex()}\n" for m in chosen)


def add_tables(archive, build, system):
    """Put the tables that were built beside the images of a system's components into its root archive."""
    folder, placed = "usr/share/bulkhead/faults", {}
    for component in system.components:
        table = Path(build, f"{component.image}.faults")
        if component.image in placed:
            archive.symlink(f"{folder}/{component.name}", placed[component.image])
        elif table.exists():
            archive.file(f"{folder}/{component.name}", table.read_bytes())
            placed[component.image] = component.name
    types = {"kill": "it ends", "hang": "it stands still", **CLASSES}
    archive.file(f"{folder}/types", "".join(f"{name:<12} {what}\n" for name, what in types.items()))


if __name__ == "__main__":
    sys.stdout.write(sample(*sys.argv[1:3]))
