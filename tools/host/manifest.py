# SPDX-License-Identifier: MIT
"""System files (systems/NAME.system): reading, checking and compiling them for the supervisor.

docs/building-blocks.md describes the language, protocols/manifest.h the compiled form. Three steps: parse() here knows
the syntax of a line, manifest_check the rules between components, compile_system() here the bytes. The first two report
all that they find, not just the first.
"""

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

# Limits of protocols/manifest.h and protocols/component.h.
MAGIC = 0x31545345464E414D
MAX_COMPONENTS = 64
MAX_GRANTS = 40
MAX_NAME = 31
MAX_GRANT_NAME = 23
MAX_IMAGE = 39
MAX_ARGS = 255

# enum component_cap_kind
CALL, MINT, SIGNAL, IOPORT, IRQ, FRAMES, TABLE = range(1, 8)

MS = 1_000_000
TIME_UNITS = {"ns": 1, "us": 1_000, "ms": MS, "s": 1_000_000_000}
SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
RESTART_POLICIES = {"one_for_one": 1, "rest_for_one": 2}
PERMISSIONS = {"power": 1}
ESCALATIONS = {"cold": 1, "subtree": 2, "reboot": 3}
MAX_ESCALATIONS = 4
MAX_QUIESCE = 6
BUNDLE_FILES = ("liblinux", "root.cpio", "cmdline")  # entries a component may be given
SLOT_BYTES = 64
VAULT_BYTES_A_SLOT, SLOTS_MIN, SLOTS_MAX = 512, 256, 16384  # without a number of slots
RESERVED_BYTES = 4 << 20  # of memory, for the kernel, the supervisor and page tables


class ManifestError(Exception):
    """One or more problems in a system file; the text has a line for each: where, what, why, what to do."""

    def __init__(self, problems):
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Size:
    """An amount of memory: bytes, or a percentage of what is free at boot."""
    bytes: int = 0
    percent: int = 0

    def resolve(self, free_bytes):
        """The bytes that the supervisor will take of free_bytes."""
        if not self.percent:
            return self.bytes
        share = free_bytes * self.percent // 100
        return 1 << (share.bit_length() - 1) if share else 0


@dataclass
class Grant:
    """One thing that a component is given; `name` is the peer, bundle entry or table."""
    kind: int
    name: str
    line: int
    detail: int = 0
    writable: bool = False


@dataclass
class Component:
    name: str
    line: int
    image: str = ""
    rank: int = 0
    priority: int = 100
    budget_ns: int = 10 * MS
    period_ns: int = 10 * MS
    vault: Size = field(default_factory=Size)
    untyped: Size = field(default_factory=Size)
    pool: Size = field(default_factory=Size)
    pool_mapped: bool = False
    slots: int = 0
    restart: int = 0
    restart_limit: int = 0
    restart_period_ns: int = 0
    heartbeat_ns: int = 0
    renew_ns: int = 0
    budget_strict: bool = False
    ceiling: Size = field(default_factory=Size)
    escalate: list = field(default_factory=list)  # numbers of ESCALATIONS
    quiesce: list = field(default_factory=list)   # (port, value, line)
    may: int = 0
    args: str = ""
    after: list = field(default_factory=list)  # (name, line)
    grants: list = field(default_factory=list)
    lines: dict = field(default_factory=dict)  # key -> line of its (last) use

    def granted(self, *kinds):
        return [grant for grant in self.grants if grant.kind in kinds]


@dataclass
class System:
    name: str
    path: str
    components: list  # in start order once checked

    def find(self, name):
        return next((c for c in self.components if c.name == name), None)


class BadValue(Exception):
    """What is wrong with the value of a key."""


def parse_size(text):
    """'64K', '8M', '12' (bytes) or '25%' as a Size."""
    match = re.fullmatch(r"(\d+)([KMG%]?)", text)
    if not match:
        raise BadValue(f"'{text}' is not a size; write bytes with K, M or G, or a percentage like 25%")
    number, unit = int(match[1]), match[2]
    if unit != "%":
        return Size(bytes=number * SIZE_UNITS[unit])
    if not 1 <= number <= 100:
        raise BadValue(f"'{text}' is not between 1% and 100%")
    return Size(percent=number)


