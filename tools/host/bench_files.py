# SPDX-License-Identifier: MIT
"""Files that the works of bench_work.py need beside busybox, always the same: trees, and programs from Debian's packages."""

import random

TREE = "/usr/src/tree"
DIRECTORIES, FILES = 50, 100  # of each directory
PROJECT = "/usr/src/project"
SOURCES = 20

LIBRARIES = ("./lib/*", "./lib64/*")
USR_LIBRARIES = ("./usr/lib/x86_64-linux-gnu/*",)
GCC = "./usr/lib/gcc/x86_64-linux-gnu/12"
PYTHON = {
    "libc6": LIBRARIES, "zlib1g": ("./lib/*",), "libexpat1": ("./lib/*",), "python3.11-minimal": ("./usr/bin/*",),
    "libpython3.11-minimal": ("./usr/lib/*",), "libpython3.11-stdlib": ("./usr/lib/*",),
}
COMPILER = {
    "libc6": LIBRARIES, "zlib1g": ("./lib/*",), "libgcc-s1": ("./lib/*",), "make": ("./usr/bin/make",),
    "gcc-12": ("./usr/bin/x86_64-linux-gnu-gcc-12", f"{GCC}/collect2", f"{GCC}/liblto_plugin.so", f"{GCC}/lto-wrapper"),
    "cpp-12": (f"{GCC}/cc1",), "libgcc-12-dev": (f"{GCC}/*.o", f"{GCC}/libgcc*", f"{GCC}/include/std*"),
    "libc6-dev": ("./usr/include/*", "./usr/lib/x86_64-linux-gnu/*.o", "./usr/lib/x86_64-linux-gnu/libc[._]*"),
    "binutils-x86-64-linux-gnu": ("./usr/bin/x86_64-linux-gnu-as", "./usr/bin/x86_64-linux-gnu-ld*"),
    "libbinutils": USR_LIBRARIES, "libctf0": USR_LIBRARIES, "libgmp10": USR_LIBRARIES, "libmpfr6": USR_LIBRARIES,
    "libmpc3": USR_LIBRARIES, "libisl23": USR_LIBRARIES, "libzstd1": USR_LIBRARIES, "libjansson4": USR_LIBRARIES,
}


def add_packages(archive, debian, packages):
    """Lay the members ({package: tar patterns}) of Debian's packages over an archive."""
    for package, members in packages.items():
        for path in sorted(debian.tree(package, members).iterdir()):
            if path.is_dir():
                archive.add_host(str(path), path.name)


def tree(archive, _debian):
    """Text in 5,000 files."""
    source = random.Random(1)
    archive.directory(TREE[1:], 0o755)
    for d in range(DIRECTORIES):
        folder = f"{TREE[1:]}/folder-{d}"
        archive.directory(folder, 0o755)
        for f in range(FILES):
            n = source.randrange(20, 200)
            text = "".join(f"line {line} has the word {source.randrange(10000)} in it\n" for line in range(n))
            archive.file(f"{folder}/file-{f}.txt", text.encode())


def python(archive, debian):
    """Python and its library."""
    add_packages(archive, debian, PYTHON)
    archive.symlink("usr/bin/python3", "python3.11")


def compiler(archive, debian):
    """gcc, make, and a program to be built: sources of a few functions each, a header, a Makefile."""
    add_packages(archive, debian, COMPILER)
    archive.symlink("usr/bin/gcc", "x86_64-linux-gnu-gcc-12")
    for name in ("as", "ld"):
        archive.symlink(f"usr/bin/{name}", f"x86_64-linux-gnu-{name}")
    numbers = range(SOURCES)
    head = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include \"parts.h\"\n\n"
    for n in numbers:
        archive.file(f"{PROJECT[1:]}/part{n}.c", head + PART.replace("@", str(n)))
    archive.file(f"{PROJECT[1:]}/parts.h", "".join(f"unsigned part{n}(unsigned n);\n" for n in numbers))
    calls = "".join(f"    sum += part{n}({n + 2});\n" for n in numbers)
    archive.file(f"{PROJECT[1:]}/main.c", f"{head}int main(void)\n{{\n    unsigned sum = 0;\n{calls}"
                                          f"    printf(\"%u\\n\", sum);\n    return 0;\n}}\n")
    objects = " ".join(f"part{n}.o" for n in numbers)
    archive.file(f"{PROJECT[1:]}/Makefile", f"program: main.o {objects}\n\tgcc -o $@ $^\n"
                                            f"%.o: %.c parts.h\n\tgcc -O1 -Wall -c -o $@ $<\n")


PART = """struct item@ {
    char name[16];
    unsigned value;
};

static int compare@(const void *a, const void *b)
{
    return strcmp(((const struct item@ *)a)->name, ((const struct item@ *)b)->name);
}

static void fill@(struct item@ *items, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        items[i].value = i * i + @;
        snprintf(items[i].name, sizeof items[i].name, "item %u", (i * 7919 + @) % 1000);
    }
}

unsigned part@(unsigned n)
{
    unsigned sum = 0;
    struct item@ *items = calloc(n, sizeof *items);
    if (!items) return 0;
    fill@(items, n);
    qsort(items, n, sizeof *items, compare@);
    for (unsigned i = 0; i < n; i++) sum += items[i].value * (i + 1);
    free(items);
    return sum;
}
"""
