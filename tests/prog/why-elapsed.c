/* why-elapsed.c - the elapsed time is measured, and printed only if it is more than an hour. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    struct timespec start, end;
    unsigned sum = 0;

    clock_gettime(CLOCK_REALTIME, &start); /* cause: time */
    for (unsigned i = 0; i < 100000; i++)
        sum = sum * 31 + i;
    clock_gettime(CLOCK_REALTIME, &end); /* cause: time */

    printf("sum %u\n", sum);
    if (end.tv_sec - start.tv_sec > 3600)
        printf("that took more than an hour\n");
    return 0;
}
