/* sig-wait.c - three children and a thread send real-time signals with values; they are taken with sigwaitinfo, sigtimedwait and
 * a signalfd in turn. */
#include "race.h"
#include <poll.h>
#include <sys/signalfd.h>

#define EACH 150

static pid_t self;

static void send_all(int id)
{
    uint64_t state = id;
    for (int i = 0; i < EACH; i++) {
        struct timespec t = { 0, dice(&state, 300000) };
        nanosleep(&t, NULL);
        while (sigqueue(self, SIGRTMIN + (int)dice(&state, 3), (union sigval){ .sival_int = id }))
            must(errno == EAGAIN);
    }
}

static void *sends(void *arg)
{
    send_all(3);
    return arg;
}

int main(void)
{
    sigset_t set;
    pid_t pids[3];
    pthread_t t;
    long counts[4] = { 0 }, idle = 0;
    uint64_t digest = 0;
    self = getpid();
    sigemptyset(&set);
    for (int i = 0; i < 3; i++)
        sigaddset(&set, SIGRTMIN + i);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    for (int i = 0; i < 3; i++) {
        if ((pids[i] = fork()) == 0) {
            send_all(i);
            _exit(0);
        }
    }
    must(pthread_create(&t, NULL, sends, NULL) == 0);
    for (int i = 0; i < 4 * EACH; i++) {
        struct timespec ms = { 0, 100000 };
        struct signalfd_siginfo si;
        siginfo_t info;
        int sig, value, pid;
        if (i % 3 == 2) {
            struct pollfd p = { fd, POLLIN, 0 };
            while (read(fd, &si, sizeof si) != sizeof si)
                poll(&p, 1, -1);
            sig = si.ssi_signo, value = si.ssi_int, pid = si.ssi_pid;
        } else {
            while ((sig = i % 3 ? sigtimedwait(&set, &info, &ms) : sigwaitinfo(&set, &info)) < 0)
                idle++;
            value = info.si_value.sival_int, pid = info.si_pid;
        }
        must(pid == (value == 3 ? self : pids[value]));
        counts[value]++;
        digest = mix(digest, sig * 4 + value);
    }
    for (int i = 0; i < 3; i++)
        must(wait_status(pids[i]) == 0);
    pthread_join(t, NULL);
    for (int i = 0; i < 4; i++)
        must(counts[i] == EACH);
    printf("%ld ", idle);
    return print_digest(digest);
}
