/* race-madvise.c - one thread gives pages back, another one counts on them: how often does it begin at nought? */
#include "race.h"
#include <sys/mman.h>

#define PAGES 16

static volatile long *area;
static volatile int over;
static uint64_t digest;
static long lost;

static void run(int id)
{
    for (int i = 0; !id && i < 4000; i++) {
        must(madvise((void *)(area + i % PAGES * 512), 4096, MADV_DONTNEED) == 0);
        work(20000);
    }
    for (int i = 0; id && !over; i++) {
        volatile long *at = area + i % PAGES * 512;
        long before = *at;
        if (before == 0) {
            lost++;
            digest = mix(digest, i);
        }
        *at = before + 1;
    }
    over = 1;
}

int main(void)
{
    area = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    race(2, run);
    printf("%ld ", lost);
    return print_digest(digest);
}
