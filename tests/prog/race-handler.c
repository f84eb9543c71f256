/* race-handler.c - handlers write the globals that two computing threads write: signals of a timer, and of a third thread. */
#include "race.h"
#include <sys/time.h>

static volatile uint64_t digest;
static volatile long calls;
static volatile int over;
static pthread_t computing[2];

static void handler(int sig)
{
    digest = mix(digest, sig);
    calls++;
}

static void *computes(void *arg)
{
    for (long i = 0; !over; i++)
        digest = mix(digest, i + (intptr_t)arg);
    return NULL;
}

int main(void)
{
    struct itimerval each = { { 0, 3000 }, { 0, 3000 } }, none = { { 0, 0 }, { 0, 0 } };
    signal(SIGALRM, handler);
    signal(SIGUSR1, handler);
    for (intptr_t i = 0; i < 2; i++)
        must(pthread_create(&computing[i], NULL, computes, (void *)i) == 0);
    setitimer(ITIMER_REAL, &each, NULL);
    for (int i = 0; i < 60; i++) {
        struct timespec t = { 0, 1500000 };
        nanosleep(&t, NULL);
        pthread_kill(computing[i % 2], SIGUSR1);
    }
    setitimer(ITIMER_REAL, &none, NULL);
    over = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(computing[i], NULL);
    must(calls > 0);
    return print_digest(digest);
}
