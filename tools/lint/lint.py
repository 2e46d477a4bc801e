# SPDX-License-Identifier: MIT
"""The rules on the source that a machine checks. Prints TAP: one test a rule, with each breach as path:line: what."""

import re
import subprocess
import sys

import paths
import source

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
TOP_FOLDERS = ("abi", "protocols", "kernel", "lib", "servers", "drivers", "fs", "linux")
# Whose headers a part may include, beside its own. Everything points towards abi.
MAY_INCLUDE = {
    "abi": (), "protocols": ("abi",), "kernel": ("abi",), "lib": ("abi", "protocols"),
    "servers": ("abi", "protocols", "lib"), "drivers": ("abi", "protocols", "lib"), "fs": ("abi", "protocols", "lib"),
    "linux": ("abi", "protocols", "lib"),
}
COMPONENT_PARTS = {"servers": 2, "drivers": 3, "fs": 2}  # how many folders deep one component is
ARCHITECTURE = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*\b(?:__x86_64__|__aarch64__|__riscv\w*|__amd64__|ARCH_(?:X86|ARM|RISCV)\w*)",
                          re.MULTILINE)
SPDX_FILES = ("*.c", "*.cpp", "*.h", "*.S", "*.def", "*.ld", "*.mk", "*.py", "*.sh", "Makefile", "bulkhead", "tests/run", ".ci/run")
SPDX_LINES = 3
HEADER_EXEMPT = ("abi/errors.def", "abi/objects.def")  # lists: their first line says what they hold


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def top(path):
    return path.split("/")[0]


def component(path):
    depth = COMPONENT_PARTS[top(path)]
    return "/".join(path.split("/")[:depth])


def check_includes():
    """Includes point one way: abi <- kernel; abi, protocols <- lib <- servers, drivers, fs, linux."""
    for path in source.files(*(f"{folder}/*.[chS]" for folder in TOP_FOLDERS)):
        text = source.without_comments(source.read(path))
        for match in INCLUDE.finditer(text):
            target, own = match[1], top(path)
            where = f"{path}:{line_of(text, match.start())}"
            if top(target) not in TOP_FOLDERS or "/" not in target:
                continue
            if top(target) != own and top(target) not in MAY_INCLUDE[own]:
                yield f"{where}: {own} must not include {target}"
            elif own in COMPONENT_PARTS and top(target) == own and component(path) != component(target):
                yield f"{where}: a component includes another's header, {target}; use its protocol"


def check_architecture():
    """Generic code has no architecture conditionals."""
    for path in source.files("*.c", "*.h", "*.S"):
        if path.startswith("kernel/arch/"):
            continue
        text = source.without_comments(source.read(path))
        for match in ARCHITECTURE.finditer(text):
            yield f"{path}:{line_of(text, match.start())}: architecture conditional; put it behind arch.h"


def check_paths():
    """The @path marks are complete and docs/paths.md is current."""
    yield from paths.problems()


def check_spdx():
    """Every source file names its licence in its first lines."""
    for path in source.files(*SPDX_FILES):
        if path not in HEADER_EXEMPT and "SPDX-License-Identifier: MIT" not in "\n".join(source.read(path).splitlines()[:SPDX_LINES]):
            yield f"{path}:1: no 'SPDX-License-Identifier: MIT' line"


def check_readmes():
    """Every folder of sources has a README.md, in itself or, for parts of one thing, in the folder above it."""
    folders = {path.rsplit("/", 1)[0] for path in source.files(*(f"{folder}/*.c" for folder in TOP_FOLDERS))}
    for folder in sorted(folders):
        here = source.ROOT / folder
        if not any((place / "README.md").exists() for place in (here, here.parent) if place != source.ROOT):
            yield f"{folder}:1: no README.md"


def check_layout():
    """All C files are laid out by .clang-format."""
    try:
        command = ["clang-format", "--dry-run", *source.files("*.c", "*.h")]
        told = subprocess.run(command, cwd=source.ROOT, stderr=subprocess.PIPE, text=True, check=False).stderr
    except FileNotFoundError:
        yield "clang-format is missing: tools/setup.sh format"
        return
    for where in re.findall(r"^(\S+:\d+):\d+: warning: ", told, re.MULTILINE):
        yield f"{where}: run make format"


RULES = (check_includes, check_architecture, check_paths, check_spdx, check_readmes, check_layout)


def main():
    failed = 0
    for number, rule in enumerate(RULES, 1):
        breaches = list(rule())
        failed += bool(breaches)
        print(f"{'not ok' if breaches else 'ok'} {number} - {rule.__doc__.strip()}")
        for breach in breaches:
            print(f"  {breach}")
    print(f"1..{len(RULES)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
