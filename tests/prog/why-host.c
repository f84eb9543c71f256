/* why-host.c - the name of the machine is printed. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    char name[65];

    if (gethostname(name, sizeof name) != 0) /* cause: host */
        return 1;
    printf("on %s\n", name);
    return 0;
}
