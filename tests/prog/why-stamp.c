/* why-stamp.c - one function reads the clock for two callers, and only what the second one gets is printed. */
#include <stdio.h>
#include <time.h>

static long stamp(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* cause: time */
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void warm_up(void)
{
    long begun = stamp(); /* harmless: time */
    long sum = 0;

    for (int i = 0; i < 1000; i++)
        sum += i;
    if (sum < 0)
        printf("begun at %ld\n", begun);
}

int main(void)
{
    warm_up();
    printf("stamp %ld\n", stamp());
    return 0;
}
