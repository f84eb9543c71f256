# tandem - plain GNU make: one operating system, one architecture.
#
#   make            build build/tandem
#   make demo       install what is missing, build, run the article's example
#   make check      build and run the whole suite (TAP, under prove)
#   make soak       the same with the long counts
#   make SANITIZE=1 a build of tandem under ASan and UBSan, in build-san/
#   make install    PREFIX=/usr/local

CC      ?= gcc
PREFIX  ?= /usr/local
B       := build$(if $(SANITIZE),-san)$(if $(filter clang%,$(CC)),-clang)

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wno-missing-field-initializers
SANFLAGS := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma   := ,
CFLAGS  ?= -O2 -g
ALLFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(SANFLAGS) -Isrc -MMD -MP $(if $(SANITIZE),-DTANDEM_SANITIZE)
LIBS    := -lZydis -ldw -lelf -ljansson

SRC     := $(wildcard src/abi/*.c src/base/*.c src/monitor/*.c src/monitor/*/*.c src/log/*.c \
                      src/show/*.c src/why/*.c src/cli/*.c)
OBJ     := $(SRC:%.c=$(B)/%.o)

all: $(B)/tandem

$(B)/tandem: $(OBJ)
	$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALLFLAGS) -c -o $@ $<

clean:
	rm -rf build build-*

.PHONY: all clean
-include $(OBJ:.o=.d)
