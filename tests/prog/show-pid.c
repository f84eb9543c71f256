/* show-pid.c - source pid: who am I, who is my thread, who is my child, what stands in the tid words. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int tid_word;

int main(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    int status;
    pid_t reaped = wait(&status);
    pid_t second = syscall(SYS_clone, CLONE_PARENT_SETTID | 17, 0, &tid_word, 0, 0);
    if (second == 0)
        _exit(0);
    wait(&status);
    char line[200];
    int len = snprintf(line, sizeof line, "pid %d tid %d child %d reaped %d word %d\n", getpid(), gettid(), child, reaped,
                       tid_word);
    if (write(1, line, len) != len) /* shown */
        return 1;
    return child != reaped || tid_word != second ? 2 : 0;
}
