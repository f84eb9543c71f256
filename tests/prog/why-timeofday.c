/* why-timeofday.c - only the microseconds of gettimeofday are printed, the seconds are not. */
#include <stdio.h>
#include <sys/time.h>

int main(void)
{
    struct timeval now;

    gettimeofday(&now, NULL); /* cause: time */
    printf("%06ld\n", (long)now.tv_usec);
    return 0;
}
