# Two commands do everything: `make run` and `make test`. `make help` lists the others.

BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Werror
CFLAGS   ?= -O2 -g
CPPFLAGS += -Iinclude -D_GNU_SOURCE

# What the compiler can do against a bug that is exploited, as far as this one knows it for this processor. FORTIFY_SOURCE
# takes optimisation, and stands in the sanitizers' way.
if_known = $(shell $(CC) -Werror $(1) -x c -fsyntax-only /dev/null 2>/dev/null && echo $(1))
HARDENING := -fstack-protector-strong -fPIE $(call if_known,-fstack-clash-protection)
HARDENING += $(call if_known,-fcf-protection) $(call if_known,-mbranch-protection=standard)
ifneq ($(filter-out -O0,$(filter -O%,$(CFLAGS))),)
ifeq ($(SANITIZE),)
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
endif
ALL_CFLAGS := -std=c17 $(WARNINGS) $(HARDENING) $(SANITIZE) $(CFLAGS)
LDFLAGS  += $(SANITIZE)

# Programs are optimised as a whole, which saves the engine an eighth of its time. Tests are linked without that, from
# the same objects, and so are builds that somebody looks into.
ifeq ($(SANITIZE)$(filter -O0 --coverage,$(CFLAGS))$(findstring clang,$(CC)),)
LTO := $(call if_known,-flto=auto)
endif
PIECEWISE := $(if $(LTO),-fno-lto)

# Another paho (a high-performance build, say): make PAHO_PREFIX=/opt/paho
ifdef PAHO_PREFIX
CPPFLAGS := -I$(PAHO_PREFIX)/include $(CPPFLAGS)
LDFLAGS  += -L$(PAHO_PREFIX)/lib -Wl,-rpath,$(PAHO_PREFIX)/lib
endif
# Also where LDFLAGS is given on the command line; the last word on it.
override LDFLAGS += -pie -Wl,-z,relro,-z,now $(PIECEWISE)
WHOLE := $(filter-out $(PIECEWISE),$(LDFLAGS)) $(if $(LTO),$(LTO) $(CFLAGS))

# On some releases msgpack-c is called msgpack, on later ones msgpack-c.
MSGPACK := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpackc)

# What each ring may link. core knows no paho and no libconfig.
LIBS_base := -lcrypto
LIBS_wire := -ljansson -l$(MSGPACK) $(LIBS_base)
LIBS_core := -lxxhash -lpcre2-8 -lprotobuf-c $(LIBS_wire)
LIBS_edge := -lpaho-mqtt3cs -lssl -lconfig -lcap-ng -lseccomp $(LIBS_core)

# What a program takes beside its rings.
LIBS_outputctl := -lcurl

