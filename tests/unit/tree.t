#!/bin/bash
# tree.t - what must hold of the sources themselves: who includes whom, that src/abi can live without a libc, and that
# every option is in the manual and in the shell's completion.
cd "$(dirname "$0")/../.." || exit 1
tandem=${TANDEM:-build/tandem}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

# is_empty NAME TEXT
is_empty() {
    if [ -z "$2" ]; then
        echo "ok $((++n)) - $1"
    else
        echo "not ok $((++n)) - $1"
        printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
        failed=1
    fi
}

is_empty "#include lines obey the direction of the layers" "$(tools/check-includes 2>&1)"

# src/abi as the agent will have it: the compiler's own headers alone, no libc, one image that runs wherever it is mapped.
cat >"$dir/memory.c" <<'C'
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n) { for (char *a = to; n--; ) *a++ = *(const char *)from++; return to; }
void *memset(void *to, int c, size_t n) { for (char *a = to; n--; ) *a++ = c; return to; }
C
freestanding=(-std=gnu11 -Wall -Wextra -Werror -Wno-missing-field-initializers -O2 -Isrc -ffreestanding -nostdlib -nostdinc
    -isystem "$(gcc -print-file-name=include)" -mgeneral-regs-only -fPIE -fvisibility=hidden -fno-stack-protector
    -fno-tree-loop-distribute-patterns -shared -Wl,-Bsymbolic,-z,defs)
is_empty "src/abi compiles and links freestanding" "$(gcc "${freestanding[@]}" -o "$dir/abi.so" src/abi/*.c "$dir/memory.c" 2>&1)"
is_empty "... without relocations" "$(readelf -rW "$dir/abi.so" 2>&1 | grep -v -e '^$' -e 'There are no relocations')"
is_empty "... and without data that it writes" \
    "$(readelf -SW "$dir/abi.so" 2>&1 | grep -E ' \.(data|bss|tdata|tbss|init_array) ' | grep -v ' 000000 00 ')"

page=$(sed 's/Fl Fl /--/g; s/Fl /-/g' man/tandem.1)
for command in run trace doctor; do
    options=$("$tandem" $command --help | grep -oE '^ +(-[a-zA-Z?])?,? *(--[a-z-]+)?' | grep -oE -- '-[-a-zA-Z]+' | sort -u)
    missing=
    for o in $options; do
        case $o in --usage | --version) continue ;; esac
        grep -qE -- "(^|[^-a-z])${o}([^-a-z]|$)" <<<"$page" || missing+="$o is not in man/tandem.1"$'\n'
        case $o in
        --*) grep -qE -- "[ '(]$o[= ')]" tools/completion/tandem.bash || missing+="$o is not in tools/completion/tandem.bash"$'\n' ;;
        esac
    done
    is_empty "every option of tandem $command is written down" "$missing"
done

missing=
for name in $(grep -oE '\b(EV|EVF|PART|PARTF)_[A-Z0-9]+' src/abi/event.h | grep -vE '_(TYPES|KINDS|VERSION)$' | sort -u); do
    grep -q "\b$name\b" doc/event-format.md || missing+="$name "
done
is_empty "doc/event-format.md knows every event, flag and part" "$missing"

echo "1..$n"
exit $failed
