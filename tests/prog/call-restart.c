/* call-restart.c - checklist 1 and 2: calls that a signal interrupts. Which return EINTR, which start again, and what is
 * left of the time. */
#include "expect.h"
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

static volatile int hits;

static void hit(int sig)
{
    (void)sig;
    hits++;
}

static void handle(int sig, int flags)
{
    struct sigaction sa = { .sa_handler = hit, .sa_flags = flags };
    sigaction(sig, &sa, NULL);
}

static void alarm_in(int ms)
{
    struct itimerval it = { .it_value = { 0, ms * 1000 } };
    setitimer(ITIMER_REAL, &it, NULL);
}

/* A child that writes a byte after ms: what ends a read that was started again. */
static pid_t writer(int fd, int ms)
{
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(ms);
        _exit(write(fd, "x", 1) != 1);
    }
    return pid;
}

static void read_eintr(int p[2])
{
    char c;
    handle(SIGALRM, 0);
    alarm_in(200);
    expect_error("read without SA_RESTART", read(p[0], &c, 1), EINTR);
    expect("handler ran", hits, 1);
}

static void read_restarts(int p[2])
{
    char c = 0;
    handle(SIGALRM, SA_RESTART);
    pid_t pid = writer(p[1], 600);
    alarm_in(200);
    expect("read with SA_RESTART", read(p[0], &c, 1), 1);
    expect("byte read", c, 'x');
    expect("handler ran", hits, 2);
    expect("writer", wait_status(pid), 0);
}

static void sleep_remains(void)
{
    struct timespec ts = { 5, 0 }, rem = { -1, -1 };
    handle(SIGALRM, SA_RESTART);
    alarm_in(200);
    expect_error("nanosleep, even with SA_RESTART", nanosleep(&ts, &rem), EINTR);
    expect("remainder in seconds", rem.tv_sec, 4);
    expect("remainder in nanoseconds is sane", rem.tv_nsec > 500000000 && rem.tv_nsec < 1000000000, 1);
    ts = (struct timespec){ 5, 0 };
    alarm_in(200);
    expect("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem), EINTR);
    expect("remainder in seconds", rem.tv_sec, 4);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += 5;
    rem.tv_sec = 77;
    alarm_in(200);
    expect("clock_nanosleep until a moment", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &rem), EINTR);
    expect("its remainder is not touched", rem.tv_sec, 77);
}

static void polls(int p[2])
{
    struct pollfd pfd = { p[0], POLLIN, 0 };
    fd_set set;
    struct timeval tv = { 5, 0 };
    struct epoll_event ev;
    handle(SIGALRM, SA_RESTART);
    alarm_in(200);
    expect_error("poll, even with SA_RESTART", poll(&pfd, 1, 5000), EINTR);
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    alarm_in(200);
    expect_error("select", select(p[0] + 1, &set, NULL, NULL, &tv), EINTR);
    int ep = epoll_create1(0);
    alarm_in(200);
    expect_error("epoll_wait", epoll_wait(ep, &ev, 1, 5000), EINTR);
    close(ep);
    alarm_in(200);
    expect_error("pause", pause(), EINTR);
}

/* SIGCONT without a handler after SIGSTOP: nanosleep and poll go on through restart_syscall, nobody sees EINTR. */
static void stop_and_go(int p[2])
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        sleep_ms(100);
        kill(parent, SIGSTOP);
        sleep_ms(100);
        kill(parent, SIGCONT);
        sleep_ms(300);
        kill(parent, SIGSTOP);
        sleep_ms(100);
        kill(parent, SIGCONT);
        _exit(0);
    }
    struct timespec ts = { 0, 400000000 };
    struct pollfd pfd = { p[0], POLLIN, 0 };
    expect("nanosleep across stop and continue", nanosleep(&ts, NULL), 0);
    expect("poll across stop and continue", poll(&pfd, 1, 500), 0);
    expect("stopper", wait_status(pid), 0);
}

