# Two commands do everything: `make run` and `make test`. `make help` lists the others.

BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Werror
CFLAGS   ?= -O2 -g
CPPFLAGS += -Iinclude -D_GNU_SOURCE -DOUTPUTD_VERSION='"$(VERSION)"'
ALL_CFLAGS := -std=c17 $(WARNINGS) -fstack-protector-strong $(SANITIZE) $(CFLAGS)
LDFLAGS  += $(SANITIZE)

# Another paho (a high-performance build, say): make PAHO_PREFIX=/opt/paho
ifdef PAHO_PREFIX
CPPFLAGS := -I$(PAHO_PREFIX)/include $(CPPFLAGS)
LDFLAGS  += -L$(PAHO_PREFIX)/lib -Wl,-rpath,$(PAHO_PREFIX)/lib
endif

# What each ring may link. core knows no paho, no libconfig, no LMDB.
LIBS_base := -lcrypto
LIBS_wire := -ljansson -lmsgpackc $(LIBS_base)
LIBS_core := -lpcre2-8 $(LIBS_wire)
LIBS_edge := -lpaho-mqtt3cs -lssl -lconfig -llmdb $(LIBS_core)

RINGS    := base wire core edge
PROGRAMS := outputd outputctl trackersim
BENCHES  := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)/*.c))

.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/%)

# --- libraries, one a ring, and the programs ---------------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define ring_rule
$(BUILD)/lib$(1).a: $(call objects,service/$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach ring,$(RINGS),$(eval $(call ring_rule,$(ring))))

RING_LIBS := $(BUILD)/libedge.a $(BUILD)/libcore.a $(BUILD)/libwire.a $(BUILD)/libbase.a

define program_rule
$(BUILD)/$(1): $(call objects,service/$(1)) $(RING_LIBS)
	$(CC) -o $$@ $$^ $(LDFLAGS) $(LIBS_edge)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

# The simulated trackers share no rendering or parsing with the service: they do not even link core and wire.
$(BUILD)/trackersim: $(call objects,service/trackersim) $(BUILD)/libedge.a $(BUILD)/libbase.a

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
