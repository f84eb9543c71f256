/* sig-mask.c - signals that only ppoll, pselect, epoll_pwait and sigsuspend let in, from a child and a thread; the handler must
 * run there and nowhere else. */
#include "race.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static volatile int inside, over;
static volatile long came[2];
static volatile uint64_t digest;
static pthread_t waiter;

static void handler(int sig)
{
    must(inside);
    came[sig == SIGUSR2]++;
    digest = mix(digest, sig);
}

static void *sends(void *arg)
{
    while (!over) {
        struct timespec t = { 0, 250000 };
        nanosleep(&t, NULL);
        pthread_kill(waiter, SIGUSR1);
    }
    return arg;
}

int main(void)
{
    struct sigaction sa = { .sa_handler = handler };
    sigset_t both, one, none;
    struct timespec ms = { 0, 1000000 };
    struct epoll_event ev;
    pthread_t t;
    long interrupted = 0;
    int epoll = epoll_create1(0);
    waiter = pthread_self();
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGUSR2, &sa, NULL);
    sigemptyset(&none);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    both = one;
    sigaddset(&both, SIGUSR1);
    sigprocmask(SIG_BLOCK, &both, NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        for (;;) {
            struct timespec u = { 0, 400000 };
            nanosleep(&u, NULL);
            kill(parent, SIGUSR2);
        }
    }
    must(pthread_create(&t, NULL, sends, NULL) == 0);
    for (int i = 0; i < 200; i++) {
        const sigset_t *mask = i / 4 % 2 ? &one : &none;
        int r;
        inside = 1;
        switch (i % 4) {
        case 0: r = ppoll(NULL, 0, &ms, mask); break;
        case 1: r = pselect(0, NULL, NULL, NULL, &ms, mask); break;
        case 2: r = epoll_pwait(epoll, &ev, 1, 1, mask); break;
        default: r = sigsuspend(mask); break;
        }
        inside = 0;
        must(r == 0 || (r < 0 && errno == EINTR));
        interrupted += r < 0;
        digest = mix(digest, came[0] * 1000 + came[1]);
    }
    kill(child, SIGKILL);
    must(wait_status(child) == 128 + SIGKILL);
    over = 1;
    pthread_join(t, NULL);
    printf("%ld %ld %ld ", interrupted, came[0], came[1]);
    return print_digest(digest);
}
