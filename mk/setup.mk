# SPDX-License-Identifier: MIT
# Missing tools are installed before anything else happens; a few milliseconds when none is missing.

GOALS := $(or $(MAKECMDGOALS),all)
TOOL_GROUPS := $(if $(filter run test ci bench%,$(GOALS)),run) $(if $(filter test ci bench%,$(GOALS)),bench) \
	$(if $(filter iso test ci,$(GOALS)),iso) $(if $(filter format lint test ci,$(GOALS)),format) $(if $(filter gdb,$(GOALS)),gdb)

ifneq ($(filter-out help clean path,$(GOALS)),)
ifneq ($(shell sh tools/setup.sh $(TOOL_GROUPS) >&2 || echo failed),)
$(error tools are missing)
endif
endif
