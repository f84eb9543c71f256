/* why-weekday.c - only the day of the week is printed: another second changes nothing, another day does. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    static const char *const days[] = {"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* cause: time */
    printf("%s\n", days[now.tv_sec / 86400 % 7]);
    return 0;
}
