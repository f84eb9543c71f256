/* call-kill.c - processes of several threads that are killed and stopped while the threads make calls; handlers that have
 * run when wait4 is back. */
#include "expect.h"
#include <pthread.h>
#include <sys/prctl.h>

static void *sleeps(void *arg)
{
    for (;;)
        usleep(1000);
    return arg;
}

static void *asks(void *arg)
{
    for (;;) {
        for (volatile int i = 0; i < 100000; i++)
            ;
        getppid();
    }
    return arg;
}

static pid_t busy(int threads, void *(*what)(void *))
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        for (int i = 0; i < threads; i++)
            pthread_create(&t, NULL, what, NULL);
        for (;;)
            usleep(500);
    }
    sleep_ms(30);
    return pid;
}

static void killed(void)
{
    int wrong = 0, st;
    for (int i = 0; i < 12; i++) {
        pid_t pid = busy(3, i % 4 == 3 ? asks : sleeps);
        kill(pid, i % 2 ? SIGTERM : SIGKILL);
        waitpid(pid, &st, 0);
        wrong += !WIFSIGNALED(st) || WTERMSIG(st) != (i % 2 ? SIGTERM : SIGKILL);
    }
    expect("killed otherwise", wrong, 0);
}

static void stopped(void)
{
    for (int i = 0; i < 4; i++) {
        pid_t pid = busy(2, i % 2 ? asks : sleeps);
        siginfo_t si = { 0 };
        int st = 0;
        kill(pid, SIGSTOP);
        expect("stopped", waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st), 1);
        kill(pid, SIGCONT);
        expect("continued", waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st), 1);
        kill(pid, SIGSTOP); /* SIGTSTP would not stop an orphaned group */
        expect("waitid", waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT), 0);
        expect("stopped again", si.si_status, SIGSTOP);
        waitid(P_PID, pid, &si, WSTOPPED);
        kill(pid, SIGTERM);
        kill(pid, SIGCONT);
        expect("ended", waitpid(pid, &st, 0) == pid && WIFSIGNALED(st), 1);
    }
}

static volatile int children;

static void on_chld(int sig)
{
    (void)sig;
    children++;
}

static void waited(void)
{
    int late = 0, st;
    signal(SIGCHLD, on_chld);
    for (int i = 0; i < 20; i++) {
        siginfo_t si;
        children = 0;
        pid_t pid = fork();
        if (pid == 0) {
            sleep_ms(2);
            _exit(0);
        }
        if (i % 2)
            while (waitid(P_PID, pid, &si, WEXITED) < 0)
                ;
        else
            while (waitpid(pid, &st, 0) < 0)
                ;
        late += !children;
    }
    expect("handlers that came late", late, 0);
    signal(SIGCHLD, SIG_DFL);
}

/* Parents that are killed while they fork: whom they have just made lives, and ends. */
static void forking(void)
{
    int ended = 0;
    expect("PR_SET_CHILD_SUBREAPER", prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (int i = 0; i < 60; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;) {
                pid_t child = fork();
                if (child == 0)
                    _exit(0);
                waitpid(child, NULL, 0);
            }
        }
        struct timespec t = { 0, 2000000 + i % 50 * 20000 };
        nanosleep(&t, NULL);
        kill(pid, SIGKILL);
        while (wait(NULL) > 0)
            ended = 1;
    }
    expect("nobody is left", ended, 1);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int main(void)
{
    killed();
    forking();
    stopped();
    waited();
    return done();
}
