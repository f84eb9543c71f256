/* why-tscp.c - the time stamp counter is printed, read by rdtscp where the CPU has it. */
#include <cpuid.h>
#include <stdio.h>
#include <x86intrin.h>

int main(void)
{
    unsigned a, b, c, d, cpu;

    __cpuid(0x80000001, a, b, c, d); /* harmless: cpu */
    if (!(d & 1u << 27)) {
        printf("no rdtscp here\n");
        return 0;
    }
    unsigned long long ticks = __rdtscp(&cpu); /* cause: tsc */
    printf("%llu\n", ticks);
    return 0;
}
