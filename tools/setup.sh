#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing of the tools that Bulkhead is built and run with, from Debian's archive.
#
# usage: tools/setup.sh [GROUP...]     groups: build (always), run, bench, iso, format, gdb
# Costs a few milliseconds when nothing is missing. Without root or sudo it says what to type instead.
set -u

# package:what shows that it is there (a command, or a pattern of files)
build='clang:clang lld:ld.lld llvm:llvm-link llvm-dev:/usr/lib/llvm-*/include/llvm/Passes/PassPlugin.h python3:python3 linux-libc-dev:/usr/include/linux/stat.h
    libc6-dev:/usr/include/stdio.h libclang-rt-14-dev:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-x86_64.a'
run='qemu-system-x86:qemu-system-x86_64'
bench='musl-tools:musl-gcc gcc:gcc'
iso='grub-pc-bin:/usr/lib/grub/i386-pc/multiboot2.mod grub-efi-amd64-bin:/usr/lib/grub/x86_64-efi/multiboot2.mod
    grub-common:grub-mkrescue xorriso:xorriso mtools:mformat ovmf:/usr/share/ovmf/OVMF.fd'
format='clang-format:clang-format'
gdb='gdb:gdb'

is_there() {
    case $1 in
        /*) ls $1 >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing=
for group in build "$@"; do
    eval "entries=\${$group:?is no group of tools}"
    for entry in $entries; do
        is_there "${entry#*:}" || missing="$missing ${entry%%:*}"
    done
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing tools, and no apt-get to install them. Debian's names of the packages are:$missing" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root='sudo -n'
elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
    as_root=sudo
else
    echo "Missing tools. As root, run:  apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

echo "  installing from Debian:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install="$as_root apt-get -q -y --no-install-recommends install $missing"
if ! $install >"$log" 2>&1; then
    $as_root apt-get -q update >"$log" 2>&1
    if ! $install >>"$log" 2>&1; then
        cat "$log" >&2
        echo "Installing failed; the command was: $install" >&2
        exit 1
    fi
fi
