/* show-cpuid.c - source cpuid: leaf 1 holds the APIC id of the core that runs us. */
#include <cpuid.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    char line[64];
    int len = snprintf(line, sizeof line, "%08x %08x %08x\n", a, b, d);
    return write(1, line, len) != len; /* shown */
}
