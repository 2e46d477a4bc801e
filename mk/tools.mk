# SPDX-License-Identifier: MIT
# Tools, flags and the rules from source to object, shared by the kernel and user code.
#
# A file's flags are those of the top folder it lies in (CFLAGS_kernel, CFLAGS_lib, ...), so that any part's
# objects come from the rules here: path/file.c -> $(BUILD)/obj/path/file.o, path/file.S -> $(BUILD)/obj/path/file.S.o.

CLANG   ?= clang
LLD     ?= ld.lld
LLVM_AR ?= llvm-ar
LLVM_LINK ?= llvm-link
OPT     ?= opt
OBJDUMP ?= llvm-objdump
NM      ?= llvm-nm
PYTHON  ?= python3

TARGET_x86_64 := x86_64-unknown-none-elf

CFLAGS_ALL := --target=$(TARGET_$(ARCH)) -std=c11 -O2 -g -I. -ffreestanding -fno-stack-protector -nostdlib -fno-pic \
	-mno-red-zone -mgeneral-regs-only -fno-strict-aliasing -fomit-frame-pointer -ffunction-sections -fdata-sections \
	-Wall -Wextra -Werror -Wno-unknown-assumption
CFLAGS_kernel  := -mcmodel=kernel -Wconversion -Wshadow -Ikernel/include -Ikernel/arch/$(ARCH)/include
# liblinux lies beyond the reach of 32-bit addresses, and the library is linked into it too.
CFLAGS_lib     := -fpie -fvisibility=hidden -isystem $(BUILD)/uapi
CFLAGS_linux   := $(CFLAGS_lib) -flto -DRT_UTCB_HEADER='"linux/here.h"'
CFLAGS_servers := -isystem $(BUILD)/uapi
CFLAGS_drivers :=
CFLAGS_tests    = $(if $(filter tests/bench/%,$*),$(CFLAGS_bench),-isystem $(BUILD)/uapi)
CFLAGS_fs      := -isystem $(BUILD)/uapi
LDFLAGS_ALL    := -nostdlib -static --gc-sections -z max-page-size=4096 -z noexecstack --no-dynamic-linker --fatal-warnings

# Components are optimised as a whole by the linker, with their part of lib/server: the way through a request crosses many
# small files. Then their stores to the vault, which are undone when a step does not commit (lib/server/vault.h), get notes of
# the old values before them.
NOTES          := $(BUILD)/tools/notes/notes.so
WHOLE_PARTS    := servers/% drivers/% fs/% lib/server/% tests/update/%
CFLAGS_WHOLE   := --target=$(subst unknown-none-elf,unknown-linux-gnu,$(TARGET_$(ARCH))) -fno-pic -flto -fpass-plugin=$(NOTES)
# Not: the library's own hands, and what stores nothing into the vault (answers and statics are not in its logged part).
UNLOGGED_PARTS := servers/guardian/% lib/server/vault% lib/server/attach lib/server/server lib/server/outbox lib/server/batch \
	lib/server/io_credentials lib/server/io_data fs/tmpfs/path
NOTE_PASSES    := notes
# RECOVERY=off: components that do not survive, to measure against (make bench-recovery).
# RECOVERY=checked: ones that look at every store whether its note is there (lib/server/vault_oracle.c).
ifeq ($(RECOVERY),off)
CFLAGS_ALL    += -DRECOVERY_OFF
NOTE_PASSES   :=
endif
ifeq ($(RECOVERY),checked)
CFLAGS_ALL    += -DRECOVERY_CHECKED
NOTE_PASSES   := notes,check-stores
LDFLAGS_WHOLE := --undefined=vault_check_store
endif
cflags_whole = $(if $(filter $(WHOLE_PARTS),$(1)),$(CFLAGS_WHOLE))

# V=1 shows commands; otherwise one line a step: $(call say,VERB,what).
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(2)'
endif

top_folder = $(firstword $(subst /, ,$(1)))
objects_of = $(patsubst %,$(BUILD)/obj/%.o,$(patsubst %.c,%,$(filter-out %_test.c,$(1))))

# Beside every linked image: its symbols and its disassembly. Used at the end of a link rule.
define listings
$(Q)$(NM) --numeric-sort --print-size $@ > $(basename $@).sym
$(Q)$(OBJDUMP) --disassemble --no-show-raw-insn $@ > $(basename $@).asm
endef

MAKE_PARTS := Makefile $(wildcard mk/*.mk)

# Linux's numbers and structures, from Debian's linux-libc-dev; links by name, so that no C library header slips in.
UAPI := $(BUILD)/uapi/linux $(BUILD)/uapi/asm $(BUILD)/uapi/asm-generic
$(UAPI):
	@mkdir -p $(@D)
	$(Q)ln -sfn $(firstword $(wildcard /usr/include/x86_64-linux-gnu/$(@F) /usr/include/$(@F))) $@

$(BUILD)/obj/%.o: %.c $(MAKE_PARTS) | $(UAPI) $(NOTES)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CLANG) $(CFLAGS_ALL) $(CFLAGS_$(call top_folder,$*)) $(call cflags_whole,$*) -MMD -MP -c -o $@ $<
	$(if $(filter $(UNLOGGED_PARTS),$*),$(Q)$(OPT) -load-pass-plugin=$(NOTES) -passes=unlogged -o $@ $@)

$(BUILD)/obj/%.S.o: %.S $(MAKE_PARTS)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CLANG) $(CFLAGS_ALL) $(CFLAGS_$(call top_folder,$*)) -MMD -MP -c -o $@ $<

# The compiler's passes that put notes before stores; loaded into the clang and opt of the same version.
LLVM_INCLUDE := $(shell llvm-config --includedir 2>/dev/null)
$(NOTES): tools/notes/notes.cpp $(MAKE_PARTS)
	@mkdir -p $(@D)
	$(call say,PLUGIN,$@)
	$(Q)$(CLANG)++ -std=c++17 -O1 -fPIC -shared -fno-rtti -Wall -Wextra -Werror -isystem $(LLVM_INCLUDE) -o $@ $<
