/* dies.c - prints a line and dies by what the argument names; with a second argument a child dies, and the parent tells. */
#include "expect.h"

static void die(const char *how)
{
    volatile int zero = 0;
    if (!strcmp(how, "segv"))
        *(volatile int *)8 = 1;
    else if (!strcmp(how, "abrt"))
        abort();
    else if (!strcmp(how, "fpe"))
        zero = 1 / zero;
    else if (!strcmp(how, "pipe"))
        raise(SIGPIPE);
    else if (!strcmp(how, "kill"))
        kill(getpid(), SIGKILL);
    else
        kill(getpid(), atoi(how));
    _exit(99);
}

int main(int argc, char **argv)
{
    printf("before\n");
    fflush(stdout);
    if (argc == 2)
        die(argv[1]);
    pid_t pid = fork();
    if (pid == 0)
        die(argv[1]);
    printf("child: %d\n", wait_status(pid));
    return 0;
}
