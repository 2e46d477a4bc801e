# SPDX-License-Identifier: MIT
# x86-64: the kernel's ELF file (PVH and multiboot2 in one) and the bootable CD image.

ARCH_FOLDER    := kernel/arch/x86_64
KERNEL_SOURCES ?= $(wildcard kernel/entry/*.c kernel/object/*.c kernel/sched/*.c kernel/mm/*.c kernel/core/*.c)
KERNEL_OBJECTS := $(call objects_of,$(KERNEL_SOURCES) \
	$(filter-out %/offsets.c,$(wildcard $(ARCH_FOLDER)/*.c $(ARCH_FOLDER)/*.S)))
KERNEL_OFFSETS := $(BUILD)/kernel/offsets.h

CFLAGS_kernel += -I$(BUILD)/kernel

# Offsets for the assembler files: the compiler writes "@define NAME value" strings, sed makes them a header.
$(KERNEL_OFFSETS): $(ARCH_FOLDER)/offsets.c $(wildcard abi/*.h kernel/include/*.h $(ARCH_FOLDER)/*.h $(ARCH_FOLDER)/include/*.h)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(CLANG) $(CFLAGS_ALL) $(CFLAGS_kernel) -S -o - $< | sed -n 's/.*"@\(define .*\)"/#\1/p' > $@

$(call objects_of,$(wildcard $(ARCH_FOLDER)/*.S)): $(KERNEL_OFFSETS)

$(BUILD)/kernel.elf: $(KERNEL_OBJECTS) $(ARCH_FOLDER)/kernel.ld
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LLD) $(LDFLAGS_ALL) -T $(ARCH_FOLDER)/kernel.ld -o $@ $(KERNEL_OBJECTS)
	$(listings)

# A CD image for machines and firmware that do not start an ELF file: GRUB, by BIOS and by UEFI.
$(BUILD)/bulkhead.iso: $(BUILD)/kernel.elf $(BUILD)/bundle.img $(ARCH_FOLDER)/grub.cfg
	$(call say,ISO,$@)
	$(Q)mkdir -p $(BUILD)/iso/boot/grub
	$(Q)cp $(BUILD)/kernel.elf $(BUILD)/bundle.img $(BUILD)/iso/boot
	$(Q)cp $(ARCH_FOLDER)/grub.cfg $(BUILD)/iso/boot/grub
	$(Q)grub-mkrescue -o $@ $(BUILD)/iso 2> $(BUILD)/iso.log || { cat $(BUILD)/iso.log; false; }
