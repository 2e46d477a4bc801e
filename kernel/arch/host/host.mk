# SPDX-License-Identifier: MIT
# The kernel core as a Linux program, for its unit tests, under the address and undefined behaviour sanitizers.

HOST_TEST_CC     ?= clang
HOST_TEST_CFLAGS := -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fno-strict-aliasing -Wall -Wextra -Werror -Wconversion -Wshadow -D_GNU_SOURCE -I. -Ikernel/arch/host -Ikernel/include -Ikernel/arch/host/include
HOST_TEST_SOURCES := $(filter-out kernel/core/memory.c,$(wildcard kernel/entry/*.c kernel/object/*.c kernel/sched/*.c \
	kernel/mm/*.c kernel/core/*.c)) $(wildcard kernel/arch/host/*.c)
HOST_TEST_OBJECTS := $(HOST_TEST_SOURCES:%.c=$(BUILD)/kernel-test.obj/%.o)

$(BUILD)/kernel-test.obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOST_TEST_CC) $(HOST_TEST_CFLAGS) -MMD -c -o $@ $<

$(BUILD)/kernel-test: $(HOST_TEST_OBJECTS)
	$(call say,HOSTCC,$@)
	$(Q)$(HOST_TEST_CC) $(HOST_TEST_CFLAGS) -o $@ $^

-include $(HOST_TEST_OBJECTS:.o=.d)

.PHONY: test-host-kernel
test-host: test-host-kernel
test-host-kernel: $(BUILD)/kernel-test
	$(BUILD)/kernel-test
