/* why-random.c - a random number from the kernel is printed. */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != sizeof number) /* cause: random */
        return 1;
    printf("%016lx\n", number);
    return 0;
}