/* A signal that is ignored interrupts nothing. */
static void ignored(int p[2])
{
    char c = 0;
    signal(SIGUSR1, SIG_IGN);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        sleep_ms(100);
        kill(parent, SIGUSR1);
        sleep_ms(100);
        _exit(write(p[1], "i", 1) != 1);
    }
    struct pollfd pfd = { p[0], POLLIN, 0 };
    expect("poll while an ignored signal comes", poll(&pfd, 1, 5000), 1);
    expect("read then", read(p[0], &c, 1), 1);
    expect("child", wait_status(pid), 0);
    struct epoll_event ev = { .events = EPOLLIN };
    int ep = epoll_create1(0);
    epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
    pid = fork();
    if (pid == 0) {
        sleep_ms(100);
        kill(parent, SIGUSR1);
        sleep_ms(100);
        _exit(write(p[1], "e", 1) != 1);
    }
    expect("epoll_wait while an ignored signal comes", epoll_wait(ep, &ev, 1, 5000), 1);
    expect("read then", read(p[0], &c, 1), 1);
    expect("child", wait_status(pid), 0);
    /* A socket with a time limit gives up at any signal that wakes it; an ignored one does not. */
    int s[2];
    struct timeval limit = { 5, 0 };
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (int i = 0; i < 2; i++) {
        pid = fork();
        if (pid == 0) {
            sleep_ms(100);
            kill(parent, SIGUSR1);
            sleep_ms(100);
            _exit(write(s[1], "s", 1) != 1);
        }
        if (i)
            expect("read of a socket with a time limit", read(s[0], &c, 1), 1);
        else
            expect("recv with a time limit while an ignored signal comes", recv(s[0], &c, 1, 0), 1);
        expect("child", wait_status(pid), 0);
    }
    close(s[0]), close(s[1]);
}

/* A reader that is slow to begin, while ignored signals come. Its status says whether it read `size` bytes in order. */
static pid_t slow_reader(int p[2], size_t size, int signals)
{
    pid_t parent = getpid(), pid = fork();
    if (pid)
        return pid;
    close(p[1]);
    for (int i = 0; i < signals; i++) {
        sleep_ms(60);
        kill(parent, i % 2 ? SIGUSR1 : SIGCHLD);
    }
    sleep_ms(60);
    unsigned char buf[4096];
    size_t got = 0;
    bool good = true;
    for (ssize_t n; (n = read(p[0], buf, sizeof buf)) > 0; got += n)
        for (ssize_t i = 0; i < n; i++)
            good &= buf[i] == (unsigned char)((got + i) % 251);
    _exit(got != size ? 2 : !good);
}

/* ... nor does it cut a write short; a handler does. */
static void whole_writes(void)
{
    enum { SIZE = 1000000 };
    unsigned char *big = malloc(SIZE);
    int p[2];
    for (int i = 0; i < SIZE; i++)
        big[i] = i % 251;
    signal(SIGUSR1, SIG_IGN);
    for (int how = 0; how < 3; how++) {
        struct iovec v[4] = { { big, 0 }, { big, 300 }, { big + 300, 500000 }, { big + 500300, SIZE - 500300 } };
        expect("a pipe, or sockets", how == 1 ? socketpair(AF_UNIX, SOCK_STREAM, 0, p) : pipe(p), 0);
        pid_t pid = slow_reader(p, SIZE, 4);
        close(p[0]);
        expect("write while ignored signals come", how == 0 ? write(p[1], big, SIZE) : how == 1 ? send(p[1], big, SIZE, 0) :
               writev(p[1], v, 4), SIZE);
        close(p[1]);
        expect("all arrives once", wait_status(pid), 0);
    }
    handle(SIGUSR1, SA_RESTART);
    expect("pipe", pipe(p), 0);
    pid_t pid = slow_reader(p, 65536, 4);
    close(p[0]);
    hits = 0;
    expect("write while a handler runs", write(p[1], big, SIZE), 65536);
    expect("handler ran", hits, 1);
    close(p[1]);
    expect("what was written arrives", wait_status(pid), 0);
    free(big);
}

