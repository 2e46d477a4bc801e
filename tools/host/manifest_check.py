# SPDX-License-Identifier: MIT
"""The rules between the components of a system (docs/building-blocks.md), and the order in which they start."""

from pathlib import Path

from .manifest import (BUNDLE_FILES, CALL, FRAMES, IOPORT, IRQ, MAX_COMPONENTS, MAX_GRANTS, MAX_GRANT_NAME, MINT,
                       RESERVED_BYTES, SIGNAL, SLOTS_MAX, SLOTS_MIN, SLOT_BYTES, TABLE, VAULT_BYTES_A_SLOT, ManifestError,
                       parse)


class Checker:
    def __init__(self, system, root, memory_bytes, bundle_bytes):
        self.system, self.root = system, root
        self.memory_bytes, self.bundle_bytes = memory_bytes, bundle_bytes
        self.problems = []
        self.waits_for = {}  # component name -> {name: line}

    def problem(self, line, text):
        self.problems.append(f"{self.system.path}:{line}: {text}")

    def run(self):
        components = self.system.components
        if not components:
            self.problem(1, "no component; a system needs at least one 'component NAME' block")
        if len(components) > MAX_COMPONENTS:
            self.problem(components[MAX_COMPONENTS].line, f"more than {MAX_COMPONENTS} components")
        for component in components:
            self.check_basics(component)
            self.check_peers(component)
        self.check_ports()
        self.check_tables()
        self.check_order()
        if self.memory_bytes:
            self.check_memory()

    def check_basics(self, c):
        if not c.image:
            self.problem(c.line, f"'{c.name}' has no image; add 'image FOLDER'")
        elif self.root and not (Path(self.root) / c.image).is_dir():
            self.problem(c.lines["image"], f"there is no folder '{c.image}' for the image of '{c.name}'; "
                                           "folders are named from the project's root")
        if not c.rank:
            self.problem(c.line, f"'{c.name}' has no rank; add 'rank N', above all who call it and below all it calls")
        if len(c.grants) > MAX_GRANTS:
            self.problem(c.line, f"'{c.name}' is given {len(c.grants)} things; at most {MAX_GRANTS} fit")
        for port, _, line in c.quiesce:
            if not any(0 <= port - (g.detail & 0xFFFF) < g.detail >> 16 for g in c.granted(IOPORT)):
                self.problem(line, f"port {port:#x} is not among the I/O ports of '{c.name}'; a device is made quiet by "
                                   "its own ports only")
        if (c.escalate or c.ceiling.bytes) and not c.restart:
            self.problem(c.line, f"'{c.name}' is not restarted, so 'escalate' and 'ceiling' mean nothing; add 'restart'")
        if c.ceiling.bytes and not c.heartbeat_ns:
            self.problem(c.lines["ceiling"], f"'{c.name}' has no heartbeat, with which it would say what it uses; add one")
        if c.renew_ns and not (c.heartbeat_ns and c.restart):
            self.problem(c.lines["renew"], f"'{c.name}' is renewed when it answers a heartbeat, as a restart; add 'heartbeat' "
                                           "and 'restart'")
        seen = {}
        for g in c.grants:
            key = (g.kind, g.name, g.detail if g.kind in (IOPORT, IRQ) else 0)
            if key in seen and g.kind != IOPORT:
                self.problem(g.line, f"'{c.name}' is given this twice (first in line {seen[key]}); remove one")
            seen.setdefault(key, g.line)
            if len(g.name) > MAX_GRANT_NAME:
                self.problem(g.line, f"the name '{g.name}' is longer than {MAX_GRANT_NAME} characters")

    def check_peers(self, c):
        waits = self.waits_for.setdefault(c.name, {})
        for name, line, verb in ([(g.name, g.line, g.kind) for g in c.granted(CALL, MINT, SIGNAL)]
                                 + [(name, line, None) for name, line in c.after]):
            peer = self.system.find(name)
            if not peer:
                self.problem(line, f"unknown component '{name}'; known: "
                                   f"{', '.join(sorted(p.name for p in self.system.components))}")
                continue
            if peer is c:
                self.problem(line, f"'{c.name}' names itself as its peer; remove it")
                continue
            if verb == CALL and peer.rank <= c.rank:
                self.problem(line, f"'{c.name}' (rank {c.rank}) may not call '{name}' (rank {peer.rank}): calls go to a "
                                   "strictly higher rank, so that no cycle of waiting can arise; "
                                   f"use 'signals {name}', or change the ranks")
            if verb in (CALL, None):
                waits.setdefault(name, line)
        for g in c.granted(FRAMES):
            if g.name not in BUNDLE_FILES:
                self.problem(g.line, f"unknown bundle entry '{g.name}'; known: {', '.join(BUNDLE_FILES)}")

    def check_ports(self):
        ranges = sorted((g.detail & 0xFFFF, g.detail >> 16, g.line, c.name)
                        for c in self.system.components for g in c.granted(IOPORT))
        for (first, count, line, name), (first2, _, line2, name2) in zip(ranges, ranges[1:]):
            if first2 < first + count:
                self.problem(max(line, line2), f"I/O port {first2:#x} is claimed by both '{name}' (line {line}) and "
                                               f"'{name2}' (line {line2}); a port belongs to one component")

    def check_tables(self):
        publishers = {}
        for c in self.system.components:
            for g in c.granted(TABLE):
                if g.writable and g.name in publishers:
                    self.problem(g.line, f"table '{g.name}' is published by '{publishers[g.name][0].name}' already "
                                         f"(line {publishers[g.name][1].line}); a table has one writer")
                elif g.writable:
                    publishers[g.name] = (c, g)
        for c in self.system.components:
            for g in c.granted(TABLE):
                if g.writable:
                    continue
                if g.name not in publishers:
                    self.problem(g.line, f"nobody publishes the table '{g.name}'; "
                                         f"published: {', '.join(sorted(publishers)) or 'none'}")
                    continue
                publisher, published = publishers[g.name]
                g.detail = published.detail
                if publisher is c:
                    self.problem(g.line, f"'{c.name}' reads the table that it publishes itself; remove this line")
                else:
                    self.waits_for[c.name].setdefault(publisher.name, g.line)

    def check_order(self):
        """Sort into start order: as in the file, except that everybody comes behind those it waits for."""
        left, order, done = list(self.system.components), [], set()
        while left:
            ready = next((c for c in left if done >= self.waits_for[c.name].keys()), None)
            if ready is None:
                self.report_cycle(left)
                return
            left.remove(ready)
            order.append(ready)
            done.add(ready.name)
        self.system.components = order

    def report_cycle(self, left):
        names, walk = {c.name for c in left}, [left[0].name]
        while walk.count(walk[-1]) < 2:
            walk.append(next(name for name in self.waits_for[walk[-1]] if name in names))
        walk = walk[walk.index(walk[-1]):]
        line = self.waits_for[walk[0]][walk[1]]
        self.problem(line, f"no start order: each waits for the next to be ready: {' -> '.join(walk)}; "
                           "remove one of these calls, reads or afters")

    def check_memory(self):
        free = self.memory_bytes - self.bundle_bytes - RESERVED_BYTES
        wanted = []
        for c in self.system.components:
            tables = sum(g.detail for g in c.granted(TABLE) if g.writable)
            sizes = sum(size.resolve(max(free, 0)) for size in (c.vault, c.untyped, c.pool))
            by_vault = c.vault.resolve(max(free, 0)) // VAULT_BYTES_A_SLOT
            slots = c.slots or min(max(by_vault, SLOTS_MIN), SLOTS_MAX)
            wanted.append((sizes + tables + slots * SLOT_BYTES, c))
        total = sum(size for size, _ in wanted)
        if total > free:
            largest, c = max(wanted, key=lambda pair: pair[0])
            self.problem(c.line, f"the components want {total >> 20} MiB of memory and {max(free, 0) >> 20} MiB are free "
                                 f"of {self.memory_bytes >> 20} MiB (most goes to '{c.name}': {largest >> 20} MiB); "
                                 "give the machine more with --mem, or lower vault, untyped or pool")
        for c in self.system.components:
            pool = c.pool.resolve(max(free, 0))
            for g in c.granted(FRAMES):
                if g.name == "root.cpio" and 0 < pool < self.bundle_bytes:
                    self.problem(g.line, f"the files take {self.bundle_bytes >> 20} MiB and the pool of '{c.name}' has "
                                         f"{pool >> 20} MiB; add fewer, or give the machine more with --mem")


def check(system, root=None, memory_bytes=0, bundle_bytes=0):
    """Check the rules between components and bring them into start order. Raises ManifestError.

    With root, image folders must exist below it; with memory_bytes, the components must fit beside the bundle.
    """
    checker = Checker(system, root, memory_bytes, bundle_bytes)
    checker.run()
    if checker.problems:
        raise ManifestError(sorted(checker.problems, key=lambda text: int(text.split(":")[1])))
    return system


def load(path, root=None, memory_bytes=0, bundle_bytes=0):
    """parse() and check() in one."""
    return check(parse(path), root, memory_bytes, bundle_bytes)
