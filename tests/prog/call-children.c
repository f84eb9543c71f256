/* call-children.c - as many children as the argument says, one after the other; then SIGCHLD with waitpid in its handler. */
#include "expect.h"

static volatile int reaped;

static void on_child(int sig)
{
    (void)sig;
    int e = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = e;
}

static void one_by_one(int n)
{
    int good = 0;
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(i & 63);
        good += wait_status(pid) == (i & 63);
    }
    expect("children that ended as they should", good, n);
}

static void by_handler(void)
{
    sigset_t child, none;
    sigemptyset(&none);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    struct sigaction sa = { .sa_handler = on_child, .sa_flags = SA_RESTART };
    sigaction(SIGCHLD, &sa, NULL);
    for (int i = 0; i < 10; i++)
        if (fork() == 0) {
            sleep_ms(i % 3 * 5);
            _exit(0);
        }
    while (reaped < 10)
        sigsuspend(&none);
    expect("children reaped by the handler", reaped, 10);
    sa.sa_handler = SIG_IGN;
    sigaction(SIGCHLD, &sa, NULL);
    sigprocmask(SIG_UNBLOCK, &child, NULL);
    for (int i = 0; i < 5; i++)
        if (fork() == 0)
            _exit(0);
    int st;
    expect_error("SIGCHLD ignored: wait waits for all and fails", wait(&st), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

static void states(void)
{
    siginfo_t si;
    int st = 0;
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(3);
    }
    expect("waitpid for a stop", waitpid(pid, &st, WUNTRACED) == pid, 1);
    expect("it is stopped", WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP, 1);
    kill(pid, SIGCONT);
    expect("waitpid for going on", waitpid(pid, &st, WCONTINUED) == pid, 1);
    expect("it goes on", WIFCONTINUED(st), 1);
    expect("waitid, leaving it", waitid(P_PID, pid, &si, WEXITED | WNOWAIT), 0);
    expect("code", si.si_code, CLD_EXITED);
    expect("status", si.si_status, 3);
    expect("pid", si.si_pid == pid, 1);
    expect("waitpid", waitpid(pid, &st, 0) == pid, 1);
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGTERM);
    expect("killed child", wait_status(pid), 128 + SIGTERM);
}

int main(int argc, char **argv)
{
    one_by_one(argc > 1 ? atoi(argv[1]) : 20);
    by_handler();
    states();
    return done();
}
