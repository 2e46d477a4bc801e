# SPDX-License-Identifier: MIT
"""Hot updates from inside the guest: a new version goes on with the files of the old one, and one that fails its trial
gives way to the old one within the request that showed it (tests/update)."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("BUILD") or "build")
sys.path.insert(0, str(ROOT / "tools"))

from host import image  # noqa: E402

# Before the update a file is opened and written to; after it the same descriptors are used and all files compared.
SCRIPT = """
mkdir /tmp/u && cd /tmp/u || exit
seq 1 5000 > numbers; md5sum numbers > sums; for i in 1 2 3 4 5 6 7 8; do echo $i > f$i; ln f$i g$i; done
exec 3< numbers 4> log; read first <&3; echo before >&4
[ ! -s /new.img ] || cat /new.img > /proc/bulkhead/image || exit
echo "tmpfs $1" > /proc/bulkhead/update
for i in 1 2 3 4 5; do usleep 1000; echo $i > h$i || exit; done
usleep 500000
read second <&3; echo after >&4
echo "$first $second"; cat log; md5sum -c sums; cat f* h* | tr -d '\\n'; echo; stat -c %h g5; ls | wc -l; stat -c %a /
"""
EXPECTED = "1 2\nbefore\nafter\nnumbers: OK\n1234567812345\n2\n24\n755\n"


def update(variant, what="staged"):
    """Run the script with the image of this variant; its output and what was logged."""
    with tempfile.TemporaryDirectory() as folder:
        new, script = Path(folder, "new.img"), Path(folder, "update.sh")
        new.write_bytes(image.flatten(BUILD / f"tests/update/{variant}.elf") if variant else b"")
        script.write_text(SCRIPT)
        result = subprocess.run([sys.executable, ROOT / "bulkhead", "--build", BUILD, "exec", "--icount", "--timeout", "60",
                                 "--add", f"{new}:/new.img", "--add", f"{script}:/update.sh", "--", "sh", "/update.sh", what],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                check=False)
    return result.stdout, result.stderr + (BUILD / "log/last").read_text(errors="replace")


class Update(unittest.TestCase):
    def test_a_new_version_with_another_layout_goes_on(self):
        output, log = update("next")
        self.assertEqual(output, EXPECTED, log)
        self.assertIn("migrated from version", log)
        self.assertIn("tmpfs: the new version serves", log)

    def test_a_new_version_that_faults_gives_way_within_the_request(self):
        output, log = update("broken")
        self.assertEqual(output, EXPECTED, log)
        self.assertIn("migrated from version", log)
        self.assertIn("tmpfs: the new version has failed its trial", log)

    def test_a_new_version_that_hangs_gives_way_within_the_request(self):
        output, log = update("hanging")
        self.assertEqual(output, EXPECTED, log)
        self.assertIn("tmpfs: the new version has failed its trial", log)

    def test_a_planned_restart_is_an_update_to_the_same(self):
        output, log = update(None, "same")
        self.assertEqual(output, EXPECTED, log)
        self.assertIn("tmpfs ended by plan", log)


if __name__ == "__main__":
    unittest.main()
