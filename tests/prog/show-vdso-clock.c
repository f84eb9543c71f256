/* show-vdso-clock.c - source vdso: the clocks that need no system call, each printed as it came. */
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    struct timespec real, mono;
    struct timeval tv;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    gettimeofday(&tv, NULL);
    time_t t = time(NULL);
    char line[200];
    int len = snprintf(line, sizeof line, "%ld.%09ld %ld.%09ld %ld.%06ld %ld\n", real.tv_sec, real.tv_nsec, mono.tv_sec,
                       mono.tv_nsec, tv.tv_sec, (long)tv.tv_usec, t);
    return write(1, line, len) != len; /* shown */
}
