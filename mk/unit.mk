# SPDX-License-Identifier: MIT
# Unit tests: every foo_test.c outside the kernel is a program of this machine that prints TAP, built with sanitizers.
#
# Its comment names the files of its folder that it tests: "Links a.c b.c." Without that, foo.c.

HOST_CC     := $(CLANG) -std=c11 -ffreestanding -O1 -g -I. -DRT_HOST_TEST -Wall -Wextra -Werror -Wno-unknown-assumption -fsanitize=address,undefined -fno-sanitize-recover=all
# The event loop's test dies at every store: the compiler reports them.
HOST_FLAGS_lib/server/step_test := -fsanitize-coverage=func,trace-stores
UNIT_TESTS  := $(sort $(wildcard lib/*/*_test.c servers/*/*_test.c drivers/*/*/*_test.c fs/*/*_test.c linux/*_test.c))
UNIT_PROGRAMS := $(UNIT_TESTS:%.c=$(BUILD)/host/%)

unit_links = $(or $(shell sed -n 's/^\/\/.*Links \([a-z0-9_. ]*\.c\)\.\{0,1\}.*$$/\1/p' $(1)),$(notdir $(1:_test.c=.c)))

# Its files are named, not taken from the prerequisites: to these a dependency file adds what they include (of all of
# them, which -MMD does not give when one command compiles several).
unit_sources = $(sort $(1) $(addprefix $(dir $(1)),$(call unit_links,$(1))))
define unit_test
$(BUILD)/host/$(1:.c=): $(call unit_sources,$(1)) $(MAKE_PARTS)
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$(1))
	$$(Q)$$(HOST_CC) -MM -MP -MT $$@ $(call unit_sources,$(1)) > $$@.d
	$$(Q)$$(HOST_CC) $$(HOST_FLAGS_$(1:.c=)) -o $$@ $(call unit_sources,$(1))
endef
ifneq ($(filter test-host test-units,$(MAKECMDGOALS)),)
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_test,$(test))))
-include $(UNIT_PROGRAMS:%=%.d)
endif

.PHONY: test-units
test-units: $(UNIT_PROGRAMS)
	@status=0; for program in $^; do $$program || status=1; done; exit $$status
test-host: test-units
