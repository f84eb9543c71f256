/* why-uptime.c - what stands in a file that changes all the time is printed: how long the machine has been up. */
#include <stdio.h>

int main(void)
{
    char line[128];
    FILE *file = fopen("/proc/uptime", "r");

    if (!file)
        return 1;
    if (fgets(line, sizeof line, file)) /* cause: file */
        printf("%s", line);
    fclose(file);
    return 0;
}
