/* why-both-days.c - a day has passed if two later readings say so: these two matter only together. */
#include <stdio.h>
#include <time.h>

#define DAY 86400

int main(void)
{
    time_t begun = time(NULL);  /* cause: time */
    time_t now = time(NULL);    /* cause: time with later */
    time_t again = time(NULL);  /* cause: time with later */

    if (now / DAY != begun / DAY && again / DAY != begun / DAY)
        printf("that was yesterday\n");
    else
        printf("still the same day\n");
    return 0;
}
