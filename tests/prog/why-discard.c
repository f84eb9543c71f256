/* why-discard.c - a time, a process id and random bytes are read and thrown away. */
/* no cause */
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    struct timespec now;
    unsigned char bytes[16];

    clock_gettime(CLOCK_MONOTONIC, &now);  /* harmless: time */
    getpid();                              /* harmless: pid */
    getrandom(bytes, sizeof bytes, 0);     /* harmless: random */
    printf("done\n");
    return 0;
}
