/* why-pid.c - the process id is printed. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    printf("process %d\n", getpid()); /* cause: pid */
    return 0;
}
