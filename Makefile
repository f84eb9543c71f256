# tandem - plain GNU make: one operating system, one architecture.
#
#   make              build build/tandem
#   make demo         install what is missing, build, run the article's example
#   make check        install what is missing, build, run the whole suite (TAP, under prove)
#   make soak         the same with the long counts
#   make install      into $(DESTDIR)$(PREFIX)
#   make bench-ptrace compare with strace, programs and servers: prints tables (RUNS=7, ONLY=redis,nginx)
#   make soak-redis   redis with a follower under load: nothing may go wrong or grow (MINUTES=10)
#   make fuzz-log     the reader of recordings under libFuzzer (SECONDS=60)
#   make fuzz         the fuzzers alone, for longer (FUZZ_ROUNDS=2000000)
#   make clean
#
# SANITIZE=1 builds with ASan and UBSan into build-san/; CC=clang into build-clang/. Both go with every target.
# What it needs to build is listed in tools/install-deps.

ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
B       := build$(if $(SANITIZE),-san)$(if $(filter %clang clang%,$(notdir $(CC))),-clang)

comma   := ,
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wno-missing-field-initializers
SAN     := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
FLAGS    = -std=gnu11 $(WARN) $(CFLAGS) $(SAN) $(if $(SANITIZE),-DTANDEM_SANITIZE) -Isrc -MMD -MP
LIBS    := -lZydis -ldw -lelf -ljansson -lzstd

SRC     := $(wildcard src/abi/*.c src/base/*.c src/monitor/*.c src/monitor/*/*.c src/log/*.c \
                      src/show/*.c src/why/*.c src/cli/*.c)
OBJ     := $(SRC:%.c=$(B)/%.o)
UNITS   := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c tests/unit/fuzz_*.c))

MAKEFLAGS += --no-print-directory

# ---- building ----

all: $(B)/tandem

$(B)/tandem: $(B)/src/cli/main.o $(B)/libtandem.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(LIBS)

# All but main: a unit test links what it needs of it.
$(B)/libtandem.a: $(filter-out $(B)/src/cli/main.o,$(OBJ))
	rm -f $@
	ar rc $@ $^

$(B)/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -c -o $@ $<

units: $(UNITS)

$(B)/unit/%: tests/unit/%.c $(B)/libtandem.a
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(LDFLAGS) -o $@ $< $(B)/libtandem.a $(LIBS)

# ---- using ----

# Each in its own make, since nothing can be built before what is missing was installed.
demo:
	tools/install-deps
	$(MAKE) all
	tools/demo $(B)/tandem

SUITE   := TANDEM=$(CURDIR)/$(B)/tandem TANDEM_UNITS=$(CURDIR)/$(B)/unit \
           $(if $(SANITIZE),ASAN_OPTIONS=detect_leaks=0:handle_segv=0:disable_coredump=0 TANDEM_TEST_SCALE=4 \
             TANDEM_RUN_OPTIONS=--ring=256M) tests/run

check:
	tools/install-deps --tests
	$(MAKE) all units
	$(SUITE)

soak: export TANDEM_SOAK := 1
soak: check

fuzz: units
	for f in $(filter $(B)/unit/fuzz_%,$(UNITS)); do $$f "$$(date +%s)" $(or $(FUZZ_ROUNDS),2000000) || exit 1; done

# Guided by what of the reader is reached; wants clang and its runtime (libclang-rt-dev).
fuzz-log: all
	@mkdir -p $(B)/fuzz-log
	clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -DLOG_FUZZER -Isrc -o $(B)/fuzz_log_guided \
		tests/unit/fuzz_log.c src/log/*.c src/base/*.c -lzstd
	$(B)/tandem record -o $(B)/fuzz-log/seed --stack=0 -- true
	$(B)/fuzz_log_guided -max_total_time=$(or $(SECONDS),60) -max_len=65536 -rss_limit_mb=8192 $(B)/fuzz-log

bench-ptrace:
	tools/install-deps --bench
	$(MAKE) all
	tools/bench-ptrace --runs $(or $(RUNS),7) $(if $(ONLY),--only $(ONLY)) $(B)/tandem

soak-redis:
	tools/install-deps --bench
	$(MAKE) all
	tools/soak-redis --minutes $(or $(MINUTES),10) $(B)/tandem

install: all
	install -D -m 755 $(B)/tandem $(DESTDIR)$(PREFIX)/bin/tandem
	install -D -m 644 man/tandem.1 $(DESTDIR)$(PREFIX)/share/man/man1/tandem.1
	install -D -m 644 tools/completion/tandem.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tandem

clean:
	rm -rf build build-san build-clang build-san-clang

.PHONY: all units demo check soak fuzz fuzz-log bench-ptrace soak-redis install clean
-include $(OBJ:.o=.d) $(UNITS:=.d)
