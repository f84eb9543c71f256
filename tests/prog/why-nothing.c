/* why-nothing.c - takes nothing that varies. */
/* no cause */
#include <stdio.h>

int main(void)
{
    unsigned sum = 0;

    for (unsigned i = 1; i <= 1000; i++)
        sum = sum * 31 + i;
    printf("%u\n", sum);
    return 0;
}
