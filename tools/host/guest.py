# SPDX-License-Identifier: MIT
"""A system booted to run one script: `./bulkhead exec`, and many test cases in one go.

Files are laid over the root archive; /.bulkhead/init (tools/guest/init) is process 1 there. Streams: COM2 carries
standard input to the guest (DLE escapes: DLE DLE is DLE itself, DLE 'E' the end of the input) and standard output
back, COM3 standard error, COM4 "ready" and then the exit status as text. Input is not sent before the guest is ready,
since what comes before its driver does is lost. Both outputs end in a mark that nobody else knows, so that
the host notices a lost byte and can end the machine without waiting for it to shut down.
"""

import os
import re
import secrets
import selectors
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import image, log, manifest, manifest_check, mutations, qemu, rootfs

DLE = b"\x10"
READY = b"ready"
N_PORTS = 4
LINUX_PREPARE = """mount -t proc proc /proc
for n in 0 1 2; do stty -F /dev/stream$n raw -echo clocal 115200; done
"""


class GuestError(Exception):
    """The system did not do its part: no boot, a panic, lost bytes. The text says what is known."""


class TimedOut(GuestError):
    """The time limit passed before the command ended."""


@dataclass
class Script:
    """What to run: `command` is the text of a shell script; `files` is laid over the root archive."""
    command: bytes
    overlay: object = None       # cpio.Archive
    stdin: bytes = None          # as a file, instead of the stream
    settings: str = ""


@dataclass
class Settings:
    """How to run it."""
    root: Path
    build: Path
    debian: object               # debian.Debian
    linux: bool = False
    system: str = "busybox"
    memory: str = "512M"
    timeout: float = 60
    icount: bool = False
    cpu: str = "max"
    linux_options: str = ""      # more for Linux's command line
    extra: tuple = field(default_factory=tuple)
    sites: object = None         # image's name -> bytes for the bundle: where instructions begin (faults)
    boot_words: str = ""         # added to Bulkhead's command line

    @property
    def system_path(self):
        return self.root / "systems" / f"{self.system}.system"


def quote(word):
    """A word of bytes as the shell reads it."""
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


class Tail:
    """A stream that ends in a mark: passes everything before it to `sink`, at once unless it may begin the mark."""

    def __init__(self, sink, mark):
        self.sink, self.mark = sink, mark
        self.held = b""
        self.complete = False

    def feed(self, data):
        data = self.held + data
        if data.endswith(self.mark):
            self.complete = True
            data, self.held = data[:-len(self.mark)], self.mark
        else:
            keep = next(n for n in range(min(len(self.mark), len(data)), -1, -1) if data.endswith(self.mark[:n]))
            data, self.held = data[:len(data) - keep], data[len(data) - keep:]
        if data:
            self.sink(data)

    def finish(self):
        """The stream is over: what was held back was no mark."""
        if not self.complete and self.held:
            self.sink(self.held)


def build_bundle(settings, archive, command_line):
    """The boot bundle of settings.system with this root archive, as bytes."""
    memory = qemu.parse_memory(settings.memory)
    archive = archive.copy()
    mutations.add_tables(archive, settings.build, manifest_check.load(settings.system_path))
    packed = archive.pack()
    system = manifest_check.load(settings.system_path, settings.root, memory, len(packed))
    return image.system_bundle(settings.build, system, manifest.compile_system(system), packed, command_line,
                               settings.sites)


