/* show-calloc.c - what is promised to be zero stays zero whatever `--expose=uninit` does: calloc, fresh pages, bss. */
#include "expect.h"
#include <sys/mman.h>

static char bss[10000];

static long sum(const char *p, size_t n)
{
    long s = 0;
    while (n--)
        s += *p++ != 0;
    return s;
}

int main(void)
{
    for (int i = 0; i < 50; i++) {
        char *dirty = malloc(3000);
        memset(dirty, 'x', 3000);
        free(dirty);
        char *clean = calloc(3, 1000);
        if (sum(clean, 3000))
            expect("bytes set in calloc's", sum(clean, 3000), 0);
        free(clean);
    }
    char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect("bytes set in a fresh mapping", sum(page, 65536), 0);
    char *big = calloc(1, 1000000);
    expect("bytes set in a large calloc's", sum(big, 1000000), 0);
    expect("bytes set in bss", sum(bss, sizeof bss), 0);
    char *brk = sbrk(8192);
    expect("bytes set in a grown heap", sum(brk, 8192), 0);
    return done();
}
