# SPDX-License-Identifier: MIT
# x86-64: the kernel's ELF file (PVH and multiboot2 in one) and the bootable CD image.

ARCH_FOLDER    := kernel/arch/x86_64
KERNEL_SOURCES ?= $(wildcard kernel/entry/*.c kernel/object/*.c kernel/sched/*.c kernel/mm/*.c kernel/core/*.c)
KERNEL_OBJECTS := $(call objects_of,$(KERNEL_SOURCES) \
	$(filter-out %/offsets.c,$(wildcard $(ARCH_FOLDER)/*.c $(ARCH_FOLDER)/*.S)))
KERNEL_OFFSETS := $(BUILD)/kernel/offsets.h

# Optimised as a whole when linked: the ways through the core cross many small files.
CFLAGS_kernel += -I$(BUILD)/kernel -flto -fomit-frame-pointer -mstack-alignment=8

# Offsets for the assembler files: the compiler writes "@set NAME, value" strings, sed takes out all else.
$(KERNEL_OFFSETS): $(ARCH_FOLDER)/offsets.c \
		$(wildcard abi/*.h kernel/include/*.h $(ARCH_FOLDER)/*.h $(ARCH_FOLDER)/include/*.h)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(CLANG) $(CFLAGS_ALL) $(CFLAGS_kernel) -fno-lto -S -o - $< | sed -n 's/.*"@\(set .*\)"/.\1/p' > $@

$(call objects_of,$(wildcard $(ARCH_FOLDER)/*.S)): $(KERNEL_OFFSETS)

# Linked twice: the names of all functions are taken from a first link and go behind the read-only data of the second,
# so that no function moves.
$(BUILD)/kernel/unnamed.elf: $(KERNEL_OBJECTS) $(BUILD)/kernel/no_symbols.o $(ARCH_FOLDER)/kernel.ld
	$(Q)$(LLD) $(LDFLAGS_ALL) -T $(ARCH_FOLDER)/kernel.ld -o $@ $(filter %.o,$^)

$(BUILD)/kernel.elf: $(KERNEL_OBJECTS) $(BUILD)/kernel/symbols.o $(ARCH_FOLDER)/kernel.ld
	$(call say,LINK,$@)
	$(Q)$(LLD) $(LDFLAGS_ALL) -T $(ARCH_FOLDER)/kernel.ld -o $@ $(filter %.o,$^)
	$(listings)

$(BUILD)/kernel/symbols.S: $(BUILD)/kernel/unnamed.elf $(ARCH_FOLDER)/symbols.awk
	$(Q)$(NM) --numeric-sort $< | awk -f $(ARCH_FOLDER)/symbols.awk > $@

$(BUILD)/kernel/no_symbols.S: $(ARCH_FOLDER)/symbols.awk
	@mkdir -p $(@D)
	$(Q)awk -f $(ARCH_FOLDER)/symbols.awk < /dev/null > $@

$(BUILD)/kernel/%.o: $(BUILD)/kernel/%.S
	$(Q)$(CLANG) $(CFLAGS_ALL) $(CFLAGS_kernel) -c -o $@ $<

# A CD image for machines and firmware that do not start an ELF file: GRUB, by BIOS and by UEFI.
$(BUILD)/bulkhead.iso: $(BUILD)/kernel.elf $(BUILD)/bundle.img $(ARCH_FOLDER)/grub.cfg
	$(call say,ISO,$@)
	$(Q)mkdir -p $(BUILD)/iso/boot/grub
	$(Q)cp $(BUILD)/kernel.elf $(BUILD)/bundle.img $(BUILD)/iso/boot
	$(Q)cp $(ARCH_FOLDER)/grub.cfg $(BUILD)/iso/boot/grub
	$(Q)grub-mkrescue -o $@ $(BUILD)/iso 2> $(BUILD)/iso.log || { cat $(BUILD)/iso.log; false; }
