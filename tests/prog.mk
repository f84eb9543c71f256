# prog.mk - builds the test programs: make -f tests/prog.mk [OUT=build/tests]
#
# Every prog/NAME.c becomes NAME; those that are listed come in other flavors too: NAME-static, NAME-static-pie, NAME-nopie.

TESTS_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
OUT       ?= build/tests
CC        := gcc
PROGFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Wno-clobbered
HEADERS   := $(wildcard $(TESTS_DIR)/prog/*.h)

NAMES     := $(filter-out article parting debugged, $(patsubst $(TESTS_DIR)/prog/%.c,%,$(wildcard $(TESTS_DIR)/prog/*.c)))
VARIANTS  := vdso:1 pid:2 tsc:3 uninit:4 cache:5
FLAVORED  := show-auxv show-aslr show-tsc show-vdso-clock show-cpuid show-rdrand show-rseq \
             call-signal call-birth call-memory call-entry call-thread call-exec race-plain
STATIC    := ticker dies holder

PROGS     := $(NAMES:%=$(OUT)/%) $(STATIC:%=$(OUT)/%-static) \
             $(foreach f,static static-pie nopie,$(FLAVORED:%=$(OUT)/%-$f)) \
             $(foreach v,$(VARIANTS),$(OUT)/article-$(firstword $(subst :, ,$v)) $(OUT)/article-$(firstword $(subst :, ,$v))-static) \
             $(OUT)/parting-0 $(OUT)/parting-1 $(OUT)/parting-dynamic-0 $(OUT)/parting-dynamic-1 \
             $(OUT)/debugged $(OUT)/debugged-static $(OUT)/contain

all: $(PROGS)

$(OUT)/contain: $(TESTS_DIR)/tool/contain.c | $(OUT)
	$(CC) $(PROGFLAGS) -o $@ $<

$(OUT)/%: $(TESTS_DIR)/prog/%.c $(HEADERS) | $(OUT)
	$(CC) $(PROGFLAGS) -pthread -o $@ $<
$(OUT)/%-static: $(TESTS_DIR)/prog/%.c $(HEADERS) | $(OUT)
	$(CC) $(PROGFLAGS) -pthread -static -o $@ $<
$(OUT)/%-static-pie: $(TESTS_DIR)/prog/%.c $(HEADERS) | $(OUT)
	$(CC) $(PROGFLAGS) -pthread -static-pie -o $@ $<
$(OUT)/%-nopie: $(TESTS_DIR)/prog/%.c $(HEADERS) | $(OUT)
	$(CC) $(PROGFLAGS) -pthread -no-pie -fno-pie -o $@ $<

# The article's program shows what a compiler left on the stack: no optimization, no complaints about it.
define article
$(OUT)/article-$1: $(TESTS_DIR)/prog/article.c | $(OUT)
	$(CC) -std=gnu11 -g -O0 -DVARIANT=$2 -w -o $$@ $$<
$(OUT)/article-$1-static: $(TESTS_DIR)/prog/article.c | $(OUT)
	$(CC) -std=gnu11 -g -O0 -DVARIANT=$2 -w -static -o $$@ $$<
endef
$(foreach v,$(VARIANTS),$(eval $(call article,$(firstword $(subst :, ,$v)),$(lastword $(subst :, ,$v)))))

$(OUT)/parting-dynamic-%: $(TESTS_DIR)/prog/parting.c | $(OUT)
	$(CC) $(PROGFLAGS) -O0 -DSIDE=$* -o $@ $<
$(OUT)/parting-%: $(TESTS_DIR)/prog/parting.c | $(OUT)
	$(CC) $(PROGFLAGS) -O0 -DSIDE=$* -static -o $@ $<

# Each line is where it is written.
$(OUT)/why-%: $(TESTS_DIR)/prog/why-%.c | $(OUT)
	$(CC) $(PROGFLAGS) -O0 -pthread -o $@ $<

# As people debug programs.
$(OUT)/debugged: $(TESTS_DIR)/prog/debugged.c | $(OUT)
	$(CC) $(PROGFLAGS) -O0 -pthread -o $@ $<
$(OUT)/debugged-static: $(TESTS_DIR)/prog/debugged.c | $(OUT)
	$(CC) $(PROGFLAGS) -O0 -pthread -static -o $@ $<

$(OUT):
	mkdir -p $@

.PHONY: all