def parse_time(text):
    """'100ms' and the like as ns."""
    match = re.fullmatch(r"(\d+)(ns|us|ms|s)", text)
    if not match:
        raise BadValue(f"'{text}' is not a time; write a number with ns, us, ms or s")
    return int(match[1]) * TIME_UNITS[match[2]]


def parse_number(text, low, high):
    """A decimal or 0x number within low..high."""
    try:
        number = int(text, 0)
    except ValueError:
        raise BadValue(f"'{text}' is not a number") from None
    if not low <= number <= high:
        raise BadValue(f"{text} is not between {low} and {high}")
    return number


def parse_pair(text, what):
    first, slash, second = text.partition("/")
    if not slash:
        raise BadValue(f"'{text}' wants the form {what}")
    return first, second


# --- keys. Each takes the component, the words behind the key and the line; the first number is how many words
# it wants at least, the second at most.

def set_image(c, words, line):
    c.image = words[0].rstrip("/")
    if len(c.image) > MAX_IMAGE:
        raise BadValue(f"the folder's name is longer than {MAX_IMAGE} characters")


def set_rank(c, words, line):
    c.rank = parse_number(words[0], 1, 1000)


def set_priority(c, words, line):
    c.priority = parse_number(words[0], 1, 250)


def set_budget(c, words, line):
    budget, period = parse_pair(words[0], "BUDGET/PERIOD, like 2ms/4ms")
    c.budget_ns, c.period_ns = parse_time(budget), parse_time(period)
    if not 0 < c.budget_ns <= c.period_ns:
        raise BadValue("the budget must be more than nothing and at most its period")
    if words[1:] not in ([], ["strict"]):
        raise BadValue(f"'{words[1]}' behind the budget; only 'strict' may stand there")
    c.budget_strict = len(words) == 2
    if c.budget_strict and c.budget_ns == c.period_ns:
        raise BadValue("a budget as long as its period is never used up; 'strict' has no meaning there")


def set_vault(c, words, line):
    c.vault = parse_size(words[0])


def set_untyped(c, words, line):
    c.untyped = parse_size(words[0])


def set_pool(c, words, line):
    c.pool = parse_size(words[0])
    if words[1:] not in ([], ["mapped"]):
        raise BadValue(f"'{words[1]}' behind the size; only 'mapped' may stand there")
    c.pool_mapped = len(words) == 2


def set_slots(c, words, line):
    c.slots = parse_number(words[0], 64, SLOTS_MAX)
    if c.slots & (c.slots - 1):
        raise BadValue("the number of slots must be a power of two")


def add_ioports(c, words, line):
    first, count = parse_number(words[0], 0, 0xFFFF), parse_number(words[1], 1, 0x10000)
    if first + count > 0x10000:
        raise BadValue("the range ends behind port 0xffff")
    c.grants.append(Grant(IOPORT, "", line, detail=first | count << 16))


def add_irq(c, words, line):
    c.grants.append(Grant(IRQ, "", line, detail=parse_number(words[0], 0, 63)))


def add_peers(kind):
    def add(c, words, line):
        c.grants.extend(Grant(kind, word, line) for word in words)
    return add


def add_published(c, words, line):
    size = parse_size(words[1])
    if size.percent:
        raise BadValue("a table's size is given in bytes, not as a share of memory")
    c.grants.append(Grant(TABLE, words[0], line, detail=size.bytes, writable=True))


def add_read(c, words, line):
    c.grants.extend(Grant(TABLE, word, line) for word in words)


def set_args(c, words, line):
    c.args = " ".join(words)
    if len(c.args.encode()) > MAX_ARGS:
        raise BadValue(f"longer than {MAX_ARGS} bytes")


def add_permission(c, words, line):
    for word in words:
        if word not in PERMISSIONS:
            raise BadValue(f"'{word}' is no permission; known: {', '.join(PERMISSIONS)}")
        c.may |= PERMISSIONS[word]


