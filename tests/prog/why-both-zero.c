/* why-both-zero.c - a seed must not be all zero: its two halves matter only together. */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
    uint64_t low, high;

    if (getrandom(&low, sizeof low, 0) != sizeof low) /* cause: random with zero */
        return 1;
    if (getrandom(&high, sizeof high, 0) != sizeof high) /* cause: random with zero */
        return 1;
    printf("%s\n", low == 0 && high == 0 ? "a bad seed" : "a good seed");
    return 0;
}
