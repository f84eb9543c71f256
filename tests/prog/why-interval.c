/* why-interval.c - two times read by one line in a loop, of which the difference is printed: each is a cause alone. */
#include <stdio.h>
#include <sys/time.h>

int main(void)
{
    struct timeval at[2];
    volatile unsigned sum = 0;

    for (int i = 0; i < 2; i++) {
        gettimeofday(&at[i], NULL); /* cause: time */
        for (unsigned n = 0; n < 20000; n++)
            sum += n;
    }
    printf("sum %u in %ld us\n", sum, (long)((at[1].tv_sec - at[0].tv_sec) * 1000000 + at[1].tv_usec - at[0].tv_usec));
    return 0;
}