def add_after(c, words, line):
    c.after.extend((word, line) for word in words)


def set_restart(c, words, line):
    if words[0] not in RESTART_POLICIES:
        raise BadValue(f"'{words[0]}' is no restart policy; known: {', '.join(RESTART_POLICIES)}")
    limit, period = parse_pair(words[1], "RESTARTS/PERIOD, like 5/10s")
    c.restart = RESTART_POLICIES[words[0]]
    c.restart_limit, c.restart_period_ns = parse_number(limit, 1, 1000), parse_time(period)


def set_ceiling(c, words, line):
    c.ceiling = parse_size(words[0])
    if c.ceiling.percent:
        raise BadValue("a ceiling is given in bytes, not as a share of memory")


def set_escalation(c, words, line):
    for word in words:
        if word not in ESCALATIONS:
            raise BadValue(f"'{word}' is no escalation; known: {', '.join(ESCALATIONS)}")
    c.escalate = [ESCALATIONS[word] for word in words]
    if c.escalate != sorted(set(c.escalate)):
        raise BadValue(f"each stands once, the milder first: {', '.join(ESCALATIONS)}")


def add_quiesce(c, words, line):
    c.quiesce.append((parse_number(words[0], 0, 0xFFFF), parse_number(words[1], 0, 0xFF), line))
    if len(c.quiesce) > MAX_QUIESCE:
        raise BadValue(f"more than {MAX_QUIESCE} of them")


def set_heartbeat(c, words, line):
    c.heartbeat_ns = parse_time(words[0])


def set_renewal(c, words, line):
    c.renew_ns = parse_time(words[0])


MANY = 1000
KEYS = {
    "image": (set_image, 1, 1), "rank": (set_rank, 1, 1), "priority": (set_priority, 1, 1),
    "budget": (set_budget, 1, 2), "vault": (set_vault, 1, 1), "untyped": (set_untyped, 1, 1),
    "pool": (set_pool, 1, 2), "slots": (set_slots, 1, 1), "ioports": (add_ioports, 2, 2), "irq": (add_irq, 1, 1),
    "calls": (add_peers(CALL), 1, MANY), "mints": (add_peers(MINT), 1, MANY),
    "signals": (add_peers(SIGNAL), 1, MANY), "bundle": (add_peers(FRAMES), 1, MANY),
    "publishes": (add_published, 2, 2), "reads": (add_read, 1, MANY), "args": (set_args, 0, MANY),
    "may": (add_permission, 1, MANY), "after": (add_after, 1, MANY), "restart": (set_restart, 2, 2),
    "heartbeat": (set_heartbeat, 1, 1), "renew": (set_renewal, 1, 1), "ceiling": (set_ceiling, 1, 1),
    "escalate": (set_escalation, 1, MAX_ESCALATIONS), "quiesce": (add_quiesce, 2, 2),
}
REPEATABLE = {"quiesce", "ioports", "irq", "calls", "mints", "signals", "bundle", "publishes", "reads", "may", "after"}


