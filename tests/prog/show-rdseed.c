/* show-rdseed.c - source rand: rdseed, which may need several tries. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    unsigned long r;
    unsigned char good;
    do
        __asm__ volatile("rdseed %0; setc %1" : "=r"(r), "=q"(good) : : "cc");
    while (!good);
    char line[64];
    int len = snprintf(line, sizeof line, "%016lx\n", r);
    return write(1, line, len) != len; /* shown */
}
