# SPDX-License-Identifier: MIT
# What a person types. The comment behind ## is the help text.

HOST := BUILD=$(BUILD) BULKHEAD_BUILT=1 ./bulkhead
SOURCES = $(shell git ls-files '*.c' '*.h')

.PHONY: help
help: ## this list
	@echo 'make [SYSTEM=busybox] [BUILD=build] [V=1]: build everything. Targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo './bulkhead --help: what else there is to run.'

.PHONY: run
run: world ## boot SYSTEM in QEMU with this terminal as its console
	@$(HOST) run $(SYSTEM)

.PHONY: test
test: world bench-programs iso ## all tests: unit tests here, Linux programs on Linux and on Bulkhead
	@BUILD=$(BUILD) BULKHEAD_BUILT=1 tests/run $(TESTS)

.PHONY: stress
stress: world ## a busy hour in small: ten thousand processes, a million messages, hogs; the ledger before and after
	@BUILD=$(BUILD) BULKHEAD_BUILT=1 STRESS=full tests/run stress

.PHONY: faults
faults: world ## inject N random faults, chosen by SEED, while programs work; docs/faults.md
	@$(HOST) faults -n $(or $(N),500) --seed $(or $(SEED),1)

.PHONY: test-host
test-host: ## unit tests and the kernel core as a program of this machine

.PHONY: iso
iso: $(BUILD)/bulkhead.iso ## a CD image that boots by BIOS and UEFI

# Rewritten only when its contents change, so that nothing is made again for nothing.
.PHONY: bundle
bundle: world
	@$(HOST) bundle $(SYSTEM)
$(BUILD)/bundle.img: bundle
	@cmp -s $(BUILD)/bundle-$(SYSTEM).img $@ || cp $(BUILD)/bundle-$(SYSTEM).img $@

.PHONY: lint
lint: ## the rules on the source that a machine can check
	@$(PYTHON) tools/lint/lint.py

.PHONY: format
format: ## lay out all C files by .clang-format
	@clang-format -i $(SOURCES)

.PHONY: gdb
gdb: world ## debug a system that was started by ./bulkhead run --gdb
	@gdb -q $(BUILD)/kernel.elf -ex 'set confirm off' -ex 'target remote 127.0.0.1:1234'

.PHONY: path
path: ## print a walk through the code: make path P=ipc-call (without P: the list)
	@$(PYTHON) tools/lint/paths.py $(P)

.PHONY: size
size: world ## code lines and bytes against their budgets
	@$(HOST) size

.PHONY: clean
clean: ## remove what was built, keep downloads
	$(Q)find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +
