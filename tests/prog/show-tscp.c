/* show-tscp.c - source tsc: rdtscp, a counter and the number of the CPU. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    unsigned lo, hi, aux;
    __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
    char line[64];
    int len = snprintf(line, sizeof line, "%08x%08x %x\n", hi, lo, aux);
    return write(1, line, len) != len; /* shown */
}
