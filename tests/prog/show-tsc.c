/* show-tsc.c - source tsc: rdtsc; with an argument, after an attempt to execute that. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    unsigned lo, hi;
    if (argc > 1)
        execv(argv[1], argv + 1);
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    char line[64];
    int len = snprintf(line, sizeof line, "%08x%08x\n", hi, lo);
    return write(1, line, len) != len; /* shown */
}
