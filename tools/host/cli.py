# SPDX-License-Identifier: MIT
"""The commands of ./bulkhead: their arguments, and what each calls. Messages go to standard error, beginning with
"bulkhead: "; exit status 125 means that the tool itself failed."""

import argparse
import math
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import (bench, bench_cli, console, cpio, debian, elf, faults, graph, guest, image, log, manifest, manifest_check,
               qemu, rootfs, size)

FAILED, TIMED_OUT, INTERRUPTED, NO_READER, TERMINATED = 125, 124, 130, 141, 143

MAX_STDIN_FILE = 16 << 20

RUN_HELP = """examples:
  ./bulkhead run
  ./bulkhead run busybox --mem 64M
  ./bulkhead run --boot 'kill=*@1000000+50000/1'    while components are killed

exit status: what the system gave when it switched itself off; 0 after leaving with Ctrl-A x."""

EXEC_HELP = """examples:
  ./bulkhead exec -- uname -a
  echo hello | ./bulkhead exec -- md5sum
  ./bulkhead exec --add ./a.out:/bin/a.out -- a.out --fast
  ./bulkhead exec --linux -- ls -l /bin     the same on Debian's Linux kernel

exit status: the command's; 128 + n when signal n ended it, 124 after the time limit, 125 when the system or this
tool failed."""


FAULTS_HELP = """examples:
  ./bulkhead faults -n 200 --seed 7
  ./bulkhead faults --kills tmpfs
  ./bulkhead faults --trial sweep:tmpfs:0x400000-0x400800

What is known is kept in build/faults: the same command goes on where it was interrupted.
exit status: 1 when a fault was noticed."""


class UsageError(Exception):
    """The command line asks for something that cannot be."""


