# SPDX-License-Identifier: MIT
"""From power on to the prompt: how long it takes, and from a CD by either firmware."""

import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from test_terminal import BOOT_SECONDS, PROMPT, Session  # noqa: E402

BOOTS = 5
FIRMWARE_SECONDS = 120  # OVMF alone takes ten seconds on an idle machine


def kept_waiting(pid):
    """Seconds that a process and its children were ready to run while this machine ran others."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        total += int((thread / "schedstat").read_text().split()[1]) / 1e9
        total += sum(kept_waiting(child) for child in (thread / "children").read_text().split())
    return total


def boot(*options, seconds=BOOT_SECONDS):
    """Seconds from the start of ./bulkhead run to the prompt, at which a command works: by the clock, and less what
    other programs of this machine took."""
    began = time.monotonic()
    session = Session(*options)
    try:
        session.expect(PROMPT, seconds)
        took = time.monotonic() - began
        own = took - kept_waiting(session.child)
        answer = session.command(b"echo $((6 * 7))")
    finally:
        session.close()
    if answer != b"42":
        raise AssertionError(f"at the prompt: {answer!r}")
    return took, own


class Boot(unittest.TestCase):
    def test_the_prompt_comes_within_a_second(self):
        boots = [boot() for _ in range(BOOTS)]
        took, own = (min(times) for times in zip(*boots))
        print(f"# prompt {took:.2f} s after the start of ./bulkhead run, {own:.2f} s on an idle machine", flush=True)
        self.assertLess(own, 1)

    def test_a_cd_boots_by_bios(self):
        boot("--iso", seconds=FIRMWARE_SECONDS)

    def test_a_cd_boots_by_uefi(self):
        boot("--uefi", seconds=FIRMWARE_SECONDS)


if __name__ == "__main__":
    unittest.main()
