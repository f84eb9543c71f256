/* sig-storm.c - as many signals between threads as the second argument says. The first one says how:
 *
 *   pthread_kill   one by one: the handler answers each
 *   tgkill         without an answer: those that come while one is pending get lost
 *   sigqueue       real-time signals with values, none gets lost and all come in order
 *   queues         the same with four signals at once, taken with sigwaitinfo: the smallest number first */
#include "race.h"
#include <semaphore.h>

static int n;
static const char *how;
static atomic_int receiver_tid, sent_all;
static pthread_t receiver;
static sem_t answer;
static volatile long got;
static volatile uint64_t digest;
static int lasts[4] = { -1, -1, -1, -1 };

static void handler(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    got++;
    digest = mix(digest, sig + info->si_code);
    if (!strcmp(how, "pthread_kill"))
        sem_post(&answer);
    if (!strcmp(how, "sigqueue")) {
        must(info->si_value.sival_int == got - 1);
        digest = mix(digest, info->si_value.sival_int);
    }
}

static void send_all(void)
{
    uint64_t state = 1;
    int counts[4] = { 0 };
    for (int i = 0; i < n; i++) {
        if (!strcmp(how, "pthread_kill")) {
            must(pthread_kill(receiver, SIGUSR1) == 0);
            while (sem_wait(&answer) && errno == EINTR)
                ;
        } else if (!strcmp(how, "tgkill")) {
            must(syscall(SYS_tgkill, getpid(), receiver_tid, SIGUSR1) == 0);
        } else {
            int which = how[0] == 'q' ? (int)dice(&state, 4) : 0;
            union sigval v = { .sival_int = counts[which]++ };
            while (sigqueue(getpid(), SIGRTMIN + which, v)) {
                must(errno == EAGAIN);
                sched_yield();
            }
            work(dice(&state, 10000));
        }
    }
    sent_all = 1;
}

static void take_all(void)
{
    sigset_t set;
    siginfo_t info;
    struct timespec zero = { 0, 20000000 };
    sigemptyset(&set);
    for (int i = 0; i < 4; i++)
        sigaddset(&set, SIGRTMIN + i);
    while (got < n) {
        int sig = sigtimedwait(&set, &info, &zero);
        if (sig < 0)
            continue;
        int which = sig - SIGRTMIN;
        must(info.si_value.sival_int == lasts[which] + 1);
        lasts[which]++;
        got++;
        digest = mix(digest, which);
    }
}

static void *receives(void *arg)
{
    sigset_t none;
    sigemptyset(&none);
    receiver_tid = gettid();
    if (how[0] == 'q') {
        take_all();
        return arg;
    }
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    while (!sent_all || (how[0] == 's' && got < n)) {
        digest = mix(digest, got);
        if (how[0] == 'p')
            sched_yield(); /* who is awaited must not wait until we have had our fill */
        else
            getppid();
    }
    return arg;
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigset_t all;
    how = argc > 1 ? argv[1] : "pthread_kill";
    n = argc > 2 ? atoi(argv[2]) : 10000;
    sem_init(&answer, 0, 0);
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGRTMIN, &sa, NULL);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    must(pthread_create(&receiver, NULL, receives, NULL) == 0);
    while (!receiver_tid)
        sched_yield();
    send_all();
    pthread_join(receiver, NULL);
    must(how[0] == 't' ? got > 0 && got <= n : got == n);
    printf("%ld ", got);
    return print_digest(digest);
}
