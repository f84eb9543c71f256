/* why-pid-cached.c - the process id is kept in a static variable, and printed much later from there. */
#include <stdio.h>
#include <unistd.h>

static int cached;

static int own_pid(void)
{
    if (cached == 0)
        cached = getpid(); /* cause: pid */
    return cached;
}

static unsigned checksum(void)
{
    unsigned sum = own_pid() != 0;

    for (unsigned i = 0; i < 10000; i++)
        sum = sum * 31 + i;
    return sum;
}

int main(void)
{
    printf("checksum %x\n", checksum());
    printf("by process %d\n", own_pid());
    return 0;
}
