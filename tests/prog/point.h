/* point.h - a loop without any call, and what looks at it from outside. The program defines loop(), which goes on until
 * `over` is set, and progress(): of the interrupted context, or NULL when the loop has ended. The arguments:
 *
 *   itimer [TICKS]   a timer's signal every millisecond; its handler prints the progress, and ends the loop after TICKS
 *   posix [TICKS]    the same with timer_create
 *   thread           another thread ends the loop after 50 ms
 *   both             a thread ends it while the timer goes on */
#ifndef POINT_H
#define POINT_H
#include "expect.h"
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile int over;
static volatile long last;

static void loop(void);
static uint64_t progress(const ucontext_t *uc);

static int ticks, last_tick = 50;

static void print_progress(uint64_t n)
{
    char line[17];
    for (int i = 0; i < 16; i++)
        line[i] = "0123456789abcdef"[n >> (60 - 4 * i) & 15];
    line[16] = '\n';
    if (write(1, line, sizeof line) != sizeof line)
        _exit(1);
}

static void tick(int sig, siginfo_t *info, void *uc)
{
    int e = errno;
    (void)sig, (void)info;
    if (ticks >= last_tick)
        return; /* pending already when the last one ended the loop */
    print_progress(progress(uc));
    if (++ticks == last_tick)
        over = 1;
    errno = e;
}

static void *ends_it(void *arg)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    sleep_ms(50);
    over = 1;
    return arg;
}

static void start_timer(const char *how, int on)
{
    static timer_t timer;
    if (!strcmp(how, "posix")) {
        struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
        struct itimerspec each = { { 0, on * 1000000 }, { 0, on * 1000000 } };
        if (on)
            timer_create(CLOCK_MONOTONIC, &e, &timer);
        timer_settime(timer, 0, &each, NULL);
    } else {
        struct itimerval each = { { 0, on * 1000 }, { 0, on * 1000 } };
        setitimer(ITIMER_REAL, &each, NULL);
    }
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "itimer";
    struct sigaction sa = { .sa_sigaction = tick, .sa_flags = SA_SIGINFO };
    int timed = !!strcmp(how, "thread"), thread = !timed || !strcmp(how, "both");
    pthread_t t;
    if (argc > 2)
        last_tick = atoi(argv[2]);
    if (thread) {
        last_tick = -1;
        if (pthread_create(&t, NULL, ends_it, NULL))
            return 1;
    }
    sigaction(SIGALRM, &sa, NULL);
    if (timed)
        start_timer(how, 1);
    loop();
    if (timed)
        start_timer(how, 0);
    if (thread)
        pthread_join(t, NULL);
    print_progress(progress(NULL));
    return 0;
}

#endif
