/* why-tsc.c - the time stamp counter is printed. */
#include <stdio.h>
#include <x86intrin.h>

int main(void)
{
    unsigned long long ticks = __rdtsc(); /* cause: tsc */

    printf("%llu\n", ticks);
    return 0;
}
