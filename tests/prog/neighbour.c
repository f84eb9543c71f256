/* neighbour.c MS - in sessions of their own, a process on each core sleeps for 20 ms at a time, as long as it is told to.
 * Prints by how many ms the longest sleep of all was too long. */
#include "expect.h"
#include <sched.h>

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long longest_on(int cpu, long ms)
{
    long end = now_ms() + ms, longest = 0;
    cpu_set_t set;
    setsid();
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    while (now_ms() < end) {
        long from = now_ms(), late;
        sleep_ms(20);
        late = now_ms() - from - 20;
        if (late > longest)
            longest = late;
    }
    return longest;
}

int main(int argc, char **argv)
{
    long ms = argc > 1 ? atol(argv[1]) : 1000, late, longest = 0;
    cpu_set_t set;
    int p[2];
    if (sched_getaffinity(0, sizeof set, &set) || pipe(p))
        return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && fork() == 0) {
            late = longest_on(cpu, ms);
            _exit(write(p[1], &late, sizeof late) != sizeof late);
        }
    close(p[1]);
    while (read(p[0], &late, sizeof late) == sizeof late)
        if (late > longest)
            longest = late;
    printf("%ld\n", longest);
    return 0;
}
