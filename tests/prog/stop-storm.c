/* stop-storm.c [ROUNDS] - a child handles signals as fast as it can, and is stopped among them: stopped it has to stand still,
 * and to go on when it is told to. The parent looks at the child's clock, and prints only how often that went wrong. */
#include "expect.h"
#include <sys/wait.h>

static volatile long handled;

static void handler(int sig)
{
    (void)sig;
    handled++;
}

static void child(void)
{
    signal(SIGIO, handler);
    signal(SIGWINCH, handler);
    for (;;) {
        if (getppid() == 1)
            _exit(1);
    }
}

/* The CPU time that the child has used. */
static uint64_t used(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ul + t.tv_nsec;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 50, ran = 0, stuck = 0, st;
    clockid_t clock;
    pid_t pid = fork();
    if (pid == 0)
        child();
    if (clock_getcpuclockid(pid, &clock))
        return 1;
    sleep_ms(20);
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 5 + i % 7; k++)
            kill(pid, k & 1 ? SIGIO : SIGWINCH);
        kill(pid, SIGSTOP);
        kill(pid, SIGIO);
        while (waitpid(pid, &st, WUNTRACED) != pid || !WIFSTOPPED(st))
            ;
        sleep_ms(2);
        uint64_t before = used(clock);
        sleep_ms(5);
        ran += used(clock) != before;
        kill(pid, SIGCONT);
        before = used(clock);
        for (int k = 0; k < 1000 && used(clock) == before; k++)
            sleep_ms(2);
        stuck += used(clock) == before;
    }
    kill(pid, SIGKILL);
    waitpid(pid, &st, 0);
    printf("ran while stopped: %d, stuck: %d\n", ran, stuck);
    return 0;
}
