/* why-behind.c - the process id would be printed if the program were slow, which the times decide. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    struct timespec start, end;
    pid_t self = getpid(); /* cause: pid */

    clock_gettime(CLOCK_REALTIME, &start); /* cause: time */
    printf("hello\n");
    clock_gettime(CLOCK_REALTIME, &end); /* cause: time */
    if (end.tv_sec - start.tv_sec > 10)
        printf("process %d is slow\n", self);
    return 0;
}
