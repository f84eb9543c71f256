/* race-fault.c - one thread takes the right to write to a page away and gives it back, another one writes there: how often is
 * it refused? */
#include "race.h"
#include <sys/mman.h>

static volatile char *page;
static volatile long faults;
static volatile int over;
static volatile uint64_t digest;

static void handler(int sig)
{
    (void)sig;
    faults++;
    digest = mix(digest, (unsigned char)page[0]);
    sched_yield();
}

static void run(int id)
{
    for (int i = 0; id && !over; i++)
        page[0]++;
    for (int i = 0; !id && i < 1500; i++) {
        must(mprotect((void *)page, 4096, PROT_READ) == 0);
        work(20000);
        must(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) == 0);
        work(20000);
    }
    over = 1;
}

int main(void)
{
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGSEGV, handler);
    race(2, run);
    printf("%ld ", faults);
    return print_digest(digest);
}