RINGS    := base wire core edge
PROGRAMS := outputd outputctl trackersim

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)/*.c))

.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/%)

# --- generated code ----------------------------------------------------------------------------------------------------

# Sparkplug B's protobuf.
GENERATED := $(BUILD)/generated

$(GENERATED)/sparkplug.pb-c.c $(GENERATED)/sparkplug.pb-c.h &: service/core/sparkplug.proto
	@mkdir -p $(GENERATED)
	protoc-c --proto_path=service/core --c_out=$(GENERATED) sparkplug.proto

# The console's files, built into the program.
CONSOLE := $(sort $(wildcard $(patsubst %,service/console/*.%,html css js svg)))

$(GENERATED)/console_pages.c: service/console/embed $(CONSOLE)
	@mkdir -p $(GENERATED)
	service/console/embed $(CONSOLE) >$@.new
	@mv $@.new $@

# The scripts of shared state, likewise.
SCRIPTS := service/core/lua/common.lua $(sort $(filter-out %/common.lua,$(wildcard service/core/lua/*.lua)))

$(GENERATED)/shared_scripts.c: service/core/lua/embed $(SCRIPTS)
	@mkdir -p $(GENERATED)
	service/core/lua/embed $(SCRIPTS) >$@.new
	@mv $@.new $@

$(BUILD)/obj/generated/%.o: $(GENERATED)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/service/core/framer_sparkplug.o: $(GENERATED)/sparkplug.pb-c.h
$(BUILD)/obj/service/core/framer_sparkplug.o: CPPFLAGS += -isystem $(GENERATED)

# --- libraries, one a ring, and the programs ---------------------------------------------------------------------------

# With the flags that stand here.
$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/service/%.o: ALL_CFLAGS += $(if $(LTO),$(LTO) -ffat-lto-objects)
$(BUILD)/obj/service/base/version.o: CPPFLAGS += -DOUTPUTD_VERSION=$(VERSION)

define ring_rule
$(BUILD)/lib$(1).a: $(call objects,service/$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach ring,$(RINGS),$(eval $(call ring_rule,$(ring))))
$(BUILD)/libcore.a: $(BUILD)/obj/generated/sparkplug.pb-c.o $(BUILD)/obj/generated/shared_scripts.o
$(BUILD)/libedge.a: $(BUILD)/obj/generated/console_pages.o

RING_LIBS := $(BUILD)/libedge.a $(BUILD)/libcore.a $(BUILD)/libwire.a $(BUILD)/libbase.a

define program_rule
$(BUILD)/$(1): $(call objects,service/$(1)) $(RING_LIBS)
	$(CC) -o $$@ $$^ $(WHOLE) $(LIBS_$(1)) $(LIBS_edge)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

# The simulated trackers share no rendering or parsing with the service: they do not even link core and wire.
$(BUILD)/trackersim: $(call objects,service/trackersim) $(BUILD)/libedge.a $(BUILD)/libbase.a

# --- tests ---------------------------------------------------------------------------------------------------------------

# One binary a ring, and one for the programs together with a real broker. What several of them need is in tests/support.
SUITES := $(RINGS) integration

define suite_rule
$(BUILD)/tests/$(1): $(call objects,tests/$(1)) $(call objects,tests/support) $(RING_LIBS)
	@mkdir -p $$(@D)
	$(CC) -o $$@ $$^ $(LDFLAGS) -lcriterion $(LIBS_edge)
endef
$(foreach suite,$(SUITES),$(eval $(call suite_rule,$(suite))))

# Loaded into outputd by tests: a wall clock that can be set, a count of the times that it syncs.
$(BUILD)/tests/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c17 $(WARNINGS) $(CFLAGS) -fPIC -shared -o $@ $<
$(BUILD)/tests/integration: | $(BUILD)/tests/clock_shift.so $(BUILD)/tests/sync_count.so $(BUILD)/tests/alloc_count.so

# The same program as the next version of itself, for a test of upgrades.
$(BUILD)/tests/outputd_next: service/base/version.c $(call objects,service/outputd) $(RING_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -DOUTPUTD_VERSION=$(VERSION)+next -o $@ $^ $(LDFLAGS) $(LIBS_edge)
$(BUILD)/tests/integration: | $(BUILD)/tests/outputd_next

$(BUILD)/obj/tests/%.o: CPPFLAGS += -Itests
$(BUILD)/obj/tests/core/%.o: CPPFLAGS += -Iservice/core

# Takes commands from the vectors of profiles, as outputctl does.
$(BUILD)/bench/render: $(BUILD)/obj/tests/bench/render.o $(BUILD)/obj/service/outputctl/vector.o \
    $(BUILD)/obj/service/outputctl/switches.o $(BUILD)/obj/service/outputctl/subject.o \
    $(BUILD)/obj/service/outputctl/options.o $(BUILD)/obj/service/outputctl/option_groups.o $(RING_LIBS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) $(LIBS_edge)
$(BUILD)/obj/tests/bench/render.o: CPPFLAGS += -Iservice

# The engine alone, under the load that the tests have too.
$(BUILD)/bench/engine: $(BUILD)/obj/tests/bench/engine.o $(BUILD)/obj/tests/support/engine_load.o \
    $(BUILD)/obj/tests/support/memory_disk.o $(BUILD)/obj/tests/support/alloc_watch.o \
    $(BUILD)/libcore.a $(BUILD)/libwire.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(WHOLE) -Wl,--wrap=getrandom $(LIBS_core)
$(BUILD)/obj/tests/support/engine_load.o: CPPFLAGS += -Iservice

# LMDB is what the journal is measured against.
$(BUILD)/bench/journal: $(BUILD)/obj/tests/bench/journal.o $(BUILD)/libedge.a $(BUILD)/libcore.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) -llmdb -lxxhash $(LIBS_base)

# The whole engine, without a broker.
$(BUILD)/bench/scale: $(BUILD)/obj/tests/bench/scale.o $(RING_LIBS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(WHOLE) $(LIBS_edge)

# Who measures, and the yardstick, share no code with the service's connection.
$(BUILD)/bench/loadgen: $(patsubst %,$(BUILD)/obj/tests/bench/%.o,loadgen load_tracker load_requester load_report load_options) \
    $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) $(LIBS_base)

$(BUILD)/bench/forwarder: $(BUILD)/obj/tests/bench/forwarder.o
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) -lpaho-mqtt3cs

# Their clients are libmosquitto's, so that they have no code in common with the service's.
$(BUILD)/tests/chaos: $(call objects,tests/chaos) $(call objects,tests/witness) $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) -lmosquitto $(LIBS_base)
$(BUILD)/tests/cluster: $(call objects,tests/cluster) $(call objects,tests/witness) \
    $(patsubst %,$(BUILD)/obj/tests/support/%.o,redis_server database broker lines) $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) -lmosquitto $(LIBS_base)

# The simulation: the real loop on a clock, a broker and a disk that are models.
$(BUILD)/tests/sim: $(call objects,tests/sim) $(patsubst %,$(BUILD)/obj/tests/support/%.o,memory_disk families) $(RING_LIBS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) -Wl,--wrap=clock_now,--wrap=getrandom $(LIBS_edge)
$(BUILD)/obj/tests/sim/%.o: CPPFLAGS += -Iservice/core -Iservice/edge

# Several engines that share their state, on the scripts that the server runs.
$(BUILD)/tests/shared: $(call objects,tests/shared) $(BUILD)/obj/tests/support/families.o $(RING_LIBS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDFLAGS) $(LIBS_edge) -llua5.1
$(BUILD)/obj/tests/shared/%.o: CPPFLAGS += -Iservice/core -isystem /usr/include/lua5.1 -DSERVER_LUA='"tests/shared/server.lua"'

# The fuzzers, built with clang by `make fuzz`.
$(BUILD)/acks: $(BUILD)/obj/tests/fuzz/acks.o $(RING_LIBS)
	$(CC) -o $@ $^ $(LDFLAGS) -fsanitize=fuzzer $(LIBS_edge)
$(BUILD)/seeds: $(BUILD)/obj/tests/fuzz/seeds.o $(BUILD)/obj/service/outputctl/vector.o \
    $(BUILD)/obj/service/outputctl/switches.o $(RING_LIBS)
	$(CC) -o $@ $^ $(LDFLAGS) $(LIBS_edge)
FUZZERS := request ack presence record journal config registry profile
FUZZ_SHARED := $(patsubst %,$(BUILD)/obj/tests/fuzz/%.o,draw scene scene_world scene_watch text_file)
$(BUILD)/journal: $(BUILD)/obj/tests/support/memory_disk.o
$(FUZZERS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_SHARED) $(RING_LIBS)
	$(CC) -o $@ $^ $(LDFLAGS) -fsanitize=fuzzer $(LIBS_edge)
$(BUILD)/obj/tests/fuzz/%.o: CPPFLAGS += -Iservice

.SECONDARY:

# --- what people call ----------------------------------------------------------------------------------------------------

.PHONY: help
help:
	@echo 'make run        install what is missing, build, and show the service at work with simulated trackers'
	@echo 'make test       install what is missing, build, and run all tests'
	@echo 'make            build the programs into build/'
	@echo 'make bench      measure against a bare forwarder and a peer on mqtt.js, side by side; QUICK=1 in a minute'
	@echo 'make bench-render, make bench-journal: what profiles cost, and the journal next to others'
	@echo 'make bench-shared  instances that share their state in Redis: throughput, CPU, memory; QUICK=1 in two'
	@echo 'make bench-postgres  a registry of a million trackers in PostgreSQL: loading it, changing it'
	@echo 'make bench-instructions  what the engine executes for a request must not grow by 5 %'
	@echo 'make lint       formatting, clang-tidy, cppcheck, shellcheck, both compilers, which ring includes which'
	@echo 'make sanitize   all tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make sim        the service in simulated time, with faults drawn from a seed: SEED=… STEPS=…'
	@echo 'make sim-shared the same of three engines that share their state: SEED=… STEPS=… or SECONDS=…'
	@echo 'make sim-broken a line of the service broken at a time: the simulation has to find each'
	@echo 'make tsan       the service under ThreadSanitizer: load, reloads, a dead broker, a drain'
	@echo 'make valgrind   the same under valgrind, and the vectors of all profiles'
	@echo 'make fuzz       what reads bytes from outside, under libFuzzer, FUZZ_SECONDS=60 each'
	@echo 'make chaos      ten minutes of kills, cuts and full disks under load: nothing lost, repeated, contradicted'
	@echo 'make cluster-test  three instances that share their state, killed and stopped, as Redis, PostgreSQL and the broker are'
	@echo 'make console-test  the console in a browser, with a real broker and simulated trackers'
	@echo 'make docker-lint  what can be checked of docker/ without an engine: compose, alerts, dashboard'
	@echo 'make image      build the container image, with docker or podman'
	@echo 'make image-test  build it without an engine, and run service and simulated trackers from it'
	@echo 'make coverage   branch coverage of core and wire, which must not fall below 95 %'
	@echo 'make deps       install all packages that any of these needs'
	@echo 'make install    into PREFIX=/usr/local, with a unit for systemd; make uninstall'
	@echo 'make deb        a Debian package; make package-test checks it, make deb-test installs it in a Debian of its own'
	@echo 'make clean      remove build/'

# Every package that building, testing, checking and measuring take. Each command below installs its own share by itself.
.PHONY: deps deps-run deps-test deps-package deps-package-test deps-lint deps-fuzz deps-bench deps-sim deps-chaos deps-cluster \
    deps-valgrind deps-docker deps-console
deps:
	@.ci/deps build run test lint fuzz bench sim chaos cluster valgrind docker package package-test console
deps-fuzz:
	@.ci/deps build run fuzz
deps-run:
	@.ci/deps build run
deps-test:
	@.ci/deps build run test
deps-lint:
	@.ci/deps build run test lint
deps-package:
	@.ci/deps build run package
deps-package-test:
	@.ci/deps build run package package-test
deps-bench:
	@.ci/deps build run bench
deps-valgrind:
	@.ci/deps build run test valgrind
deps-console:
	@.ci/deps build run console
deps-sim:
	@.ci/deps build run sim
deps-chaos:
	@.ci/deps build run chaos
deps-cluster:
	@.ci/deps build run cluster
deps-docker:
	@.ci/deps build run docker

# The recipes call make again: what is built must see the packages that have just been installed. On all processors,
# unless the outer one was told how many.
INNER = --no-print-directory -s $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: run
run: deps-run
	@$(MAKE) $(INNER) all
	@BUILD=$(BUILD) service/demo/demo

TEST_BINARIES := $(SUITES:%=$(BUILD)/tests/%)

.PHONY: test-binaries
test-binaries: all $(TEST_BINARIES)

tests/topics/node_modules/.done: tests/topics/package-lock.json
	cd tests/topics && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

.PHONY: test
test: deps-test
	@$(MAKE) $(INNER) test-binaries tests/topics/node_modules/.done
	@tests/run $(BUILD)

tests/console/node_modules/.done: tests/console/package-lock.json
	cd tests/console && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

# The console in a browser. Screenshots go to build/console/.
.PHONY: console-test
console-test: deps-console
	@$(MAKE) $(INNER) all tests/console/node_modules/.done
	@node tests/console/run.mjs $(BUILD)

# Instrumented code makes gcc see what is not there, so here warnings are no errors: the other builds have them.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

.PHONY: sanitize
sanitize: deps-test
	@$(MAKE) $(INNER) BUILD=$(BUILD)/sanitize CFLAGS='-O1 -g -Wno-error' SANITIZE='$(SANITIZERS)' \
	    test-binaries $(BUILD)/sanitize/tests/sim
	@STEPS=200000 $(BUILD)/sanitize/tests/sim tests/sim/saved
	@tests/run $(BUILD)/sanitize base wire core edge profiles integration

# The program itself: Criterion's tests do not run under it.
.PHONY: tsan
tsan: deps-test
	@$(MAKE) $(INNER) $(BUILD)/bench/loadgen
	@$(MAKE) $(INNER) BUILD=$(BUILD)/tsan CFLAGS='-O1 -g -Wno-error' SANITIZE=-fsanitize=thread \
	    $(BUILD)/tsan/outputd
	@tests/tsan/run $(BUILD) $(BUILD)/tsan

.PHONY: valgrind
valgrind: deps-valgrind
	@$(MAKE) $(INNER) all $(BUILD)/bench/loadgen
	@tests/valgrind/run $(BUILD)

.PHONY: coverage
# What happens where state is shared (core/shared*.c) the simulation of several engines has to cover, all else the suites.
coverage: deps-lint deps-sim
	@$(MAKE) $(INNER) BUILD=$(BUILD)/coverage CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage \
	    $(patsubst %,$(BUILD)/coverage/tests/%,base wire core edge shared)
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@SEED=1 STEPS=15000 $(BUILD)/coverage/tests/shared
	@$(BUILD)/coverage/tests/edge --filter 'profile_share/*'
	@tests/run $(BUILD)/coverage base wire core
	@gcovr --root . --object-directory $(BUILD)/coverage --filter service/core/shared \
	    --exclude-unreachable-branches --branches --fail-under-branch 75 --print-summary
	@gcovr --root . --object-directory $(BUILD)/coverage --filter service/core/ --filter service/wire/ \
	    --exclude service/core/shared --exclude-unreachable-branches --branches --fail-under-branch 95 --print-summary

# SEED=… STEPS=… replays; SECONDS=… goes on for so long with fresh seeds. What fails is written to build/sim-failure:
# moved to tests/sim/saved it is played each time.
.PHONY: sim
sim: deps-run
	@$(MAKE) $(INNER) $(BUILD)/tests/sim
	@SAVE=$(BUILD)/sim-failure $(BUILD)/tests/sim tests/sim/saved

# The same of several engines that share their state, on the scripts that Redis runs. SEED=… STEPS=1 TRACE=1 replays.
.PHONY: sim-shared
sim-shared: deps-sim
	@$(MAKE) $(INNER) $(BUILD)/tests/shared
	@$(BUILD)/tests/shared

# Breaks a line of the service at a time: the simulations have to find each.
.PHONY: sim-broken
sim-broken: deps-sim
	@$(MAKE) $(INNER) $(BUILD)/tests/sim $(BUILD)/tests/shared
	@BUILD=$(BUILD) tests/sim/broken/run

.PHONY: fuzz
fuzz: deps-fuzz
	@$(MAKE) $(INNER) BUILD=$(BUILD)/fuzz CC=clang CFLAGS='-O1 -g' \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
	    $(BUILD)/fuzz/acks $(BUILD)/fuzz/seeds $(FUZZERS:%=$(BUILD)/fuzz/%)
	@tests/fuzz/run.sh $(BUILD)/fuzz

# The image, by whichever of the builders is here, with the version of this file.
.PHONY: image image-version image-test docker-lint
image-version:
	@echo $(VERSION)
image:
	@builder=$$(command -v docker || command -v podman) || { echo 'image: neither docker nor podman is here'; exit 1; }; \
	    "$$builder" build -f docker/Dockerfile --build-arg VERSION=$(VERSION) -t outputd:$(VERSION) .

# Builds it without an engine and runs service and trackers from it. Takes some minutes, root, and packages.
image-test:
	@BUILD=$(BUILD) VERSION=$(VERSION) tests/docker/image

docker-lint: deps-docker
	@tests/docker/lint

SOURCES := $(wildcard service/*/*.c tests/*/*.c)
HEADERS := $(wildcard include/*/*.h service/*/*.h tests/*/*.h)
TIDY    := $(wildcard service/*/*.c)

.PHONY: lint
lint: deps-lint
	@clang-format --dry-run -Werror $(SOURCES) $(HEADERS)
	@tests/lint/layers
	@$(MAKE) $(INNER) all
	@tests/lint/hardened $(PROGRAMS:%=$(BUILD)/%)
	@tests/lint/scripts
	@PYTHONPYCACHEPREFIX=$(BUILD)/pycache python3 -m py_compile tests/bench/*.py tests/docker/*.py
	@cppcheck -j$(shell nproc) --quiet --error-exitcode=1 --language=c --std=c11 --inline-suppr --enable=warning,performance,portability \
	    --suppress=missingIncludeSystem --suppress=CastIntegerToAddressAtReturn -Iinclude -DOUTPUTD_VERSION=0 service
	@$(MAKE) $(INNER) BUILD=$(BUILD)/clang CC=clang test-binaries
	@tests/lint/hardened $(PROGRAMS:%=$(BUILD)/clang/%)
	@printf '%s\n' $(TIDY) | xargs -P$(shell nproc) -I{} sh -c 'clang-tidy --quiet {} -- -DOUTPUTD_VERSION=0 $(subst ','\'',$(CPPFLAGS)) -isystem $(BUILD)/clang/generated -std=c17 2>&1 | \
	    { ! grep -E "(warning|error):"; }'
	@echo 'lint: clean'

# Where Node.js or npm is missing the peer is left out, and the report says so.
tests/bench/peer/node_modules/.done: tests/bench/peer/package-lock.json
	@cd tests/bench/peer && npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

# The programs that measure a part alone.
BENCH_ALONE := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/engine.c tests/bench/scale.c))

# PAHO_HP_PREFIX=DIR: a paho that was built with PAHO_HIGH_PERFORMANCE=ON; then the service is measured with it, too.
.PHONY: bench bench-render bench-journal
bench: deps-bench
	@$(MAKE) $(INNER) all $(BUILD)/bench/loadgen $(BUILD)/bench/forwarder $(BENCH_ALONE)
	@-! command -v npm >/dev/null || $(MAKE) $(INNER) tests/bench/peer/node_modules/.done
ifdef PAHO_HP_PREFIX
	@$(MAKE) $(INNER) BUILD=$(BUILD)/hp PAHO_PREFIX=$(PAHO_HP_PREFIX) $(BUILD)/hp/outputd
endif
	@BUILD=$(BUILD) HP_BUILD=$(if $(PAHO_HP_PREFIX),$(BUILD)/hp) PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/bench.py

bench-render: deps-bench
	@$(MAKE) $(INNER) all $(BUILD)/bench/render
	@BUILD=$(BUILD) tests/bench/render.sh

# One, two and four instances that share their state in a Redis of their own.
.PHONY: bench-shared
bench-shared: deps-bench
	@$(MAKE) $(INNER) all $(BUILD)/bench/loadgen
	@BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/shared.py

# A registry of a million trackers in a PostgreSQL of its own: TRACKERS=…
.PHONY: bench-postgres
bench-postgres: deps-bench deps-test
	@$(MAKE) $(INNER) all
	@BUILD=$(BUILD) tests/bench/postgres.sh

bench-journal: deps-bench
	@$(MAKE) $(INNER) $(BUILD)/bench/journal
	@$(BUILD)/bench/journal $(BUILD)

# What the engine executes for a request, counted by callgrind: compared with tests/bench/instructions.
.PHONY: bench-instructions
bench-instructions: deps-valgrind
	@$(MAKE) $(INNER) $(BUILD)/bench/engine
	@CC=$(CC) tests/bench/instructions.sh $(BUILD)

# Says its seed; SEED= replays the plan. Shorter: make chaos SERVICE_KILLS=20 BROKER_KILLS=5
.PHONY: chaos
chaos: deps-chaos
	@$(MAKE) $(INNER) all $(BUILD)/tests/chaos
	@BUILD=$(BUILD) $(BUILD)/tests/chaos

# The same for several instances that share their state. SEED= replays the plan; how many faults of each kind there are
# can be said, too: see tests/cluster/cluster.c.
.PHONY: cluster-test
cluster-test: deps-cluster
	@$(MAKE) $(INNER) all $(BUILD)/tests/cluster
	@BUILD=$(BUILD) $(BUILD)/tests/cluster

# --- installing ----------------------------------------------------------------------------------------------------------

# make install [DESTDIR=…] [PREFIX=/usr/local]. The configuration is in /etc/outputd, where the programs look for it; a file
# of it that somebody has changed is kept. `make uninstall` leaves it and the journal alone.
PREFIX  ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system
CONFDIR := $(DESTDIR)/etc/outputd
DOCDIR  := $(DESTDIR)$(PREFIX)/share/doc/outputd
MANDIR  := $(DESTDIR)$(PREFIX)/share/man
MANUALS := outputctl.1 trackersim.1 outputd.cfg.5 outputd.8
INSTALLED := $(DESTDIR)$(PREFIX)/sbin/outputd $(DESTDIR)$(PREFIX)/bin/outputctl $(DESTDIR)$(PREFIX)/bin/trackersim \
    $(DESTDIR)$(UNITDIR)/outputd.service $(DESTDIR)$(PREFIX)/lib/sysusers.d/outputd.conf \
    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/outputctl $(DESTDIR)$(PREFIX)/share/outputd/schema.sql \
    $(foreach manual,$(MANUALS),$(MANDIR)/man$(subst .,,$(suffix $(manual)))/$(manual))

.PHONY: manuals
manuals: $(MANUALS:%=$(BUILD)/man/%)
$(BUILD)/man/%: conf/man/%
	@mkdir -p $(@D)
	@cp $< $@
$(BUILD)/man/outputd.cfg.5: conf/man/outputd.cfg.5.in conf/man/keys.awk conf/outputd.cfg service/edge/config.c
	@mkdir -p $(@D)
	@awk -f conf/man/keys.awk service/edge/config.c conf/outputd.cfg >$(BUILD)/man/keys
	@sed -e '/^@KEYS@$$/ { r $(BUILD)/man/keys' -e 'd; }' $< >$@

$(BUILD)/install/outputd.service: conf/systemd/outputd.service.in FORCE
	@mkdir -p $(@D)
	@sed 's|@SBINDIR@|$(PREFIX)/sbin|' $< >$@
$(BUILD)/install/registry.cfg: conf/registry.cfg conf/install/registry.sed
	@mkdir -p $(@D)
	@sed -E -f conf/install/registry.sed $< >$@
.PHONY: FORCE
FORCE:

.PHONY: install
install: all manuals $(BUILD)/install/outputd.service $(BUILD)/install/registry.cfg
	install -d $(sort $(dir $(INSTALLED))) $(CONFDIR)/profiles $(DOCDIR)/profiles $(DOCDIR)/examples $(DOCDIR)/topics
	install -m 755 $(BUILD)/outputd $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BUILD)/outputctl $(BUILD)/trackersim $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/install/outputd.service $(DESTDIR)$(UNITDIR)/
	install -m 644 conf/systemd/outputd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/outputd.conf
	install -m 644 conf/outputctl.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/outputctl
	$(foreach manual,$(MANUALS),install -m 644 $(BUILD)/man/$(manual) $(MANDIR)/man$(subst .,,$(suffix $(manual)))/ &&) :
	install -m 644 README.md $(DOCDIR)/
	install -m 644 conf/profiles/README.md $(DOCDIR)/profiles/
	install -m 644 conf/registry.cfg conf/mosquitto/mosquitto.conf conf/mosquitto/acl conf/demo.sql $(DOCDIR)/examples/
	install -m 644 conf/redis/outputd.conf $(DOCDIR)/examples/redis.conf
	cp -r --no-preserve=mode,ownership topics/. $(DOCDIR)/topics/
	install -m 644 conf/schema.sql $(DESTDIR)$(PREFIX)/share/outputd/
	@conf/install/keep 640 conf/outputd.cfg $(CONFDIR)/outputd.cfg
	@conf/install/keep 640 $(BUILD)/install/registry.cfg $(CONFDIR)/registry.cfg
	@for profile in conf/profiles/*.cfg; do \
	    conf/install/keep 644 $$profile $(CONFDIR)/profiles/$${profile##*/}; done
	@echo 'Installed. What is left, as root, unless a package does it: systemd-sysusers, chgrp outputd /etc/outputd/*.cfg,'
	@echo 'systemctl daemon-reload, systemctl enable --now outputd'

