#!/bin/bash
# 87-install.t - what a user gets: make install, the man page, completion, the demonstration.
. "$(dirname "$0")/lib.sh"
root=$(dirname "$here")
unset MAKEFLAGS MFLAGS MAKELEVEL

# As the binary under test was built, so that nothing is built anew.
how=()
case $TANDEM in */build*-san*) how+=(SANITIZE=1) ;; esac
case $TANDEM in */build-clang* | */build-san-clang*) how+=(CC=clang) ;; esac
make -s -C "$root" install DESTDIR="$T/root" PREFIX=/usr "${how[@]}" >"$T/make" 2>&1
is "make install: status" "$?" 0 || diag "$(tail -n 5 "$T/make")"
is "... what it installs" "$(cd "$T/root" && find . -type f | sort | tr '\n' ' ')" \
    "./usr/bin/tandem ./usr/share/bash-completion/completions/tandem ./usr/share/man/man1/tandem.1 "
is "... the binary runs" "$("$T/root/usr/bin/tandem" run -- echo installed 2>&1)" installed
is "... it is the one under test" "$("$T/root/usr/bin/tandem" --version)" "$("$TANDEM" --version)"

if command -v man >/dev/null; then
    is "the man page: no warnings" "$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$T/root/usr/share/man/man1/tandem.1" 2>&1 >"$T/man")" ""
    ok "... has text" grep -q -- --expose "$T/man"
else
    skip "the man page: no warnings" "man is not installed"
    skip "... has text" "man is not installed"
fi

# complete WORD... - what completion offers for the last word
complete_words() {
    bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tandem tandem "${COMP_WORDS[COMP_CWORD]}" \
        "${COMP_WORDS[COMP_CWORD - 1]}"; printf "%s\n" "${COMPREPLY[@]}" | sed "s/ *$//" | sort | tr "\n" " "' \
        complete "$T/root/usr/share/bash-completion/completions/tandem" "$@" 2>&1
}
is "completion: commands" "$(complete_words tandem "")" "--help --version diff doctor record replay run show trace why "
is "... options of record" "$(complete_words tandem record --b)" "--bundle "
is "... options of why" "$(complete_words tandem why --k)" "--keep= "
is "... a recording" "$(cd "$T" && touch a.rec && complete_words tandem replay a.)" "a.rec "
is "... what a replay can expose" "$(complete_words tandem replay --expose = u)" "uninit "
is "... options of diff, and its second recording" "$(complete_words tandem diff --j) $(cd "$T" && complete_words tandem diff a.rec a.)" "--json  a.rec "
is "... options of show" "$(complete_words tandem show --fr)" "--from= "
is "... options of run" "$(complete_words tandem run --exp)" "--expose= "
like "... sources" "$(complete_words tandem run --expose = v)" '^vdso'
like "... the program's own words" "$(complete_words tandem run -- ls /etc/hostn)" '/etc/hostname'

timeout --foreground -k 5 $((limit * 3)) "$root/tools/demo" "$TANDEM" >"$T/demo" 2>&1
is "the demonstration: status" "$?" 0 || diag "$(tail -n 20 "$T/demo")"
is "... its reports" "$(grep -c 'report: .* no divergence' "$T/demo") $(grep -c 'report: .* 1 divergence' "$T/demo")" "5 5"
done_testing
