# SPDX-License-Identifier: MIT
"""QEMU's control port: what time it is in the machine, and its whole state saved and brought back."""

import calendar
import json
import socket
import struct

CLUSTER = 1 << 16


def empty_disk(path):
    """A qcow2 file of one cluster, without data: QEMU keeps saved states in such files and nowhere else."""
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, CLUSTER, 0, 1, 3 * CLUSTER, CLUSTER, 1, 0, 0)
    with open(path, "wb") as file:  # header, table of reference counts, the counts, first-level table
        file.write(header.ljust(CLUSTER, b"\0") + struct.pack(">Q", 2 * CLUSTER).ljust(CLUSTER, b"\0")
                   + struct.pack(">4H", 1, 1, 1, 1).ljust(2 * CLUSTER, b"\0"))


class Qmp:
    """A connection, prepared in this folder before QEMU starts, which gets `arguments`."""

    def __init__(self, folder):
        empty_disk(f"{folder}/states")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/control")
        self.listener.listen(1)
        self.arguments = ("-chardev", f"socket,id=control,path={folder}/control", "-mon", "chardev=control,mode=control",
                          "-drive", f"if=none,format=qcow2,file={folder}/states")
        self.lines = None

    def accept(self):
        self.listener.settimeout(10)
        connection = self.listener.accept()[0]
        connection.setblocking(True)
        self.listener.close()
        self.lines = connection.makefile("rw")
        self._execute("qmp_capabilities")

    def close(self):
        self.lines.close()

    def _execute(self, command, **arguments):
        """The command's answer, None when QEMU is gone."""
        try:
            self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.lines.flush()
            for line in self.lines:  # events and the greeting come between
                message = json.loads(line)
                if "error" in message:
                    raise ValueError(f"{command}: {message['error']['desc']}")
                if "return" in message:
                    return message["return"]
        except ConnectionError:
            pass
        return None

    def _monitor(self, line):
        """A command for people, which has nothing to say unless it fails."""
        if complaint := self._execute("human-monitor-command", **{"command-line": line}):
            raise ValueError(f"{line}: {complaint.strip()}")

    def save(self, name):
        self._monitor(f"savevm {name}")

    def restore(self, name):
        self._monitor(f"loadvm {name}")

    def seconds(self):
        """The machine's own time, by its clock chip; None when it is gone."""
        date = self._execute("qom-get", path="/machine", property="rtc-time")
        return date and calendar.timegm((date["tm_year"] + 1900, date["tm_mon"] + 1, date["tm_mday"], date["tm_hour"],
                                         date["tm_min"], date["tm_sec"]))
