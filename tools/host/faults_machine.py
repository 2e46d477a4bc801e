# SPDX-License-Identifier: MIT
"""A machine in which faults are injected: tests/faults/campaign.c runs in it and carries out one row of orders after another.

Once the undisturbed work has been seen, the machine's whole state is saved, and every row begins with it: what comes of
one depends on no other. Orders and what is told of them pass over the campaign's desk in guest memory while the machine
stands still (gdb.py), so that neither how fast this host is nor what else runs here has a part in what happens. Within a row
it never stands still, since QEMU forgets all that it has translated whenever it does, half of a trial's cost.
"""

import re
import selectors
import shutil
import tempfile
from pathlib import Path

from . import cpio, elf, gdb, guest, log, qemu, qmp, rootfs

LIMIT = 6           # seconds of the machine's time without a word from the guest, or another order in the log
LOOK_EVERY = 0.25   # seconds of ours, whether it will speak at all
GIVEN_UP = "out of service"
ORDER = re.compile(r"^proc: fault \d+: ", re.MULTILINE)
OVER = re.compile(r"^proc: fault \d+: \S+ clear ", re.MULTILINE)  # the order behind each trial
ENDS_MACHINE = ("the first process has ended", "restarting the machine", " the machine, as ")  # whoever says so, the kernel lives
KERNEL_ENDS = (0, 127)  # exit codes: of a reset, and of a panic (EXIT_PANIC); a supervisor gone wrong may end in any
MEMORY = "128M"     # enough for the work, and quick to restore
PROGRAM_ADDRESS = 0x70000000  # of the campaign's program: no other has text there
STATE = "base"
ORDERS_BYTES, LENGTH_BYTES = 4096, 8  # of struct desk (campaign.c)


class MachineError(guest.GuestError):
    """The undisturbed work fails already; the text says how."""


class Lost(Exception):
    """The machine has not come to the end of a trial; `outcome` says in which way."""

    def __init__(self, outcome, why):
        super().__init__(why)
        self.outcome = outcome


class Stopped(Exception):
    """The campaign is to end at once."""


