/* why-core.c - the number of the core that the program runs on is printed. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>

int main(void)
{
    int core = sched_getcpu(); /* cause: cpu */

    printf("core %d\n", core);
    return 0;
}
