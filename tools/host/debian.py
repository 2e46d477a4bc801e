# SPDX-License-Identifier: MIT
"""Debian packages as a source of files: downloaded by apt-get, unpacked into the cache, never installed.

The system's package lists are used when they know the package, else lists of our own, fetched beside the download, so
that neither root nor a change to the system is needed.
"""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path


class PackageError(Exception):
    """A package could not be had; the text says what was tried."""


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


class Debian:
    """Packages of this machine's Debian release, cached in a folder."""

    def __init__(self, cache):
        self.cache = Path(cache)

    def tree(self, package, members):
        """The folder that holds the unpacked `members` (tar patterns) of a package; downloads it the first time."""
        folder = self.cache / package
        if not folder.is_dir():
            deb = self._download(package)
            partial = self.cache / f"{package}.partial"
            subprocess.run(["rm", "-rf", partial], check=True)
            partial.mkdir(parents=True)
            source = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "-C", partial, "--wildcards", *members], stdin=source.stdout, check=True)
            source.communicate()
            (partial / "package").write_text(deb.name + "\n")
            os.rename(partial, folder)
            deb.unlink()
        return folder

    def busybox(self):
        """Path of Debian's static busybox."""
        return self.tree("busybox-static", ["./bin/busybox"]) / "bin/busybox"

    def linux(self):
        """Path of the kernel image of Debian's Linux for virtual machines."""
        folder = self.cache / "linux-image-cloud-amd64"
        if not folder.is_dir():
            name = self._dependency("linux-image-cloud-amd64", r"linux-image-[0-9.-]+-cloud-amd64")
            os.symlink(self.tree(name, ["./boot/vmlinuz-*", "./boot/config-*"]).name, folder)
        return next((folder / "boot").glob("vmlinuz-*"))

    def source(self, package):
        """The folder with the unpacked source package: upstream's files and debian/."""
        folder = self.cache / f"{package}-source"
        if not folder.is_dir():
            progress(f"fetching the source of {package} from Debian")
            partial = (self.cache / f"{package}-source.partial").resolve()
            subprocess.run(["rm", "-rf", partial], check=True)
            partial.mkdir(parents=True)
            options = self._source_lists()
            for command in (["update"], ["source", "--download-only", package]):
                result = subprocess.run(["apt-get", "-q", *options, *command], cwd=partial, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                if result.returncode:
                    raise PackageError(f"'apt-get {' '.join(command)}' failed:\n{result.stdout}".rstrip())
            for path in [*partial.glob("*.orig.tar.*"), *partial.glob("*.debian.tar.*")]:
                with tarfile.open(path) as tar:  # knows bzip2 and xz without their programs
                    tar.extractall(partial)
                path.unlink()
            os.rename(partial, folder)
        return folder

    def _source_lists(self):
        """apt options for lists of our own, with the sources of every archive that this machine knows of Debian's."""
        state = (self.cache / "apt-source").resolve()
        for name in ("parts", "lists/partial", "archives/partial"):
            (state / name).mkdir(parents=True, exist_ok=True)
        for path in (state / "parts").glob("*"):
            path.unlink()  # the machine's list may have gone
        system = Path("/etc/apt")
        for path in [system / "sources.list", *(system / "sources.list.d").glob("*")]:
            if path.suffix in (".list", ".sources") and path.is_file():
                text = path.read_text(errors="replace")
                text = re.sub(r"^deb(?=[ \t])", "deb-src", text, flags=re.MULTILINE)
                text = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE)
                (state / "parts" / path.name).write_text(text)
        return ["-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={state}/parts",
                "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}", "-o", "APT::Sandbox::User="]

    def _apt(self, *arguments, private):
        options = ["-q", "-o", "APT::Sandbox::User="]
        if private:
            state = self.cache / "apt"
            (state / "lists/partial").mkdir(parents=True, exist_ok=True)
            (state / "archives/partial").mkdir(parents=True, exist_ok=True)
            options += ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}"]
        return subprocess.run([arguments[0], *options, *arguments[1:]], cwd=self.cache, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def _ask(self, *arguments):
        """Run an apt command; a second time with lists of our own when the system's do not help."""
        self.cache.mkdir(parents=True, exist_ok=True)
        self.cache = self.cache.resolve()
        result = self._apt(*arguments, private=False)
        if result.returncode:
            progress("fetching Debian's package lists")
            update = self._apt("apt-get", "update", private=True)
            result = self._apt(*arguments, private=True)
            if result.returncode:
                raise PackageError(f"'{' '.join(arguments)}' failed; is Debian's archive reachable?\n"
                                   f"{update.stdout}{result.stdout}".rstrip())
        return result.stdout

    def _dependency(self, package, pattern):
        match = re.search(r"Depends: (%s)$" % pattern, self._ask("apt-cache", "depends", package), re.MULTILINE)
        if not match:
            raise PackageError(f"{package} depends on no package like {pattern}")
        return match[1]

    def _download(self, package):
        progress(f"fetching {package} from Debian")
        self._ask("apt-get", "download", package)
        debs = sorted(self.cache.glob(f"{package}_*.deb"))
        if not debs:
            raise PackageError(f"apt-get downloaded no {package}")
        return debs[-1]
