/* sig-timer.c - timers that expire every millisecond, or so, sixty times. The argument says how that is told: thread
 * (SIGEV_THREAD), signal (SIGEV_SIGNAL with a value, and overruns), thread-id (to one thread of three), timerfd, alarm (once),
 * cpu (of CPU time, in a loop with calls). */
#include "race.h"
#include <poll.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static volatile long expired, overruns;
static volatile uint64_t digest;
static timer_t timer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_int tid;

static void notify(union sigval v)
{
    pthread_mutex_lock(&lock);
    must(v.sival_int == 77);
    expired++;
    digest = mix(digest, timer_getoverrun(timer));
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void handler(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    if (info->si_code == SI_TIMER) {
        must(info->si_value.sival_int == 77);
        overruns += info->si_overrun;
        digest = mix(digest, timer_getoverrun(timer) + (gettid() == tid) * 100);
    }
    digest = mix(digest, sig);
    expired++;
}

static void start(clockid_t clock, int notify_how, int sig)
{
    struct sigevent e = { .sigev_notify = notify_how, .sigev_signo = sig, .sigev_value.sival_int = 77 };
    struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
    if (notify_how == SIGEV_THREAD)
        e.sigev_notify_function = notify;
    if (notify_how == SIGEV_THREAD_ID)
        e._sigev_un._tid = tid;
    must(timer_create(clock, &e, &timer) == 0);
    must(timer_settime(timer, 0, &each, NULL) == 0);
}

static void *counts(void *arg)
{
    if (arg)
        tid = gettid();
    while (expired < 60) {
        digest = mix(digest, expired);
        struct timespec t = { 0, 200000 };
        nanosleep(&t, NULL);
    }
    return arg;
}

static void by_thread(void)
{
    start(CLOCK_MONOTONIC, SIGEV_THREAD, 0);
    pthread_mutex_lock(&lock);
    while (expired < 60)
        pthread_cond_wait(&changed, &lock);
    timer_delete(timer);
    pthread_mutex_unlock(&lock);
}

static void by_signal(void)
{
    struct timespec t = { 0, 3300000 };
    sigset_t alarm;
    start(CLOCK_REALTIME, SIGEV_SIGNAL, SIGALRM);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    for (int i = 0; expired < 60; i++) {
        sigprocmask(i % 2 ? SIG_UNBLOCK : SIG_BLOCK, &alarm, NULL);
        nanosleep(&t, NULL);
    }
    timer_delete(timer);
}

static void by_thread_id(void)
{
    pthread_t t[2];
    for (intptr_t i = 0; i < 2; i++)
        must(pthread_create(&t[i], NULL, counts, (void *)i) == 0);
    while (!tid)
        sched_yield();
    start(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN + 1);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    timer_delete(timer);
}

static void by_timerfd(void)
{
    struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    must(timerfd_settime(fd, 0, &each, NULL) == 0);
    for (int i = 0; i < 60; i++) {
        struct pollfd p = { fd, POLLIN, 0 };
        struct itimerspec left;
        uint64_t n;
        work(i % 7 * 1000000);
        while (read(fd, &n, 8) != 8)
            must(poll(&p, 1, 1000) == 1);
        expired += n;
        timerfd_gettime(fd, &left);
        digest = mix(digest, n + left.it_value.tv_nsec);
    }
}

static void by_alarm(void)
{
    long loops = 0;
    alarm(1);
    for (; !expired; loops++) {
        struct timespec t = { 0, 1000000 };
        nanosleep(&t, NULL);
    }
    digest = mix(digest, loops);
}

static void by_cpu_time(void)
{
    long loops = 0;
    struct itimerval prof = { { 0, 4000 }, { 0, 4000 } };
    start(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGALRM);
    setitimer(ITIMER_PROF, &prof, NULL);
    for (; expired < 20; loops++) {
        work(10000);
        getppid();
    }
    digest = mix(digest, loops);
    timer_delete(timer);
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
    const char *how = argc > 1 ? argv[1] : "signal";
    sigaction(SIGALRM, &sa, NULL);
    sigaction(SIGPROF, &sa, NULL);
    sigaction(SIGRTMIN + 1, &sa, NULL);
    if (!strcmp(how, "thread"))
        by_thread();
    else if (!strcmp(how, "thread-id"))
        by_thread_id();
    else if (!strcmp(how, "timerfd"))
        by_timerfd();
    else if (!strcmp(how, "alarm"))
        by_alarm();
    else if (!strcmp(how, "cpu"))
        by_cpu_time();
    else
        by_signal();
    printf("%ld %ld ", expired, overruns);
    return print_digest(digest);
}