class Project:
    """Where things are: the project's root, its build folder, downloads."""

    def __init__(self, root, build):
        self.root = Path(root)
        self.build = Path(build or os.environ.get("BUILD") or self.root / "build")
        if not self.build.is_absolute():
            self.build = self.root / self.build
        self.debian = debian.Debian(self.root / "build/cache")

    def make(self, *targets):
        """Bring what was built up to date, silently unless it fails; whoever set BULKHEAD_BUILT has done so already."""
        if os.environ.get("BULKHEAD_BUILT"):
            return
        # Named as people name it: dependency files hold the name, and make does not know that two are the same folder.
        build = self.relative(self.build) if self.root in self.build.parents else self.build
        result = subprocess.run(["make", "-s", "--no-print-directory", f"BUILD={build}", *targets], cwd=self.root,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", check=False)
        if result.returncode:
            raise UsageError(f"{result.stdout}the build failed")

    def system_path(self, name):
        path = self.root / "systems" / f"{name}.system"
        if not path.exists():
            known = sorted(p.stem for p in path.parent.glob("*.system"))
            raise UsageError(f"there is no system '{name}'; known: {', '.join(known)}")
        return path

    def relative(self, path):
        """A path as people type it from the project's root."""
        return os.path.relpath(path, self.root)


# --- run

def booted(project, arguments, folder):
    """The machine that `run` boots; files that only this run needs go to folder."""
    if arguments.linux and (arguments.iso or arguments.uefi):
        raise UsageError("the ISO image holds Bulkhead, not Linux; leave out --linux, or --iso and --uefi")
    refuse_boot_words(arguments, arguments.linux or arguments.iso or arguments.uefi)
    if arguments.iso or arguments.uefi:
        project.make("iso", f"SYSTEM={arguments.system}")
        return qemu.Machine(iso=str(project.build / "bulkhead.iso"), uefi=arguments.uefi)
    if arguments.linux:
        initrd = Path(folder) / "initrd"
        initrd.write_bytes(rootfs.root_archive(project.root, project.debian.busybox(), "linux").pack())
        return qemu.Machine(str(project.debian.linux()), str(initrd), f"{qemu.LINUX_COMMAND_LINE} rdinit=/sbin/init")
    bundle = Path(folder) / "bundle" if arguments.boot else project.build / f"bundle-{arguments.system}.img"
    arguments.output = bundle
    run_bundle(project, arguments)
    return qemu.Machine(str(project.build / "kernel.elf"), str(bundle))


def refuse_boot_words(arguments, refused):
    """--boot is written into a bundle made for this run."""
    if arguments.boot and refused:
        raise UsageError("--boot is for Bulkhead's own bundle; it goes with neither --linux nor an ISO image")


def run_run(project, arguments):
    with tempfile.TemporaryDirectory(prefix="bulkhead-") as folder:
        machine = booted(project, arguments, folder)
        machine.memory, machine.gdb, machine.icount = arguments.memory, arguments.gdb, arguments.icount
        if sys.stdin.isatty():
            say("Ctrl-A x leaves, Ctrl-A Ctrl-A sends Ctrl-A")
        if arguments.gdb:
            say("waiting for a debugger at 127.0.0.1:1234 (make gdb)")
        running = qemu.Running(machine, folder, 4, log.create(project.build, project.system_path(arguments.system)))
        try:
            console.Console(running.ports[0], escapes=not arguments.linux).run()
            return running.exit_code()
        except console.Leave:
            print(file=sys.stderr)
            return 0
        finally:
            running.kill()


# --- exec

def parse_added(values):
    """The archive of all --add HOSTPATH[:GUESTPATH]."""
    overlay = cpio.Archive(rootfs.MTIME)
    for value in values:
        host_path, colon, guest_path = os.fsencode(value).rpartition(b":")
        if not colon or not guest_path.startswith(b"/"):
            host_path = os.fsencode(value)
            guest_path = b"/" + os.path.basename(os.path.abspath(host_path))
        if not os.path.lexists(host_path):
            raise UsageError(f"--add: there is no '{os.fsdecode(host_path)}'")
        overlay.add_host(host_path, guest_path)
    return overlay


def command_script(arguments):
    """The shell script that runs the command as asked."""
    lines = [b"#!/bin/sh"]
    for setting in arguments.env:
        name, equals, value = os.fsencode(setting).partition(b"=")
        if not equals or not re.fullmatch(rb"[A-Za-z_][A-Za-z0-9_]*", name):
            raise UsageError(f"--env wants NAME=VALUE, not '{setting}'")
        lines.append(b"export " + name + b"=" + guest.quote(value))
    lines.append(b"cd " + guest.quote(os.fsencode(arguments.cwd)) + b" || exit 125")
    lines.append(b"exec " + b" ".join(guest.quote(os.fsencode(word)) for word in arguments.command))
    return b"\n".join(lines) + b"\n"


def as_user(script, overlay, user):
    """A script that runs `script` as another user."""
    overlay.file(".bulkhead/as-user", script, 0o755)
    return b"#!/bin/sh\nexec su -s /.bulkhead/as-user " + guest.quote(os.fsencode(user)) + b"\n"


def writer(stream):
    def write(data):
        stream.buffer.write(data)
        stream.buffer.flush()
    return write


def run_exec(project, arguments):
    if arguments.command[:1] == ["--"]:
        arguments.command = arguments.command[1:]
    if not arguments.command:
        raise UsageError("exec wants a command, behind --")
    refuse_boot_words(arguments, arguments.linux)
    if not arguments.linux:
        project.system_path(arguments.system)
        project.make("world")
    overlay = parse_added(arguments.add)
    script = command_script(arguments)
    if arguments.user:
        script = as_user(script, overlay, arguments.user)
    settings = guest.Settings(project.root, project.build, project.debian, arguments.linux, arguments.system,
                              arguments.memory, arguments.timeout, arguments.icount, boot_words=arguments.boot)
    stdin, stream = None, 0
    if arguments.linux or arguments.icount or is_small_file(0):
        stdin, stream = read_stdin(), None
    run = guest.Guest(settings, guest.Script(script, overlay, stdin))
    return run.run(writer(sys.stdout), writer(sys.stderr), stream)


def is_small_file(descriptor):
    """Whether it is a file that may as well go in as a whole: a serial line carries some KiB a second."""
    info = os.fstat(descriptor)
    return stat.S_ISREG(info.st_mode) and info.st_size <= MAX_STDIN_FILE


def read_stdin():
    """All of standard input; nothing when it is a terminal."""
    return b"" if os.isatty(0) else sys.stdin.buffer.read()


# --- bundle

def run_bundle(project, arguments):
    project.make("world")
    archive = rootfs.root_archive(project.root, project.debian.busybox())
    settings = guest.Settings(project.root, project.build, project.debian, system=arguments.system,
                              memory=arguments.memory)
    project.system_path(arguments.system)
    data = guest.build_bundle(settings, archive, arguments.boot)
    path = Path(arguments.output or project.build / f"bundle-{arguments.system}.img")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)
    return 0


def run_check(project, arguments):
    path = project.system_path(arguments.system)
    system = manifest_check.load(project.relative(path), project.root, qemu.parse_memory(arguments.memory))
    print(f"{project.relative(path)}: {len(system.components)} components, start order: "
          f"{' '.join(c.name for c in system.components)}")
    return 0


# --- looking at things