class Machine:
    """One machine, booted when it is used first and again when it has ended."""

    def __init__(self, settings, programs, scripts, stop):
        """Paths of the programs, the campaign's first, and of the scripts, the one to be run first. `stop`: an event; once it is
        set, what goes on ends by Stopped."""
        settings.memory = MEMORY
        self.stop = stop
        overlay = cpio.Archive(rootfs.MTIME)
        for folder, paths in (("bin", programs), ("campaign", scripts)):
            for path in paths:
                overlay.file(f"{folder}/{path.name}", path.read_bytes(), 0o755)
        script = guest.Script(f"#!/bin/sh\nexec campaign /campaign/{scripts[0].name}\n".encode(), overlay, b"")
        self.settings, self.guest = settings, guest.Guest(settings, script)
        symbols = elf.Elf(programs[0]).symbols()
        self.desk, self.turn_at = symbols["desk"], symbols["desk_turn"]
        self.qemu = self.gdb = self.qmp = self.folder = None
        self.log_at, self.is_sweep = 0, False

    def close(self):
        if self.qemu:
            self.qemu.kill()
            self.gdb.close()
            self.qmp.close()
            shutil.rmtree(self.folder)
            self.qemu = None

    def _boot(self):
        """Until the undisturbed work has been seen; this state is saved."""
        self.folder = tempfile.mkdtemp(prefix="bulkhead-")
        self.log = log.create(self.settings.build, self.settings.system_path)
        machine = self.guest.machine(self.folder)
        self.gdb, self.qmp = gdb.Gdb(self.folder), qmp.Qmp(self.folder)
        machine.extra = (*machine.extra, *self.gdb.arguments, *self.qmp.arguments)
        self.qemu = qemu.Running(machine, self.folder, guest.N_PORTS, self.log)
        self.gdb.accept()
        self.qmp.accept()
        self.gdb.break_at(self.turn_at)
        try:
            self._run()
        except Lost as lost:
            raise MachineError(f"{lost}\n{self.log_text()}") from lost
        text = self._told()
        if not all(word in text for word in ("work=same", "status=0 ", "settled=yes")):
            raise MachineError(f"without faults already: {text}\n{self.log_text()}")
        self.qmp.save(STATE)

    def row(self, orders):
        """Carry orders out one behind the other, from the saved state: (values by name, text) of each up to the first behind
        which not all was as before; of that one, the text says what. No values: the campaign itself has failed, a program
        like the others. Raises Lost."""
        if not self.qemu or self.qemu.process.poll() is not None:
            self.close()
            self._boot()
        else:
            self.qmp.restore(STATE)
        self.log_at = self.log.stat().st_size
        self.is_sweep = any(words in order for order in orders for words in (" sweep ", " cover "))
        try:
            self.gdb.write(self.desk, "\n".join(orders).encode() + b"\0")
            self.gdb.go_to(self.turn_at + 1)
            self._run()
            text = self._told()
        except (gdb.Ended, ConnectionError):
            raise self._ended() from None
        if text.startswith("work="):  # of the undisturbed work
            raise Lost("down", f"all programs were lost and have begun anew\n{text}")
        told = []
        while text.startswith("state="):
            line, _, text = text.partition("\n")
            told.append((dict(pair.partition("=")[::2] for pair in line.split(" ")), ""))
        if text.startswith("campaign: "):
            return [*told, ({}, text)]
        if not told:
            raise Lost("silent damage", f"the campaign told nonsense\n{text}")
        return [*told[:-1], (told[-1][0], text)]

    def n_over(self):
        """How many trials of the row are over, by the log."""
        return len(OVER.findall(self.log_text()))

    def _ended(self):
        code = self.qemu.exit_code()
        is_told = any(words in self.log_text() for words in ENDS_MACHINE)
        return Lost("down" if is_told or code not in KERNEL_ENDS else "kernel panic", f"the machine has ended (exit code {code})")

    def log_text(self):
        """What was logged since the row began."""
        with open(self.log, "rb") as file:
            file.seek(self.log_at)
            return log.name_components(self.log, file.read().decode(errors="replace"))

    def _told(self):
        at = self.desk + ORDERS_BYTES
        length = int.from_bytes(self.gdb.read(at, LENGTH_BYTES), "little")
        return self.gdb.read(at + LENGTH_BYTES, length).decode(errors="replace")

    def _run(self):
        """Until the campaign stands at its desk."""
        self.end, self.logged = self.qmp.seconds() + LIMIT, 0
        self.gdb.resume()
        with selectors.DefaultSelector() as selector:
            for port in self.qemu.ports:  # what they carry is of no interest, but must not dam up
                selector.register(port, selectors.EVENT_READ)
            selector.register(self.gdb.socket, selectors.EVENT_READ)
            try:
                while not self.stop.is_set():
                    for key, _ in selector.select(LOOK_EVERY):
                        if key.fileobj is self.gdb.socket:
                            if self.gdb.wait(0):
                                return
                        elif not guest.receive(key.fileobj):
                            selector.unregister(key.fileobj)
                    self._look()
            except gdb.Ended:
                raise self._ended() from None
        raise Stopped

    def _look(self):
        """Will it come to its end? Orders are logged; a sweep takes long where a place is reached once in a heartbeat, but each
        death is logged. The wait is over when a component was given up."""
        text, now = self.log_text(), self.qmp.seconds()
        given_up = GIVEN_UP in text
        signs = len(text) if self.is_sweep else len(ORDER.findall(text))
        if now is not None and signs > self.logged:
            self.end, self.logged = now + LIMIT, signs
        if now is None or (now < self.end and not given_up):
            return
        self.gdb.interrupt()
        while not self.gdb.wait(None):
            pass
        raise Lost("down" if given_up else "hang", "the machine has fallen silent")
