# SPDX-License-Identifier: MIT
"""QEMU's command line for a machine that boots Bulkhead or Debian's Linux.

The machine has four serial ports: COM1 is the console, COM2 to COM4 are the streams of `exec`. Each is a unix socket
that we listen on and QEMU connects to, so that no byte is lost at either end. The kernel's debug port goes to a file.
COM3 and COM4 have interrupt lines of their own: QEMU's ports lose edges when two share one.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

SERIAL_PORTS = ((0x3F8, 4), (0x2F8, 3), (0x3E8, 5), (0x2E8, 7))  # I/O port, interrupt line
DETERMINISTIC = ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01T00:00:00,clock=vm"]
LINUX_COMMAND_LINE = "console=ttyS0 quiet panic=-1 tsc=reliable"


class QemuError(Exception):
    """QEMU could not be started or connected to."""


@dataclass
class Machine:
    """What to boot. `kernel` and `initrd` are paths; an `iso` is booted instead of them, by BIOS or by UEFI."""
    kernel: str = ""
    initrd: str = ""
    command_line: str = ""
    iso: str = ""
    uefi: bool = False
    memory: str = "512M"
    cpu: str = "max"
    icount: bool = False
    gdb: bool = False
    extra: tuple = ()


def parse_memory(text):
    """'256M' as bytes."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = (text[:-1], text[-1].upper()) if text and text[-1].upper() in units else (text, "M")
    if not number.isdigit() or int(number) == 0:
        raise ValueError(f"'{text}' is no amount of memory; write it like 256M")
    return int(number) * units[unit]


def command(machine, sockets, debug_log):
    """The command line; `sockets` are the paths for COM1.., debug_log is the file for the debug port."""
    line = ["qemu-system-x86_64", "-no-user-config", "-accel", "tcg", "-M", "q35", "-cpu", machine.cpu,
            "-m", f"{parse_memory(machine.memory) >> 20}M", "-nodefaults", "-display", "none", "-no-reboot",
            "-debugcon", f"file:{debug_log}", "-device", "isa-debug-exit,iobase=0xf4"]
    for n, path in enumerate(sockets):
        port, irq = SERIAL_PORTS[n]
        line += ["-chardev", f"socket,id=com{n + 1},path={path}",
                 "-device", f"isa-serial,index={n},iobase={port:#x},irq={irq},chardev=com{n + 1}"]
    if machine.iso:
        line += ["-cdrom", machine.iso] + (["-bios", uefi_firmware()] if machine.uefi else [])
    else:
        line += ["-kernel", machine.kernel, "-initrd", machine.initrd]
        if machine.command_line:
            line += ["-append", machine.command_line]
        if qboot := quick_firmware():
            line += ["-bios", qboot]
    if machine.icount:
        line += DETERMINISTIC
    if machine.gdb:
        line += ["-S", "-gdb", "tcp:127.0.0.1:1234"]
    return line + list(machine.extra)


def quick_firmware():
    """The small firmware that starts a kernel at once, if QEMU brings it; it cannot boot from disks."""
    path = Path("/usr/share/qemu/qboot.rom")
    return str(path) if path.exists() else ""


def uefi_firmware():
    path = Path("/usr/share/ovmf/OVMF.fd")
    if not path.exists():
        raise QemuError(f"there is no {path}; run tools/setup.sh iso")
    return str(path)


def die_with_parent():
    """In the child: be killed when this thread of the host command dies, however it dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Running:
    """A QEMU process with its serial ports connected: `ports` are sockets for COM1.. ."""

    def __init__(self, machine, folder, n_ports, debug_log):
        if not shutil.which("qemu-system-x86_64"):
            raise QemuError("qemu-system-x86_64 is not installed; run tools/setup.sh run")
        paths = [os.path.join(folder, f"com{n + 1}") for n in range(n_ports)]
        listeners = []
        for path in paths:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(1)
            listeners.append(listener)
        self.errors = open(os.path.join(folder, "qemu.err"), "w+b")
        self.process = subprocess.Popen(command(machine, paths, debug_log), stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors, start_new_session=True,
                                        preexec_fn=die_with_parent)
        self.ports = [self._accept(listener) for listener in listeners]

    def _accept(self, listener):
        listener.settimeout(0.1)
        for _ in range(100):
            try:
                port = listener.accept()[0]
            except socket.timeout:
                if self.process.poll() is not None:
                    break
                continue
            listener.close()
            return port
        self.kill()
        raise QemuError(f"QEMU did not start: {self.error_text() or 'no reason given'}")

    def error_text(self):
        """What QEMU itself had to say."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace").strip()

    def kill(self):
        """End QEMU at once, if it still runs; returns its exit status."""
        if self.process.poll() is None:
            self.process.kill()
        return self.process.wait()

    def exit_code(self):
        """The guest's exit code once QEMU has ended: isa-debug-exit turns a code into code << 1 | 1."""
        status = self.process.wait()
        return status >> 1 if status > 0 and status & 1 else status
