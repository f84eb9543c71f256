/* why-parent.c - the id of the parent process is printed. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    pid_t parent = getppid(); /* cause: pid */

    printf("started by %d\n", parent);
    return 0;
}
