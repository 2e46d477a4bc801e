# SPDX-License-Identifier: MIT
# Programs that measure. bench/kernel takes the supervisor's place: its bundle holds nothing else.

CFLAGS_tests := -DRT_UTCB_HEADER='"tests/bench/kernel/here.h"'
BENCH_KERNEL := $(BUILD)/tests/bench/kernel

$(BENCH_KERNEL).elf: $(call objects_of,tests/bench/kernel/main.c) $(COMPONENT_SCRIPT)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LLD) $(LDFLAGS_ALL) -T $(COMPONENT_SCRIPT) -o $@ $(filter %.o,$^)
	$(listings)

$(BENCH_KERNEL).img: $(BENCH_KERNEL).elf
	$(Q)PYTHONPATH=tools $(PYTHON) -B -c 'import sys; from host import image; \
	open("$@", "wb").write(image.bundle([("supervisor", image.flatten("$<"))]))'

.PHONY: bench-kernel
bench-kernel: $(BUILD)/kernel.elf $(BENCH_KERNEL).img ## the kernel's own ways in instructions
	$(Q)timeout 60 qemu-system-x86_64 -accel tcg -M q35 -cpu max -m 512 -display none -no-reboot -debugcon stdio \
	-icount shift=0,sleep=off -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-kernel $(BUILD)/kernel.elf -initrd $(BENCH_KERNEL).img; test $$? -eq 1
