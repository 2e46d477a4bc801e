# SPDX-License-Identifier: MIT
"""QEMU's debugger port: stop a machine at an instruction, look into its memory and change it.

The machine stands still whenever the debugger is asked something; under -icount all that is done here therefore happens
between two instructions, the same ones in each run. Addresses are those of the space that the CPU is in.
"""

import select
import socket
import struct

PIECE = 1024  # bytes of memory in a packet
PC = 16       # number of the program counter


class Ended(Exception):
    """QEMU has closed the port."""


class Gdb:
    """A connection, prepared in this folder before QEMU starts, which gets `arguments`. The machine stands still but between
    resume() and the stop that wait() tells of, from the start on."""

    def __init__(self, folder):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/gdb")
        self.listener.listen(1)
        self.arguments = ("-S", "-chardev", f"socket,id=gdb,path={folder}/gdb", "-gdb", "chardev:gdb")
        self.socket, self.held = None, b""

    def accept(self):
        self.listener.settimeout(10)
        self.socket = self.listener.accept()[0]
        self.listener.close()
        self._ask(b"qXfer:features:read:target.xml:0,1")  # single registers can be set only by those who asked for their names

    def close(self):
        self.socket.close()

    def _send(self, text):
        self.socket.sendall(b"$%s#%02x" % (text, sum(text) & 0xff))

    def _packet(self):
        """The next packet of those that have arrived, None when it is not whole."""
        start = self.held.find(b"$")
        end = self.held.find(b"#", start)
        if start < 0 or end < 0 or len(self.held) < end + 3:
            return None
        packet, self.held = self.held[start + 1:end], self.held[end + 3:]
        self.socket.sendall(b"+")
        return packet

    def _fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            raise Ended
        self.held += data

    def _receive(self):
        while (packet := self._packet()) is None:
            self._fill()
        return packet

    def _ask(self, text):
        self._send(text)
        answer = self._receive()
        if answer.startswith(b"E") or not answer:
            raise ValueError(f"the debugger port refuses {text[:40]!r}: {answer.decode()}")
        return answer

    def read(self, address, n):
        return b"".join(bytes.fromhex(self._ask(b"m%x,%x" % (at, min(PIECE, address + n - at))).decode())
                        for at in range(address, address + n, PIECE))

    def write(self, address, data):
        self._ask(b"M%x,%x:%s" % (address, len(data), data.hex().encode()))

    def go_to(self, address):
        self._ask(b"P%x=%s" % (PC, struct.pack("<Q", address).hex().encode()))

    def break_at(self, address):
        self._ask(b"Z0,%x,1" % address)

    def resume(self):
        self._send(b"c")

    def interrupt(self):
        self.socket.sendall(b"\x03")

    def wait(self, seconds):
        """Whether the machine is found to have stopped, after at most this time. Raises Ended when it is gone."""
        if self._packet() is None:
            if not select.select([self.socket], [], [], seconds)[0]:
                return False
            self._fill()
            return self._packet() is not None
        return True
