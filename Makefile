# SPDX-License-Identifier: MIT
# Bulkhead's build. `make help` lists the targets; what they do with QEMU is the host command's work (./bulkhead).
#
# Sources are found by folder, nothing is listed by hand:
#   lib/*/            user library          -> $(BUILD)/lib.a
#   servers/* drivers/*/* fs/*  components  -> $(BUILD)/<folder>.elf  (the supervisor is servers/supervisor)
#   linux/            the Linux personality -> $(BUILD)/liblinux.elf
#   kernel/           by kernel/arch/<arch>/arch.mk -> $(BUILD)/kernel.elf, $(BUILD)/bulkhead.iso
# Files named *_test.c are host unit tests and belong to no image. V=1 shows the commands, BUILD=dir builds elsewhere.

ARCH   ?= x86_64
BUILD  ?= build
SYSTEM ?= busybox

all: world

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

include mk/setup.mk
include mk/tools.mk
include mk/user.mk
-include kernel/arch/$(ARCH)/arch.mk
-include kernel/arch/host/host.mk
include mk/unit.mk
-include tests/bench/bench.mk
include mk/tasks.mk

# Everything that the sources give: all images, with their .sym and .asm.
.PHONY: all world
world: $(BUILD)/kernel.elf $(COMPONENT_ELFS) $(COMPONENT_FAULTS) $(LIBLINUX_ELF)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
