/* why-child.c - a child prints its own process id; what fork returned in the parent is only waited for. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    pid_t child = fork(); /* harmless: pid */

    if (child < 0)
        return 1;
    if (child == 0) {
        printf("child %d\n", getpid()); /* cause: pid */
        return 0;
    }
    waitpid(child, NULL, 0);
    printf("parent\n");
    return 0;
}
