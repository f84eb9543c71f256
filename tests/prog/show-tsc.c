/* show-tsc.c - source tsc: rdtsc. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    unsigned lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    char line[64];
    int len = snprintf(line, sizeof line, "%08x%08x\n", hi, lo);
    return write(1, line, len) != len; /* shown */
}
