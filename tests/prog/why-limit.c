/* why-limit.c - the time is only compared with a limit from which it is far away. */
/* no cause */
#include <stdio.h>
#include <time.h>

int main(void)
{
    time_t now = time(NULL); /* harmless: time */

    if (now < 0)
        printf("it is before 1970\n");
    printf("the clock is set\n");
    return 0;
}
