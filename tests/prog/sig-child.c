/* sig-child.c - forty children that end when they like, some after they were stopped and continued; SIGCHLD's handler collects
 * them: in which order, and how many signals did it take? */
#include "race.h"

#define N 40

static volatile pid_t pids[N];
static volatile int ended, stopped, continued;
static volatile long signals;
static volatile uint64_t digest;

static int number(pid_t pid)
{
    for (int i = 0; i < N; i++)
        if (pids[i] == pid)
            return i;
    return -1;
}

static void handler(int sig, siginfo_t *info, void *uc)
{
    int status, e = errno;
    pid_t pid;
    (void)sig, (void)uc;
    signals++;
    must(number(info->si_pid) >= 0);
    digest = mix(digest, number(info->si_pid) * 100 + info->si_code);
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
        int i = number(pid);
        must(i >= 0);
        digest = mix(digest, i);
        if (WIFSTOPPED(status)) {
            stopped++;
            kill(pid, SIGCONT);
        } else if (WIFCONTINUED(status)) {
            continued++;
        } else {
            must(WIFEXITED(status) && WEXITSTATUS(status) == i);
            ended++;
        }
    }
    errno = e;
}

int main(void)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigset_t chld, old;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigaction(SIGCHLD, &sa, NULL);
    for (int i = 0; i < N; i++) {
        sigprocmask(SIG_BLOCK, &chld, &old);
        must((pids[i] = fork()) >= 0);
        if (pids[i] == 0) {
            uint64_t state = i;
            work(dice(&state, 3000000));
            if (i % 4 == 0)
                raise(SIGSTOP);
            work(dice(&state, 3000000));
            _exit(i);
        }
        sigprocmask(SIG_SETMASK, &old, NULL);
    }
    sigprocmask(SIG_BLOCK, &chld, &old);
    while (ended < N)
        sigsuspend(&old);
    must(stopped == N / 4 && continued <= stopped);
    printf("%ld %d ", signals, continued);
    return print_digest(digest);
}
