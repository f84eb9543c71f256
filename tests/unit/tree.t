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
for command in run record replay show diff trace doctor; do
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

# tests/CHECKLIST.md: items 1 to 25, each with a line at least; scripts and programs exist, functions and names of tests are in a
# file that the same line names.
is_empty "tests/CHECKLIST.md names tests that are there" "$(awk '
    function bad(what) { print "line " FNR ": " what }
    function known(file, line) { if (file in text) return 1
        text[file] = ""; if ((getline line <file) < 0) { delete text[file]; return 0 }
        do text[file] = text[file] line "\n"; while ((getline line <file) > 0); return 1 }
    function in_some(pattern, fixed, i) { for (i = 1; i <= nfiles; i++)
        if (fixed ? index(text[files[i]], pattern) : text[files[i]] ~ pattern) return 1; return 0 }
    /^## / { if (item && !rows) bad("item " item " has no line"); if ($2 != ++item ".") bad("item " item " expected"); rows = 0 }
    /^\| / && !/^\| (what|---) / && item {
        n = split($0, cell, " \\| "); rows++; where = cell[n]; nfiles = ntext = 0
        if (n < 2 || where !~ /`[^`]+`/) bad("names no test")
        runs_alone = 1
        while (match(where, /`[^`]+`|"[^"]+"/)) {
            word = substr(where, RSTART + 1, RLENGTH - 2); quoted = substr(where, RSTART, 1) == "\""
            where = substr(where, RSTART + RLENGTH)
            if (quoted || word ~ /\(\)$/) { texts[++ntext] = word; continue }
            file = word ~ /\.(t|c)$/ ? "tests/" word : "tests/prog/" word ".c"
            if (known(file)) files[++nfiles] = file
            else if (word == "nproc") texts[++ntext] = word
            else bad("there is no " file)
        }
        for (i = 1; i <= ntext; i++)
            if (texts[i] ~ /\(\)$/) { name = substr(texts[i], 1, length(texts[i]) - 2)
                if (!in_some("(^|\n)[a-z][^\n;]*[ *]" name "\\([^\n;]*\\)\n\\{", 0)) bad("no function " texts[i]) }
            else if (!in_some(texts[i], 1)) bad("no test \"" texts[i] "\"")
    }
    END { if (item != 25) bad("items end at " item); if (!rows) bad("item " item " has no line") }' tests/CHECKLIST.md 2>&1)"

# A program that no script names is not run.
missing=
for program in $(grep -oE '`(call|race|sig|show|point)-[a-z0-9-]+`' tests/CHECKLIST.md | tr -d '`' | sort -u); do
    grep -qE -- "(^|[^a-z-])$program([^a-z-]|\$|$)" tests/*.t || [[ $program == point-* ]] || missing+="$program "
done
is_empty "... and each program is run by a script" "$missing"

is_empty "every script can be executed" "$(for t in tests/*.t tests/unit/*.t tests/run tests/tool/record-replay; do [ -x "$t" ] || echo "$t"; done)"

echo "1..$n"
exit $failed