class Guest:
    """One boot. run() does everything; it can be called once."""

    def __init__(self, settings, script):
        self.settings, self.script = settings, script
        self.kind = "linux" if settings.linux else "bulkhead"
        started = time.monotonic()
        self.remaining = lambda: started + settings.timeout - time.monotonic()  # seconds; the caller may know better
        self.mark = b"\x10end 0000000000000000\n" if settings.icount else f"\x10end {secrets.token_hex(8)}\n".encode()

    def archive(self):
        archive = rootfs.root_archive(self.settings.root, self.settings.debian.busybox(), self.kind)
        if self.script.overlay:
            for path, entry in self.script.overlay.entries.items():
                archive.add(path, entry)
        prepare = LINUX_PREPARE if self.settings.linux else ""
        mark = "".join(f"\\{byte:03o}" for byte in self.mark)
        archive.file(".bulkhead/settings", f"{prepare}{self.script.settings}MARK=$(printf '{mark}.')\nMARK=${{MARK%.}}\n")
        archive.file(".bulkhead/init", (self.settings.root / "tools/guest/init").read_bytes(), 0o755)
        archive.file(".bulkhead/command", self.script.command, 0o755)
        if self.script.stdin is not None:
            archive.file(".bulkhead/stdin", self.script.stdin)
        return archive

    def machine(self, folder):
        settings = self.settings
        initrd = os.path.join(folder, "initrd")
        if settings.linux:
            Path(initrd).write_bytes(self.archive().pack())
            kernel = str(settings.debian.linux())
            command_line = f"{qemu.LINUX_COMMAND_LINE} {settings.linux_options} rdinit=/.bulkhead/init"
        else:
            Path(initrd).write_bytes(build_bundle(settings, self.archive(),
                                                        f"init=/.bulkhead/init {settings.boot_words}".strip()))
            kernel, command_line = str(settings.build / "kernel.elf"), ""
        return qemu.Machine(kernel, initrd, command_line, memory=settings.memory, cpu=settings.cpu,
                            icount=settings.icount, extra=settings.extra)

    def run(self, stdout, stderr, stdin=None):
        """Boot, run, end. The sinks get bytes as they come; stdin is a file descriptor. Returns the exit status."""
        self.log = log.create(self.settings.build, self.settings.system_path)
        with tempfile.TemporaryDirectory(prefix="bulkhead-") as folder:
            self.qemu = qemu.Running(self.machine(folder), folder, N_PORTS, self.log)
            try:
                return self._serve(stdout, stderr, stdin)
            finally:
                self.qemu.kill()

    def _serve(self, stdout, stderr, stdin):
        console, stream0, stream1, stream2 = self.qemu.ports
        tails = {stream0: Tail(stdout, self.mark), stream1: Tail(stderr, self.mark)}
        status, console_text = b"", b""
        feeder = threading.Thread(target=feed_stdin, args=(stdin, stream0), daemon=True)
        with selectors.DefaultSelector() as selector:
            for port in self.qemu.ports:
                selector.register(port, selectors.EVENT_READ)
            while selector.get_map():
                events = selector.select(max(0, self.remaining()))
                if not events and self.remaining() <= 0:
                    self._finish(tails)
                    raise TimedOut(f"time limit of {self.settings.timeout:g} s passed")
                for key, _ in events:
                    data = receive(key.fileobj)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj in tails:
                        tails[key.fileobj].feed(data)
                    elif key.fileobj is stream2:
                        status += data
                        if stdin is not None and READY in status and not feeder.ident:
                            feeder.start()
                    else:
                        console_text += data
                if status.count(b"\n") == 2 and all(tail.complete for tail in tails.values()):
                    return self._status(status)
        self._finish(tails)
        raise GuestError(self._why(console_text))

    def _finish(self, tails):
        for tail in tails.values():
            tail.finish()

    def _status(self, text):
        match = re.fullmatch(rb"ready\nexit (\d+)\n", text)
        if not match:
            raise GuestError(f"the guest's exit status is not readable: {text!r}")
        return int(match[1])

    def _why(self, console_text):
        """The machine ended before the command did."""
        code = self.qemu.exit_code()
        lines = [f"the system ended before the command did (exit code {code})"]
        lines += [self.qemu.error_text()]
        for name, text in (("log", log.read(self.log)), ("console", console_text.decode(errors="replace"))):
            last = text.strip().splitlines()[-15:]
            lines += [f"--- end of the {name}:"] + last if last else []
        return "\n".join(line for line in lines if line)


def receive(port):
    try:
        return port.recv(1 << 16)
    except ConnectionError:
        return b""


def feed_stdin(descriptor, port):
    """Pass a file descriptor's bytes to the guest, then the end of the input."""
    try:
        while data := os.read(descriptor, 1 << 14):
            port.sendall(data.replace(DLE, DLE + DLE))
        port.sendall(DLE + b"E")
    except OSError:
        pass  # the machine has ended, or our own input cannot be read: there is nobody to tell
