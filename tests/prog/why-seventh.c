/* why-seventh.c - one line reads ten random numbers, and only the seventh of them is printed. */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
    uint32_t numbers[10];

    for (int i = 0; i < 10; i++)
        if (getrandom(&numbers[i], sizeof numbers[i], 0) != sizeof numbers[i]) /* cause: random */
            return 1;
    printf("%08x\n", numbers[6]);
    return 0;
}