class Parser:
    """One pass over the lines of a system file; problems are collected, not raised."""

    def __init__(self, path):
        self.path = path
        self.problems = []
        self.system = System("", path, [])
        self.component = None

    def problem(self, line, text):
        self.problems.append(f"{self.path}:{line}: {text}")

    def run(self, text):
        for number, line in enumerate(text.splitlines(), 1):
            words = re.sub(r"(^|\s)#.*", "", line).split()
            if words:
                self.line(number, words[0], words[1:])
        if not self.system.name:
            self.problem(1, "the system has no name; begin the file with 'system NAME'")
        return self.system

    def line(self, number, key, words):
        if key == "system":
            self.begin_system(number, words)
        elif key == "component":
            self.begin_component(number, words)
        elif key not in KEYS:
            self.problem(number, f"unknown key '{key}'; known: {', '.join(sorted(KEYS))}")
        elif self.component is None:
            self.problem(number, f"'{key}' stands outside of a component; write 'component NAME' above it")
        else:
            self.key(number, key, words)

    def begin_system(self, number, words):
        if self.system.name:
            self.problem(number, f"a second 'system' line; this file is '{self.system.name}' already")
        elif len(words) != 1 or not re.fullmatch(r"[a-z0-9_-]{1,31}", words[0]):
            self.problem(number, "'system' wants one name of small letters, digits, - and _")
        else:
            self.system.name = words[0]

    def begin_component(self, number, words):
        name = words[0] if len(words) == 1 else ""
        if not re.fullmatch(r"[a-z0-9_-]{1,%d}" % MAX_GRANT_NAME, name):
            self.problem(number, f"'component' wants one name of at most {MAX_GRANT_NAME} small letters, digits, - and _")
        other = self.system.find(name)
        if other:
            self.problem(number, f"a second component '{name}' (the first stands in line {other.line}); rename one")
        self.component = Component(name, number)
        self.system.components.append(self.component)

    def key(self, number, key, words):
        setter, least, most = KEYS[key]
        component = self.component
        if key in component.lines and key not in REPEATABLE:
            self.problem(number, f"'{key}' was given for '{component.name}' in line {component.lines[key]} already")
        component.lines[key] = number
        if not least <= len(words) <= most:
            wants = f"{least}" if least == most else f"at least {least}"
            self.problem(number, f"'{key}' wants {wants} word{'s' if least != 1 else ''}, not {len(words)}")
            return
        try:
            setter(component, words, number)
        except BadValue as bad:
            self.problem(number, f"{key}: {bad}")


def parse(path, text=None):
    """The System of a file (or of `text`, reported as `path`), unchecked. Raises ManifestError."""
    parser = Parser(str(path))
    system = parser.run(Path(path).read_text() if text is None else text)
    if parser.problems:
        raise ManifestError(parser.problems)
    return system


def start_dependencies(system, component):
    """Names of the components that must be ready before this one starts."""
    publishers = {g.name: c.name for c in system.components for g in c.granted(TABLE) if g.writable}
    names = {g.name for g in component.granted(CALL)} | {name for name, _ in component.after}
    return names | {publishers[g.name] for g in component.granted(TABLE) if not g.writable}


# --- compiling, as protocols/manifest.h says

def pack_size(size):
    return struct.pack("<QII", size.bytes, size.percent, 0)


def compile_component(system, c):
    index = {peer.name: i for i, peer in enumerate(system.components)}
    publishers = {g.name: index[p.name] for p in system.components for g in p.granted(TABLE) if g.writable}
    after = sum(1 << index[name] for name in start_dependencies(system, c))
    data = struct.pack("<32s40sIIQQ", c.name.encode(), c.image.encode(), c.rank, c.priority, c.budget_ns, c.period_ns)
    data += pack_size(c.vault) + pack_size(c.untyped) + pack_size(c.pool)
    data += struct.pack("<IIQIIQQII256s", c.pool_mapped, c.slots, after, c.restart, c.restart_limit,
                        c.restart_period_ns, c.heartbeat_ns, c.may, len(c.grants), c.args.encode())
    for g in c.grants:
        reads = g.kind == TABLE and not g.writable
        peer = index[g.name] if g.kind in (CALL, MINT, SIGNAL) else publishers[g.name] if reads else 0
        data += struct.pack("<24sIIQII", g.name.encode(), g.kind, peer, g.detail, g.writable, 0)
    data = data.ljust(448 + 48 * MAX_GRANTS, b"\0")
    data += struct.pack("<QII4I", c.ceiling.bytes, c.budget_strict, len(c.quiesce),
                        *(c.escalate + [0] * (MAX_ESCALATIONS - len(c.escalate))))
    for port, value, _ in c.quiesce:
        data += struct.pack("<HH", port, value)
    return data.ljust(448 + 48 * MAX_GRANTS + 56, b"\0") + struct.pack("<Q", c.renew_ns)


def compile_system(system):
    """The bytes of bundle entry "manifest" for a checked system."""
    header = struct.pack("<QII32s", MAGIC, len(system.components), 0, system.name.encode())
    return header + b"".join(compile_component(system, c) for c in system.components)
