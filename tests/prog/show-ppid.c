/* show-ppid.c - source pid: who is my parent; the child of a child tells. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    pid_t me = getpid();
    if (fork() == 0) {
        char line[64];
        int len = snprintf(line, sizeof line, "parent %d\n", getppid());
        if (write(1, line, len) != len) /* shown */
            _exit(1);
        _exit(getppid() == me ? 0 : 2);
    }
    int status;
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