.PHONY: uninstall
uninstall:
	rm -f $(INSTALLED)
	rm -rf $(DOCDIR)
	@rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/outputd 2>/dev/null || :
	@echo 'Left alone: /etc/outputd, /var/lib/outputd and the user outputd.'

# A Debian package in build/deb. It is built by debhelper in a folder that sees the sources, and keeps what was compiled.
DEB := $(BUILD)/deb

.PHONY: deb
deb: deps-package
	@rm -rf $(DEB)/source/debian $(DEB)/*.deb
	@mkdir -p $(DEB)/source
	@ln -sfn $(foreach part,Makefile service include topics conf LICENSE README.md,$(CURDIR)/$(part)) $(DEB)/source/
	@cp -r conf/debian $(DEB)/source/debian
	cd $(DEB)/source && DEB_BUILD_OPTIONS=parallel=$$(nproc) dpkg-buildpackage --build=binary --no-sign >../log 2>&1 || \
	    { tail -40 ../log; exit 1; }
	@ls $(DEB)/*.deb

.PHONY: package-test
package-test: deps-package-test deb
	@$(MAKE) $(INNER) all $(BUILD)/tests/under_unit
	@BUILD=$(BUILD) tests/package/run

# The same in a small Debian of its own: installed, started, upgraded, removed, purged. That Debian is made once, in some
# three minutes, and kept in build/package.
.PHONY: deb-test
deb-test: deps-package-test deb
	@BUILD=$(BUILD) tests/package/life

$(BUILD)/tests/under_unit: tests/package/under_unit.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(LDFLAGS) -lseccomp

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