/* Nor does it begin a time-out anew. */
static void timeouts(void)
{
    struct timespec limit = { 0, 300000000 };
    struct sembuf op = { 0, -1, 0 };
    struct epoll_event ev;
    sigset_t set;
    int ep = epoll_create1(0), sem = semget(IPC_PRIVATE, 1, 0600), ret = 0;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        for (;;) {
            sleep_ms(100);
            if (getppid() != parent || kill(parent, SIGWINCH))
                _exit(0);
        }
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    expect("a semaphore", sem >= 0, 1);
    for (int how = 0; how < 4; how++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        switch (how) {
        case 0: ret = syscall(SYS_rt_sigtimedwait, &set, NULL, &limit, 8); break;
        case 1: ret = semtimedop(sem, &op, 1, &limit); break;
        case 2: ret = syscall(SYS_epoll_pwait2, ep, &ev, 1, &limit, NULL, 0); break;
        case 3: ret = epoll_wait(ep, &ev, 1, 300); break;
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
        expect("a time-out while ignored signals come", how < 2 ? ret == -1 && errno == EAGAIN : ret == 0, 1);
        expect("... is as long as it was to be", ms >= 299 && ms < 1500, 1);
        expect("... is what it was", limit.tv_sec * 1000000000 + limit.tv_nsec, 300000000);
    }
    semctl(sem, 0, IPC_RMID);
    kill(pid, SIGKILL);
    wait_status(pid);
}

static int through[2];
static volatile long wrote;
static volatile int polled, both;

static void *writes(void *arg)
{
    wrote = write(through[1], arg, 400000);
    both |= 1;
    return arg;
}

static void *waits_for_events(void *arg)
{
    struct epoll_event ev;
    int n = epoll_wait(epoll_create1(0), &ev, 1, 400);
    polled = n < 0 ? errno : n;
    both |= 2;
    return arg;
}

/* The same where another thread takes the signal that woke this one. */
static void threads_ignore(void)
{
    char *big = calloc(1, 400000);
    pthread_t t[2];
    pid_t parent = getpid();
    expect("pipe", pipe(through), 0);
    signal(SIGUSR1, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        char buf[4096];
        close(through[1]);
        for (int i = 0; i < 40; i++) {
            sleep_ms(5);
            kill(parent, i % 2 ? SIGUSR1 : SIGCHLD);
        }
        while (read(through[0], buf, sizeof buf) > 0)
            ;
        _exit(0);
    }
    close(through[0]);
    pthread_create(&t[0], NULL, writes, big);
    pthread_create(&t[1], NULL, waits_for_events, NULL);
    while (both != 3)
        getppid();
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    close(through[1]);
    expect("child", wait_status(pid), 0);
    expect("a thread's write", wrote, 400000);
    expect("a thread's epoll_wait", polled, 0);
    free(big);
}

static pthread_mutex_t heir;
static volatile pid_t waiter;

static void *inherits(void *arg)
{
    waiter = syscall(SYS_gettid);
    pthread_mutex_lock(&heir);
    pthread_mutex_unlock(&heir);
    return arg;
}

/* The kernel makes a call for a lock again that has changed hands meanwhile, and tells of it in the lock's word. */
static void locks_again(void)
{
    pthread_mutexattr_t attr;
    pthread_t t;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&heir, &attr);
    pthread_mutex_lock(&heir);
    pthread_create(&t, NULL, inherits, NULL);
    sleep_ms(20);
    expect("who waits is signalled", syscall(SYS_tgkill, getpid(), waiter, SIGWINCH), 0);
    for (volatile int i = 0; i < 300000; i++)
        ;
    pthread_mutex_unlock(&heir);
    pthread_mutex_lock(&heir);
    sleep_ms(20);
    expect("unlock", pthread_mutex_unlock(&heir), 0);
    expect("join", pthread_join(t, NULL), 0);
    expect("lock", pthread_mutex_trylock(&heir), 0);
}

int main(void)
{
    int p[2];
    expect("pipe", pipe(p), 0);
    read_eintr(p);
    read_restarts(p);
    sleep_remains();
    polls(p);
    stop_and_go(p);
    ignored(p);
    whole_writes();
    timeouts();
    threads_ignore();
    locks_again();
    return done();
}
