/* why-fork.c - the parent prints the id of its child as fork returned it. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    int status;
    pid_t child = fork(); /* cause: pid */

    if (child < 0)
        return 1;
    if (child == 0)
        _exit(3);
    waitpid(child, &status, 0);
    printf("child %d exited with %d\n", child, WEXITSTATUS(status));
    return 0;
}
