/* expect.h - a test program says what it expects beside what it does, and ends with the number of surprises. */
#ifndef EXPECT_H
#define EXPECT_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int surprises;

/* With TEST_THREAD in its environment a program has a second thread, which does nothing: so its calls are those of a
 * process whose tasks take turns. */
static void *idle(void *arg)
{
    for (;;)
        pause();
    return arg;
}

__attribute__((constructor)) static void with_thread(void)
{
    pthread_t t;
    sigset_t all, old;
    if (!getenv("TEST_THREAD"))
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    if (pthread_create(&t, NULL, idle, NULL))
        abort();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* One line: what was done, what came out; and what should have. */
static inline void expect(const char *what, long got, long want)
{
    if (got == want) {
        printf("%s: %ld\n", what, got);
    } else {
        printf("%s: %ld, expected %ld (errno %s)\n", what, got, want, strerrorname_np(errno) ?: "none");
        surprises++;
    }
    fflush(stdout);
}

/* A call that fails with ERR. */
static inline void expect_error(const char *what, long got, int err)
{
    int e = errno;
    expect(what, got == -1 ? e : -got, err);
}

static inline void expect_text(const char *what, const char *got, const char *want)
{
    if (!strcmp(got, want)) {
        printf("%s: %s\n", what, got);
    } else {
        printf("%s: %s, expected %s\n", what, got, want);
        surprises++;
    }
    fflush(stdout);
}

static inline int done(void)
{
    printf("surprises: %d\n", surprises);
    fflush(stdout);
    return surprises > 100 ? 100 : surprises;
}

static inline void sleep_ms(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&ts, &ts) && errno == EINTR)
        ;
}

/* Exit status of a child, or 128 + signal. */
static inline int wait_status(pid_t pid)
{
    int st = 0;
    pid_t r;
    while ((r = waitpid(pid, &st, 0)) < 0 && errno == EINTR)
        ;
    if (r != pid)
        return -1;
    return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

#endif
