/* why-xor.c - a time and a random number are mixed into one: each is a cause alone. */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

int main(void)
{
    struct timespec now;
    uint64_t number;

    clock_gettime(CLOCK_REALTIME, &now); /* cause: time */
    if (getrandom(&number, sizeof number, 0) != sizeof number) /* cause: random */
        return 1;
    uint64_t mixed = number ^ now.tv_nsec ^ now.tv_sec << 30;
    printf("%016lx\n", mixed);
    return 0;
}