def until_logged(project, arguments, command_line, done, seconds=60):
    """Boot the system without a user until its log matches `done`; returns the log's text."""
    settings = guest.Settings(project.root, project.build, project.debian, system=arguments.system,
                              memory=getattr(arguments, "memory", "512M"))
    archive = rootfs.root_archive(project.root, project.debian.busybox())
    with tempfile.TemporaryDirectory(prefix="bulkhead-") as folder:
        bundle = Path(folder) / "bundle"
        bundle.write_bytes(guest.build_bundle(settings, archive, command_line))
        path = log.create(project.build, project.system_path(arguments.system))
        machine = qemu.Machine(str(project.build / "kernel.elf"), str(bundle), memory=settings.memory,
                               icount=getattr(arguments, "icount", False))
        running = qemu.Running(machine, folder, guest.N_PORTS, path)
        try:
            deadline = time.monotonic() + seconds
            while not re.search(done, log.read(path)):
                if running.process.poll() is not None or time.monotonic() > deadline:
                    raise UsageError(f"the system did not get that far; its log:\n{log.read(path)}")
                time.sleep(0.1)
            return log.read(path)
        finally:
            running.kill()


def run_caps(project, arguments):
    system = manifest_check.load(project.relative(project.system_path(arguments.system)))
    if arguments.component not in (c.name for c in system.components):
        raise UsageError(f"there is no component '{arguments.component}'; known: "
                         f"{' '.join(c.name for c in system.components)}")
    project.make("world")
    text = until_logged(project, arguments, "caps", r"system ready|exits with")
    for slot, what in re.findall(rf"caps {re.escape(arguments.component)} (\d+) (.*)", text):
        print(f"{slot:>4}  {what}")
    return 0


def run_graph(project, arguments):
    path = project.system_path(arguments.system)
    system = manifest_check.load(project.relative(path))
    target = Path(arguments.output or project.build / f"{arguments.system}.svg")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(graph.svg(system))
    print(target)
    return 0


def run_size(project, arguments):
    idle = None
    if (project.build / "kernel.elf").exists():
        settings = guest.Settings(project.root, project.build, project.debian, memory=size.IDLE_MACHINE)
        run, ledger = guest.Guest(settings, guest.Script(b"cat /proc/bulkhead/ledger\n", stdin=b"")), bytearray()
        run.run(ledger.extend, writer(sys.stderr))
        archive = rootfs.root_archive(project.root, project.debian.busybox())
        idle = size.idle_memory(log.read(run.log), ledger.decode(), len(archive.pack()))
    return 0 if size.report(project.build, idle) else 1


def run_log(project, arguments):
    path = project.build / "log/last"
    if not path.exists():
        raise UsageError("nothing has run yet")
    if not arguments.follow:
        sys.stdout.write(log.read(path))
        return 0
    try:
        for text in log.follow(path):
            sys.stdout.write(text)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0


# --- faults

def run_faults(project, arguments):
    project.make("world")
    return faults.run(project, arguments, say)


# --- the command line

def memory_option(parser):
    parser.add_argument("--mem", dest="memory", default="512M", metavar="SIZE", help="the machine's memory (512M)")


def icount_option(parser):
    parser.add_argument("--icount", action="store_true", help="deterministic: virtual time counts instructions")


def seconds(text):
    """The value of --timeout."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no time to wait; write seconds, like 60 or 0.5")
    return value


def boot_option(parser):
    parser.add_argument("--boot", default="", metavar="WORDS", help="add to Bulkhead's boot command line, like kill=tty@500000+9000")


def system_argument(parser):
    parser.add_argument("system", nargs="?", default="busybox", metavar="SYSTEM", help="systems/SYSTEM.system (busybox)")


class Parser(argparse.ArgumentParser):
    """A wrong command line is a failure of this tool: 2 may be the guest command's own status."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"bulkhead: {message}\n")


def add_command(commands, name, run, text, epilog=None):
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=epilog,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=run)
    return parser


