/* why-clock.c - the time of day, read without a system call (vDSO) and printed. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* cause: time */
    printf("%ld.%09ld\n", now.tv_sec, now.tv_nsec);
    return 0;
}
