/* point-ignored.c - a thread that works through fresh pages, each once, while signals that are ignored come to it all the
 * time, and another thread wants its turn. A follower's must not have been at a page before its time. */
#include "expect.h"
#include <sys/mman.h>

#define PAGES 2000

static volatile unsigned char *page;
static volatile pid_t worker;

static void *works(void *arg)
{
    int bad = 0;
    volatile unsigned long sink = 0;
    worker = syscall(SYS_gettid);
    for (int i = 0; i < PAGES; i++) {
        page[i * 4096]++;
        for (int j = 0; j < 60000; j++)
            sink = sink + j;
    }
    for (int i = 0; i < PAGES; i++)
        bad += page[i * 4096] != 1;
    expect("pages that were counted twice", bad, 0);
    return arg;
}

int main(void)
{
    pthread_t t;
    timer_t timer;
    struct itimerspec often = { { 0, 150000 }, { 0, 150000 } };
    page = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise((void *)page, PAGES * 4096, MADV_NOHUGEPAGE);
    pthread_create(&t, NULL, works, NULL);
    while (!worker)
        sleep_ms(1);
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGWINCH };
    event._sigev_un._tid = worker;
    expect("timer", timer_create(CLOCK_MONOTONIC, &event, &timer) | timer_settime(timer, 0, &often, NULL), 0);
    for (int i = 0; i < 8; i++)
        sleep_ms(15);
    timer_delete(timer);
    pthread_join(t, NULL);
    return done();
}