def build_parser():
    parser = Parser(prog="./bulkhead", description="Run and examine Bulkhead in QEMU.",
                                     epilog="./bulkhead COMMAND --help tells about one.")
    parser.add_argument("--build", metavar="DIR", help="where things were built (build, or $BUILD)")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    p = add_command(commands, "run", run_run, "boot a system; this terminal becomes its console", RUN_HELP)
    system_argument(p)
    memory_option(p)
    p.add_argument("--iso", action="store_true", help="boot the ISO image from a CD by BIOS, as a real machine would")
    p.add_argument("--uefi", action="store_true", help="boot the ISO image from a CD by UEFI")
    p.add_argument("--linux", action="store_true", help="boot Debian's Linux kernel with the same files, to compare")
    icount_option(p)
    boot_option(p)
    p.add_argument("--gdb", action="store_true", help="wait for a debugger at 127.0.0.1:1234 before the first instruction")

    p = add_command(commands, "exec", run_exec, "run one Linux command and exit with its status", EXEC_HELP)
    p.add_argument("--add", action="append", default=[], metavar="PATH[:GUESTPATH]",
                   help="put a file or directory of this machine in, owned by root")
    p.add_argument("--system", default="busybox", help="systems/SYSTEM.system (busybox)")
    p.add_argument("--linux", action="store_true", help="on Debian's Linux kernel instead, to compare")
    memory_option(p)
    p.add_argument("--timeout", type=seconds, default=60, metavar="SECONDS", help="exit with 124 after that long (60)")
    icount_option(p)
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="set a variable for the command")
    p.add_argument("--cwd", default="/", metavar="DIR", help="where the command starts (/)")
    p.add_argument("--user", help="who runs it (root)")
    boot_option(p)
    p.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ARG...", help="what to run")

    p = add_command(commands, "bench", bench_cli.run, "count the instructions of Linux programs, here and on Linux", bench_cli.HELP)
    bench_cli.options(p)

    p = add_command(commands, "graph", run_graph, "draw a system: who can reach whom, who holds which hardware",
                    "example:\n  ./bulkhead graph busybox -o busybox.svg")
    system_argument(p)
    p.add_argument("-o", dest="output", metavar="FILE.svg", help="where to (build/SYSTEM.svg)")

    p = add_command(commands, "caps", run_caps, "boot a system and print the capabilities that a component starts with",
                    "example:\n  ./bulkhead caps uart0")
    p.add_argument("component", metavar="COMPONENT", help="its name in the system file")
    p.add_argument("--system", default="busybox", help="systems/SYSTEM.system (busybox)")

    add_command(commands, "size", run_size, "code lines and bytes against their budgets",
                "exit status: 1 when a budget is exceeded.")

    p = add_command(commands, "faults", run_faults, "inject faults while programs work; whoever notices one is told",
                    FAULTS_HELP)
    p.add_argument("components", nargs="*", default=faults.COMPONENTS, metavar="COMPONENT",
                   help=f"whose faults ({' '.join(faults.COMPONENTS)})")
    p.add_argument("--kills", action="store_true", help="end them at every instruction, instead of random faults")
    p.add_argument("--every", action="store_true", help="while programs ask for all that servers have a handler for")
    p.add_argument("--kinds", metavar="KIND,...", help="only these kinds of faults (all); docs/faults.md")
    p.add_argument("-n", type=int, default=0, metavar="N", help="how many trials (500; with --kills all)")
    p.add_argument("--seed", type=int, default=1, help="of the choice (1)")
    p.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N, which are tried elsewhere")
    p.add_argument("-j", "--jobs", type=int, default=0, metavar="N", help="how many machines at a time (one a CPU)")
    p.add_argument("--trial", action="append", metavar="NAME", help="just this trial, again")
    p.add_argument("--trace", action="store_true",
                   help="with --trial: programs log each Linux call; ./bulkhead log shows them")

    p = add_command(commands, "log", run_log, "what the kernel and the components of the last run logged")
    p.add_argument("-f", "--follow", action="store_true", help="go on as more is logged, until Ctrl-C")

    p = add_command(commands, "bundle", run_bundle, "build the boot bundle of a system")
    system_argument(p)
    memory_option(p)
    boot_option(p)
    p.add_argument("-o", dest="output", metavar="FILE", help="where to (build/bundle-SYSTEM.img)")

    p = add_command(commands, "check", run_check, "check a system file")
    system_argument(p)
    memory_option(p)
    return parser


def say(text):
    print("\n".join(f"bulkhead: {line}" for line in str(text).splitlines()), file=sys.stderr, flush=True)


def main(root, argv=None):
    """Run one command; returns the exit status."""
    arguments = build_parser().parse_args(argv)
    # As an exception, so that the machine ends and the terminal is restored.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        return arguments.run(Project(root, arguments.build), arguments)
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except manifest.ManifestError as error:
        print(error, file=sys.stderr)
        return FAILED
    except guest.TimedOut as error:
        say(error)
        return TIMED_OUT
    except (UsageError, argparse.ArgumentTypeError, bench.BenchError, faults.CampaignError, guest.GuestError,
            qemu.QemuError, debian.PackageError, image.ImageError, elf.ElfError, ValueError, OSError) as error:
        say(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED

