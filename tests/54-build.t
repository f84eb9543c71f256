#!/bin/bash
# 54-build.t - make and gcc: a C project, a configure script, intermediates that make deletes, the program that comes out.
. "$(dirname "$0")/lib.sh"

prepare() {
    mkdir src
    for i in 1 2 3; do
        printf '#include <stdio.h>\n#include "all.h"\nint part%d(int x) { return x * %d; }\n' $i $i >src/part$i.c
    done
    printf 'int part1(int);\nint part2(int);\nint part3(int);\n' >src/all.h
    printf '#include <stdio.h>\n#include "all.h"\nint main(void) { printf("%%d\\n", part1(7) + part2(7) + part3(7)); return 0; }\n' \
        >src/main.c
    cat >Makefile <<'E'
CFLAGS = -O1 -g0
prog: src/main.o src/part1.o src/part2.o src/libpart.a
	$(CC) -o $@ src/main.o src/part1.o src/part2.o src/libpart.a
src/libpart.a: src/part3.o
	$(AR) rcD $@ $^
%.o: src/all.h
generated.txt: generated.mid
	tr a-z A-Z <$< >$@
generated.mid: generated.low
	rev <$< >$@
generated.low:
	echo intermediate >$@
fail:
	@echo about to fail; exit 3
clean:
	rm -f src/*.o src/*.a prog
E
    cat >configure <<'E'
#!/bin/sh
# What autoconf's scripts do: write conftest.c, compile it, run it, delete it.
n=0
check() {
    printf '%s' "checking for $1... "
    printf '%s\n' "$2" >conftest.c
    if cc -o conftest conftest.c >/dev/null 2>conftest.err && ./conftest; then echo yes; r=1; else echo no; r=0; fi
    rm -f conftest conftest.c conftest.err
    echo "#define HAVE_$1 $r" >>config.h
}
rm -f config.h
check MALLOC '#include <stdlib.h>
int main(void) { return malloc(10) == 0; }'
check NOTHING '#include <no_such_header.h>
int main(void) { return 0; }'
check FAILING 'int main(void) { return 1; }'
check SIZE 'int main(void) { return sizeof(long) != 8; }'
check LINK 'int no_such_function(void); int main(void) { return no_such_function(); }'
cat config.h
E
    chmod +x configure
    find . -exec touch -d '2020-01-02 03:04:05 UTC' {} +
}

same_sh "gcc: one file" 'gcc -O2 -c src/part1.c && nm part1.o'
same_sh "gcc: -E, -S, -pipe" 'gcc -E src/main.c | tail -n 2; gcc -S -o - src/part2.c | grep -c part2; gcc -pipe -o p src/*.c && ./p'
same_sh "gcc: an error" 'echo "int main(void) { return x; }" >bad.c; gcc bad.c; echo $?'
same_sh "make" 'make && ./prog'
same_sh "make -j2" 'make -s -j2 && ./prog; make -q; echo $?'
same_sh "make: again after a change" 'make -s; touch src/part2.c; make -n 2>&1 | grep -c part2; make -s clean; ls src'
same_sh "make: an intermediate" 'make generated.txt; cat generated.txt; ls'
same_sh "make: a failure" 'make fail; echo $?'
same_sh "configure" './configure'
if command -v clang >/dev/null; then
    same_sh "clang" 'clang -O1 -o p src/*.c && ./p'
else
    skip "clang" "not installed"
fi
if command -v g++ >/dev/null; then
    same_sh "g++" 'printf "#include <iostream>\n#include <map>\nint main() { std::map<int, int> m{{1, 2}}; std::cout << m[1] << std::endl; }\n" >m.cc; g++ -o m m.cc && ./m'
else
    skip "g++" "not installed"
fi

done_testing
