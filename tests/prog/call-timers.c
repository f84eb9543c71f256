/* call-timers.c - checklist 17: timers of every kind, set, read, changed and stopped; a child inherits none, an exec keeps the
 * alarm. With the argument "wait": it has a timer each of whose ticks would be far away, says so, and waits for a line. */
#include "expect.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static volatile int hits;

static void hit(int sig)
{
    (void)sig;
    hits++;
}

static timer_t create(clockid_t clock, int sig)
{
    timer_t t = 0;
    struct sigevent e = { .sigev_notify = sig ? SIGEV_SIGNAL : SIGEV_NONE, .sigev_signo = sig };
    expect("timer_create", timer_create(clock, &e, &t), 0);
    return t;
}

static void posix_timers(void)
{
    struct itimerspec far = { { 500, 0 }, { 1000, 0 } }, off = { 0 }, now = { 0 }, soon = { { 0, 0 }, { 0, 20000000 } };
    timer_t a = create(CLOCK_MONOTONIC, SIGUSR1), b = create(CLOCK_REALTIME, 0), c = create(CLOCK_BOOTTIME, SIGUSR1);
    expect("timer_settime", timer_settime(a, 0, &far, &now), 0);
    expect("it was off", now.it_value.tv_sec + now.it_value.tv_nsec, 0);
    expect("timer_gettime", timer_gettime(a, &now), 0);
    expect("what is left", now.it_value.tv_sec >= 900 && now.it_value.tv_sec <= 1000, 1);
    expect("its interval", now.it_interval.tv_sec, 500);
    expect("one without a signal", timer_settime(b, 0, &soon, NULL), 0);
    sleep_ms(40);
    expect("timer_gettime", timer_gettime(b, &now), 0);
    expect("it is over", now.it_value.tv_sec + now.it_value.tv_nsec, 0);
    struct timespec at;
    clock_gettime(CLOCK_BOOTTIME, &at);
    soon.it_value = at;
    hits = 0;
    expect("timer_settime to a moment that is past", timer_settime(c, TIMER_ABSTIME, &soon, NULL), 0);
    for (int i = 0; i < 1000 && !hits; i++)
        sleep_ms(1);
    expect("handler ran", hits, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(timer_gettime(a, &now) == -1 && errno == EINVAL ? 3 : 4);
    expect("a child has none", wait_status(pid), 3);
    expect("timer_settime to off", timer_settime(a, 0, &off, &now), 0);
    expect("what was left", now.it_value.tv_sec >= 900, 1);
    expect("timer_delete", timer_delete(a) + timer_delete(b) + timer_delete(c), 0);
    expect_error("of one that is gone", timer_gettime(a, &now), EINVAL);
}

static volatile long ticks, wrong;

static void tick(int sig, siginfo_t *info, void *context)
{
    (void)context;
    ticks++;
    wrong += sig != SIGRTMIN + 1 || info->si_code != SI_TIMER || info->si_value.sival_int != 4711;
}

/* A real-time signal of a timer has its place in the queue; nobody else's has, since the program is allowed none. */
static void full_queue(void)
{
    struct sigaction sa = { .sa_sigaction = tick, .sa_flags = SA_SIGINFO };
    struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 4711 };
    struct itimerspec often = { { 0, 300000 }, { 0, 300000 } }, off = { 0 };
    struct rlimit was, none;
    timer_t t;
    sigaction(SIGRTMIN + 1, &sa, NULL);
    expect("timer_create", timer_create(CLOCK_MONOTONIC, &e, &t), 0);
    getrlimit(RLIMIT_SIGPENDING, &was);
    none = was;
    none.rlim_cur = 0;
    expect("setrlimit", setrlimit(RLIMIT_SIGPENDING, &none), 0);
    expect("timer_settime", timer_settime(t, 0, &often, NULL), 0);
    while (ticks < 40) {
        for (volatile int i = 0; i < 20000; i++)
            ;
        getppid();
    }
    expect("timer_delete", timer_settime(t, 0, &off, NULL) + timer_delete(t), 0);
    setrlimit(RLIMIT_SIGPENDING, &was);
    expect("ticks that carried something else", wrong, 0);
}

static void interval_timers(const char *self)
{
    struct itimerval far = { { 500, 0 }, { 1000, 0 } }, off = { { 0, 0 }, { 0, 0 } }, now;
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
        expect("setitimer", setitimer(which, &far, &now), 0);
        expect("it was off", now.it_value.tv_sec + now.it_value.tv_usec, 0);
        expect("getitimer", getitimer(which, &now), 0);
        expect("what is left", now.it_value.tv_sec >= 900 && now.it_value.tv_sec <= 1000, 1);
        expect("its interval", now.it_interval.tv_sec, 500);
    }
    expect("alarm, which is the same as the first", alarm(300) >= 900, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(alarm(0) == 0 ? 5 : 6);
    expect("a child has none", wait_status(pid), 5);
    pid = fork();
    if (pid == 0) {
        alarm(200);
        execl(self, self, "left", (char *)NULL);
        _exit(99);
    }
    expect("an exec keeps it", wait_status(pid), 7);
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
        expect("setitimer to off", setitimer(which, &off, NULL), 0);
    hits = 0;
    signal(SIGALRM, hit);
    signal(SIGVTALRM, hit);
    struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
    expect("setitimer", setitimer(ITIMER_REAL, &soon, NULL) + setitimer(ITIMER_VIRTUAL, &soon, NULL), 0);
    for (long i = 0; i < 100000000 && hits < 2; i++)
        if (i % 1000 == 0)
            getppid();
    expect("handlers ran", hits, 2);
}

static void descriptors(void)
{
    struct itimerspec far = { { 0, 0 }, { 1000, 0 } }, soon = { { 0, 10000000 }, { 0, 10000000 } }, now;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    uint64_t n = 0;
    expect("timerfd_settime", timerfd_settime(fd, 0, &far, NULL), 0);
    expect("timerfd_gettime", timerfd_gettime(fd, &now), 0);
    expect("what is left", now.it_value.tv_sec >= 900, 1);
    expect_error("read before its time", read(fd, &n, 8), EAGAIN);
    expect("timerfd_settime", timerfd_settime(fd, 0, &soon, &now), 0);
    expect("what was left", now.it_value.tv_sec >= 900, 1);
    struct pollfd p = { fd, POLLIN, 0 };
    expect("poll", poll(&p, 1, 5000), 1);
    expect("read", read(fd, &n, 8), 8);
    expect("ticks", n >= 1, 1);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "left"))
        return alarm(0) >= 100 ? 7 : 8;
    if (argc > 1 && !strcmp(argv[1], "wait")) {
        struct itimerspec far = { { 500, 0 }, { 1000, 0 } };
        char line[8];
        expect("timer_settime", timer_settime(create(CLOCK_MONOTONIC, SIGUSR1), 0, &far, NULL), 0);
        return read(0, line, sizeof line) < 1;
    }
    signal(SIGUSR1, hit);
    posix_timers();
    full_queue();
    interval_timers(argv[0]);
    descriptors();
    return done();
}
