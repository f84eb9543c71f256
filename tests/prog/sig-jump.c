/* sig-jump.c - a handler that leaves with siglongjmp, out of a loop with calls, a sleep, a read or malloc: two hundred times,
 * a millisecond after it began. */
#include "race.h"
#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf back;
static volatile uint64_t digest;
static volatile long loops;
static int ends[2];

static void handler(int sig)
{
    siglongjmp(back, sig);
}

static void stay(int i)
{
    struct timespec t = { 1, 0 };
    char c;
    for (;;) {
        loops++;
        if (i % 3 == 0)
            getppid();
        else if (i % 3 == 1)
            nanosleep(&t, NULL);
        else
            must(read(ends[0], &c, 1) < 0);
    }
}

int main(void)
{
    struct itimerval once = { { 0, 0 }, { 0, 1000 } };
    struct sigaction sa = { .sa_handler = handler };
    must(pipe(ends) == 0);
    sigaction(SIGALRM, &sa, NULL);
    for (volatile int i = 0; i < 150; i++) {
        if (sigsetjmp(back, 1)) {
            digest = mix(digest, loops);
            continue;
        }
        setitimer(ITIMER_REAL, &once, NULL);
        stay(i);
    }
    printf("%ld ", loops);
    return print_digest(digest);
}
