/* why-seed.c - rand() is seeded with the time, so that the time is the cause of the number. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(void)
{
    srand(time(NULL)); /* cause: time */
    for (int i = 0; i < 3; i++)
        printf("%d\n", rand() % 1000);
    return 0;
}
