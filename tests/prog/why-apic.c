/* why-apic.c - cpuid tells on which core it was executed, and that is printed. */
#include <cpuid.h>
#include <stdio.h>

int main(void)
{
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d); /* cause: cpu */
    printf("APIC id %u\n", b >> 24);
    return 0;
}
