# SPDX-License-Identifier: MIT
# Programs that measure. bench/kernel takes the supervisor's place: its bundle holds nothing else.

CFLAGS_bench := -DRT_UTCB_HEADER='"tests/bench/kernel/here.h"'
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

# The benchmark of Linux calls, a static Linux program for each C library, and QEMU's counting plugin (tools/qemu).
BENCH_LINUX_SOURCES := $(wildcard tests/bench/linux/*.c)
BENCH_LINUX         := $(BUILD)/tests/bench/linux-musl $(BUILD)/tests/bench/linux-glibc
BENCH_LINUX_FLAGS   := -std=gnu11 -O2 -static -pthread -Wall -Wextra -Werror -Wno-missing-field-initializers
COUNT_PLUGIN        := $(BUILD)/tools/qemu/count.so

$(BUILD)/tests/bench/linux-musl: $(BENCH_LINUX_SOURCES) tests/bench/linux/bench.h
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)musl-gcc $(BENCH_LINUX_FLAGS) -o $@ $(BENCH_LINUX_SOURCES)

$(BUILD)/tests/bench/linux-glibc: $(BENCH_LINUX_SOURCES) tests/bench/linux/bench.h
	@mkdir -p $(@D)
	$(call say,GLIBC,$@)
	$(Q)$(CLANG) $(BENCH_LINUX_FLAGS) -o $@ $(BENCH_LINUX_SOURCES)

$(COUNT_PLUGIN): $(wildcard tools/qemu/*.c tools/qemu/*.h)
	@mkdir -p $(@D)
	$(call say,PLUGIN,$@)
	$(Q)$(CLANG) -std=c11 -D_GNU_SOURCE -O2 -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror -Wshadow -o $@ $(filter %.c,$^)

.PHONY: bench-programs
bench-programs: $(BENCH_LINUX) $(COUNT_PLUGIN)

.PHONY: bench bench-check
bench: world bench-programs ## Linux programs' calls in instructions, here and on Linux
	@$(HOST) bench

# The same programs on components that survive their death and on ones that do not.
.PHONY: bench-recovery
bench-recovery: world bench-programs ## what it costs a Linux program that servers can be killed at any time
	$(Q)$(MAKE) -s BUILD=$(BUILD)/mortal RECOVERY=off world bench-programs
	$(Q)$(HOST) bench --on bulkhead --json $(BUILD)/recovery-on.json > /dev/null
	$(Q)BUILD=$(BUILD)/mortal BULKHEAD_BUILT=1 ./bulkhead bench --on bulkhead --json $(BUILD)/recovery-off.json > /dev/null
	$(Q)PYTHONPATH=tools $(PYTHON) -B -m host.bench_recovery $(BUILD)/recovery-on.json $(BUILD)/recovery-off.json

bench-check: world bench-programs ## fail when a row has grown by more than 5 % over tests/bench/figures.json
	@$(HOST) bench --check
