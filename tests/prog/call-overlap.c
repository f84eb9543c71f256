/* call-overlap.c - calls that write where they read: sleep(3) gives one buffer for the time and the rest of it, and a
 * signal that is ignored has the kernel write there before it sleeps on. */
#pragma GCC diagnostic ignored "-Wrestrict" /* that is what this is about */
#include "expect.h"
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static void nothing(int sig)
{
    (void)sig;
}

static void child_dies(int sig)
{
    pid_t parent = getpid();
    if (fork() == 0) {
        sleep_ms(30);
        if (sig)
            kill(parent, sig);
        _exit(0);
    }
}

int main(void)
{
    struct timespec t = { 0, 150000000 };
    char name[256];
    int woken = 0;

    signal(SIGUSR1, nothing);
    child_dies(0);
    expect("nanosleep", nanosleep(&t, &t), 0);
    t.tv_nsec = 150000000;
    child_dies(0);
    expect("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t), 0);
    child_dies(SIGUSR1);
    t = (struct timespec){ 1, 0 };
    while (nanosleep(&t, &t) < 0)
        woken++;
    expect("woken", woken, 1);
    child_dies(SIGUSR1);
    expect("sleep, and what is left of it", sleep(1) <= 1, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    expect("sigprocmask", sigprocmask(SIG_BLOCK, &set, &set), 0);
    expect("what was", sigismember(&set, SIGUSR2), 0);
    struct rlimit rl = { 100, 100 };
    expect("prlimit", prlimit(0, RLIMIT_NOFILE, &rl, &rl), 0);
    stack_t stack = { malloc(20000), 0, 20000 };
    expect("sigaltstack", sigaltstack(&stack, &stack), 0);
    expect("what was", stack.ss_flags, SS_DISABLE);
    struct itimerval it = { { 0 }, { 100, 0 } };
    expect("setitimer", setitimer(ITIMER_REAL, &it, &it), 0);
    expect("what was", it.it_value.tv_sec, 0);
    expect("symlink", symlink("where it leads", "overlap"), 0);
    strcpy(name, "overlap");
    expect("readlink", readlink(name, name, sizeof name), 14);
    expect("unlink", unlink("overlap"), 0);
    strcpy(name, ".");
    expect("stat", stat(name, (struct stat *)name), 0);
    while (wait(NULL) > 0)
        ;
    return done();
}
