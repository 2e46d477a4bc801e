# SPDX-License-Identifier: MIT
# User code: the library, one ELF a component folder, and liblinux.

LIB_SOURCES       := $(wildcard lib/*/*.c lib/*/*.S)
COMPONENT_FOLDERS := $(sort $(patsubst %/,%,$(dir $(wildcard servers/*/main.c drivers/*/*/main.c fs/*/main.c tests/*/main.c tests/update/*/main.c))))
COMPONENT_ELFS    := $(COMPONENT_FOLDERS:%=$(BUILD)/%.elf)
LINUX_SOURCES     := $(wildcard linux/*.c linux/*.S)
LIBLINUX_ELF      := $(if $(LINUX_SOURCES),$(BUILD)/liblinux.elf)
COMPONENT_SCRIPT  := mk/component.ld

$(BUILD)/lib.a: $(call objects_of,$(LIB_SOURCES))
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(LLVM_AR) rcs $@ $^

# Images for tests of updates: another main.c around tmpfs's own.
$(foreach folder,$(patsubst %/,%,$(dir $(wildcard tests/update/*/main.c))),$(eval PARTS_$(folder) := $(filter-out fs/tmpfs/main.c,$(wildcard fs/tmpfs/*.c))))

define link
$(Q)$(LLD) $(LDFLAGS_ALL) -T $(COMPONENT_SCRIPT) -o $@ $(1)
endef

# What is to be optimised as a whole becomes one object, which gets its notes; the rest is machine code already.
define link_whole
$(Q)$(LLD) $(LDFLAGS_ALL) -T $(COMPONENT_SCRIPT) $(LDFLAGS_WHOLE) --save-temps -o $(basename $@).whole $(1)
$(Q)mv $(basename $@).whole.0.5.precodegen.bc $(basename $@).whole.bc && rm $(basename $@).whole $(basename $@).whole.*.*.bc $(basename $@).whole.resolution.txt $(basename $@).whole.lto.o
$(Q)$(OPT) $(if $(NOTE_PASSES),-load-pass-plugin=$(NOTES) -passes=$(NOTE_PASSES)) -o $(basename $@).noted.bc $(basename $@).whole.bc
$(Q)$(CLANG) $(filter-out -MMD -I%,$(CFLAGS_ALL)) $(filter-out -fpass-plugin=%,$(CFLAGS_WHOLE)) -fno-lto -Xclang -disable-llvm-passes -c -o $(basename $@).o $(basename $@).noted.bc
$(Q)$(LLD) $(LDFLAGS_ALL) -T $(COMPONENT_SCRIPT) -o $@ $(basename $@).o $(filter %.S.o %.a,$(1))
endef

# One rule a component: its folder's objects, those of other folders it is made of, then what it needs of the library.
define component
$(BUILD)/$(1).elf: $(call objects_of,$(wildcard $(1)/*.c $(1)/*.S) $(PARTS_$(1))) $(BUILD)/lib.a $(COMPONENT_SCRIPT) $(NOTES)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(call $(if $(filter $(WHOLE_PARTS),$(1)/),link_whole,link),$$(filter %.o,$$^) $$(BUILD)/lib.a)
	$$(listings)
endef

# What `fault` in a running system can do to it.
$(BUILD)/%.faults: $(BUILD)/%.elf tools/host/mutations.py tools/host/sites.py
	$(call say,FAULTS,$@)
	$(Q)PYTHONPATH=tools $(PYTHON) -B -m host.mutations $(BUILD) $* > $@
COMPONENT_FAULTS := $(COMPONENT_ELFS:.elf=.faults)
$(foreach folder,$(COMPONENT_FOLDERS),$(eval $(call component,$(folder))))

# Optimised as a whole: the way through a call crosses many small files. Not by the linker, which would not keep -fpie.
$(BUILD)/liblinux.o: $(call objects_of,$(filter %.c,$(LINUX_SOURCES)))
	$(Q)$(LLVM_LINK) -o $(@:.o=.bc) $^
	$(Q)$(CLANG) $(filter-out -MMD -I%,$(CFLAGS_ALL)) -fpie -c -x ir -o $@ $(@:.o=.bc)

# The vDSO is a library of its own, linked for itself and carried in liblinux's text.
$(BUILD)/obj/linux/vdso/vdso.o: linux/vdso/vdso.c $(MAKE_PARTS) | $(UAPI)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CLANG) $(filter-out -fno-pic,$(CFLAGS_ALL)) -fpic -fvisibility=hidden -isystem $(BUILD)/uapi -MMD -MP -c -o $@ $<

$(BUILD)/vdso.so: $(BUILD)/obj/linux/vdso/vdso.o linux/vdso/vdso.ld
	$(call say,LINK,$@)
	$(Q)$(LLD) -shared -Bsymbolic --no-undefined --hash-style=both -soname=linux-vdso.so.1 -z max-page-size=4096 -z noexecstack \
		--fatal-warnings --strip-all -T linux/vdso/vdso.ld -o $@ $<

$(BUILD)/obj/linux/vdso.S.o: $(BUILD)/vdso.so
$(BUILD)/obj/linux/vdso.S.o: CFLAGS_linux += -DVDSO_FILE='"$(BUILD)/vdso.so"'

$(BUILD)/liblinux.elf: $(BUILD)/liblinux.o $(call objects_of,$(filter %.S,$(LINUX_SOURCES))) $(BUILD)/lib.a linux/liblinux.ld
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LLD) $(LDFLAGS_ALL) -T linux/liblinux.ld -o $@ $(filter %.o,$^) $(BUILD)/lib.a
	$(listings)

# The page of Linux calls, generated from their list.
.PHONY: status
status: linux/STATUS.md ## regenerate the list of implemented Linux calls
linux/STATUS.md: linux/syscalls.def tools/gen/linux_status.py | $(UAPI)
	$(Q)$(PYTHON) tools/gen/linux_status.py $< $(BUILD)/uapi/asm/unistd_64.h $@
