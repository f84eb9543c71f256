/* call-ends.c - checklist 3 to 5: processes with threads that end, are killed, stopped and continued in the middle of
 * things, and threads that share a lock and make quick calls only. */
#include "expect.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

static void us(long n)
{
    struct timespec t = { n / 1000000, n % 1000000 * 1000 };
    nanosleep(&t, NULL);
}

static void start(void *(*what)(void *), int n)
{
    pthread_t t;
    for (int i = 0; i < n; i++)
        pthread_create(&t, NULL, what, NULL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counted;

static void *count_once(void *arg)
{
    pthread_mutex_lock(&lock);
    counted++;
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *makes_threads(void *arg)
{
    for (;;) {
        pthread_t t;
        pthread_create(&t, NULL, count_once, NULL);
        pthread_join(t, NULL);
    }
    return arg;
}

static void *forks(void *arg)
{
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return arg;
}

static void *vforks(void *arg)
{
    for (;;) {
        pid_t pid = vfork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return arg;
}

/* SIGKILL while threads make threads and children. */
static void killed(void)
{
    int by_signal = 0;
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start(i % 3 ? forks : vforks, 1);
            start(makes_threads, 2);
            for (;;)
                getppid();
        }
        us(500 + i * 70);
        kill(pid, SIGKILL);
        by_signal += wait_status(pid) == 128 + SIGKILL;
    }
    expect("killed", by_signal, 40);
}

static void *executes(void *arg)
{
    char *argv[] = { "/bin/true", NULL };
    execv(argv[0], argv);
    _exit(1);
    return arg;
}

/* SIGKILL while a thread makes an exec and the first one is gone. */
static void killed_in_exec(void)
{
    int ended = 0;
    for (int i = 0; i < 80; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start(executes, 1);
            syscall(SYS_exit, 0);
        }
        us(100 + i * 37 % 1500);
        kill(pid, SIGKILL);
        int status = wait_status(pid);
        ended += status == 0 || status == 128 + SIGKILL;
    }
    expect("killed in an exec", ended, 80);
}

static pid_t listener;

static void *signals_it(void *arg)
{
    for (;;)
        kill(listener, SIGRTMIN);
    return arg;
}

/* What threads do until exit_group ends them: each call is made once, by the leader's. */
static void exits_in_the_middle(void)
{
    struct timespec none = { 0, 0 };
    int strangers = 0, got = 0;
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    listener = getpid();
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start(signals_it, 3);
            us(300);
            _exit(0);
        }
        while (waitpid(pid, NULL, WNOHANG) == 0 || sigtimedwait(&set, &info, &none) > 0) {
            while (sigtimedwait(&set, &info, &none) > 0) {
                strangers += info.si_pid != pid;
                got = 1;
            }
            us(100);
        }
    }
    expect("signals came", got, 1);
    expect("none of them from somebody else", strangers, 0);
}

/* SIGSTOP, and after so long SIGCONT. 1: its parent saw it stop. */
static int stop_for(pid_t pid, long time)
{
    int status, seen;
    kill(pid, SIGSTOP);
    seen = waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status);
    us(time);
    kill(pid, SIGCONT);
    return seen;
}

/* Threads that make threads and children. */
static void stopped(void)
{
    int stops = 0;
    for (int i = 0; i < 12; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start(makes_threads, 2);
            start(i % 2 ? forks : vforks, 1);
            for (;;)
                getppid();
        }
        for (int k = 0; k < 4; k++) {
            us(300 + k * 400);
            stops += stop_for(pid, k * 200);
        }
        kill(pid, SIGKILL);
        wait_status(pid);
    }
    expect("stopped", stops, 48);
}

static volatile long turns;

static void *counts(void *arg)
{
    for (;;) {
        turns++;
        us(20);
    }
    return arg;
}

/* ... in front of calls for memory, which versions with other layouts make for themselves. */
static void stopped_at_memory(void)
{
    int stops = 0;
    for (int i = 0; i < 4; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start(counts, 1);
            for (;;) {
                for (int k = 0; k < 20; k++) {
                    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                    for (volatile int n = 0; n < 2000; n++)
                        ;
                    munmap(p, 4096);
                }
                close(1000000 + turns);
                us(1);
            }
        }
        us(5000);
        for (int k = 0; k < 6; k++) {
            stops += stop_for(pid, 1000);
            us(2000);
        }
        kill(pid, SIGKILL);
        wait_status(pid);
    }
    expect("stopped", stops, 24);
}

static void nothing(int sig)
{
    (void)sig;
}

static void spend(long rounds)
{
    for (volatile long n = 0; n < rounds; n++)
        ;
}

/* How many rounds of spend() take `ms` here. */
static long rounds_of(long ms)
{
    struct timespec a, b;
    const long some = 5000000;
    clock_gettime(CLOCK_MONOTONIC, &a);
    spend(some);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return some * (ms * 1000000.0 / ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec));
}

/* A signal came while it computed, and waits for its next call; then it is stopped for longer than a signal waits. */
static void stopped_with_a_signal(void)
{
    signal(SIGUSR1, nothing);
    long rounds = rounds_of(300);
    pid_t pid = fork();
    if (pid == 0) {
        spend(rounds);
        getppid();
        _exit(9);
    }
    us(30000);
    kill(pid, SIGUSR1);
    us(5000);
    expect("stopped", stop_for(pid, 1300000), 1);
    expect("ended", wait_status(pid), 9);
}

static void *computes_locked(void *arg)
{
    for (int i = 0; i < 150; i++) {
        pthread_mutex_lock(&lock);
        for (volatile int k = 0; k < 100000; k++)
            ;
        counted++;
        pthread_mutex_unlock(&lock);
        getppid();
    }
    return arg;
}

/* Nobody computes for 20 ms; but nobody makes a call that sleeps, either. */
static void quick_calls(void)
{
    pthread_t t[2];
    counted = 0;
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, computes_locked, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    expect("counted", counted, 300);
}

static void *has_children(void *arg)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
        us(500);
    }
    _exit(7);
    return arg;
}

/* SIGCHLD, ignored, wakes a pause that keeps nobody waiting. */
static void pauses(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        start(has_children, 1);
        for (;;)
            pause();
    }
    expect("a thread's children", wait_status(pid), 7);
}

int main(void)
{
    killed();
    killed_in_exec();
    exits_in_the_middle();
    stopped();
    stopped_at_memory();
    stopped_with_a_signal();
    quick_calls();
    pauses();
    return done();
}
