/* why-sleep.c - the time decides how long the program sleeps, and nothing else. */
/* no cause */
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

int main(void)
{
    struct timeval now;

    gettimeofday(&now, NULL); /* harmless: time */
    struct timespec pause = {.tv_nsec = now.tv_usec % 1000 * 1000};
    nanosleep(&pause, NULL);
    printf("rested\n");
    return 0;
}
