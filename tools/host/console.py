# SPDX-License-Identifier: MIT
"""The interactive terminal of `./bulkhead run`: this terminal in raw mode, connected to the guest's COM1.

Keys reach the guest as they are, except Ctrl-A, as in QEMU: Ctrl-A x leaves, Ctrl-A Ctrl-A sends one Ctrl-A. On the
line to Bulkhead the byte 0xFF is an escape: FF FF is FF itself, FF 'W' and four bytes (rows, columns, 16 bits each, low
byte first) tell the size of the window; the console of the tty server decodes them.
"""

import fcntl
import os
import select
import signal
import struct
import sys
import termios
import tty

CTRL_A = 0x01
ESCAPE = b"\xff"


class Leave(Exception):
    """The user asked to leave."""


class Console:
    """One session. `port` is the socket of COM1; `escapes` says whether the guest knows the 0xFF escape."""

    def __init__(self, port, escapes):
        self.port, self.escapes = port, escapes
        self.after_ctrl_a = False
        self.guest_speaks = False
        self.input, self.output = sys.stdin.fileno(), sys.stdout.fileno()

    def run(self):
        """Until the guest closes its side. Raises Leave. The terminal is as before on return."""
        if not os.isatty(self.input):
            self._serve(self._send)
            return
        saved = termios.tcgetattr(self.input)
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        old_handler = signal.signal(signal.SIGWINCH, lambda *_: os.write(wake_write, b"w"))
        try:
            tty.setraw(self.input)
            self._serve(self._typed, wake_read)
        finally:
            termios.tcsetattr(self.input, termios.TCSADRAIN, saved)
            signal.signal(signal.SIGWINCH, old_handler)
            os.close(wake_read)
            os.close(wake_write)

    def _serve(self, typed, resized=None):
        sources = [self.port, self.input] + ([resized] if resized is not None else [])
        while True:
            for source in select.select(sources, [], [])[0]:
                if source is self.port:
                    if not self._show():
                        return
                elif source == resized:
                    os.read(resized, 64)
                    self._send_size()
                elif data := os.read(self.input, 4096):
                    typed(data)
                else:
                    sources.remove(self.input)

    def _show(self):
        try:
            data = self.port.recv(1 << 16)
        except ConnectionError:
            data = b""
        rest = data
        while rest:
            rest = rest[os.write(self.output, rest):]
        # Not before the guest's driver is up: it would lose what comes early.
        if data and not self.guest_speaks:
            self.guest_speaks = True
            self._send_size()
        return bool(data)

    def _typed(self, data):
        """Bytes from a terminal: look for Ctrl-A."""
        passed = bytearray()
        for byte in data:
            if self.after_ctrl_a:
                self.after_ctrl_a = False
                if byte in b"xX":
                    raise Leave
                if byte in (CTRL_A, ord("a")):
                    passed.append(CTRL_A)
            elif byte == CTRL_A:
                self.after_ctrl_a = True
            else:
                passed.append(byte)
        self._send(bytes(passed))

    def _send(self, data):
        self._write(data.replace(ESCAPE, ESCAPE * 2) if self.escapes else data)

    def _send_size(self):
        if self.escapes and self.guest_speaks and os.isatty(self.output):
            rows, columns = struct.unpack("HHHH", fcntl.ioctl(self.output, termios.TIOCGWINSZ, bytes(8)))[:2]
            self._write(ESCAPE + b"W" + struct.pack("<HH", rows, columns))

    def _write(self, data):
        try:
            self.port.sendall(data)
        except ConnectionError:
            pass  # the machine has ended; the reading side notices
