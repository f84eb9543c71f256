/* call-thread.c - threads: create and join, mutex and condition ping-pong, eight threads that write lines, a cancelled one,
 * thread-local storage, robust and PI mutexes. */
#include "expect.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn, rounds = 100;
static atomic_int sum;
static __thread int mine;

static void *player(void *arg)
{
    int me = (intptr_t)arg;
    for (int i = 0; i < rounds; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&changed, &lock);
        turn = !me;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void ping_pong(void)
{
    pthread_t t[2];
    void *r;
    for (intptr_t i = 0; i < 2; i++)
        expect("pthread_create", pthread_create(&t[i], NULL, player, (void *)i), 0);
    for (intptr_t i = 0; i < 2; i++) {
        pthread_join(t[i], &r);
        expect("player", (intptr_t)r, i);
    }
    expect("turn at the end", turn, 0);
}

/* Each holds the lock for its two writes: pairs of lines stay together. */
static void *line_writer(void *arg)
{
    char line[64];
    for (int i = 0; i < 10; i++) {
        pthread_mutex_lock(&lock);
        int len = snprintf(line, sizeof line, "%ld begins\n", (long)(intptr_t)arg);
        if (write(2, line, len) != len)
            abort();
        len = snprintf(line, sizeof line, "%ld ends\n", (long)(intptr_t)arg);
        if (write(2, line, len) != len)
            abort();
        mine++;
        pthread_mutex_unlock(&lock);
    }
    atomic_fetch_add(&sum, mine);
    return NULL;
}

static void writers(void)
{
    pthread_t t[8];
    for (intptr_t i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, line_writer, (void *)i);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    expect("lines in pairs", sum, 80);
    expect("our own counter", mine, 0);
}

static sem_t sem;

static void *sleeper(void *arg)
{
    sem_post(&sem);
    for (;;)
        sleep_ms(1000);
    return arg;
}

static void cancels(void)
{
    pthread_t t;
    void *r;
    sem_init(&sem, 0, 0);
    pthread_create(&t, NULL, sleeper, NULL);
    sem_wait(&sem);
    expect("pthread_cancel", pthread_cancel(t), 0);
    pthread_join(t, &r);
    expect("it was cancelled", r == PTHREAD_CANCELED, 1);
}

static pthread_mutex_t robust;

static void *dies_with_lock(void *arg)
{
    pthread_mutex_lock(&robust);
    return arg;
}

static void robusts(void)
{
    pthread_mutexattr_t a;
    pthread_t t;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &a);
    pthread_create(&t, NULL, dies_with_lock, NULL);
    pthread_join(t, NULL);
    expect("lock of a dead owner", pthread_mutex_lock(&robust), EOWNERDEAD);
    expect("pthread_mutex_consistent", pthread_mutex_consistent(&robust), 0);
    expect("unlock", pthread_mutex_unlock(&robust), 0);
}

static pthread_mutex_t pi;
static int counter;

static void *adds(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&pi);
        counter++;
        pthread_mutex_unlock(&pi);
    }
    return arg;
}

static void inherits(void)
{
    pthread_mutexattr_t a;
    pthread_t t[4];
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    expect("mutex with priority inheritance", pthread_mutex_init(&pi, &a), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, adds, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    expect("counter", counter, 4000);
}

static volatile sig_atomic_t in_thread;
static pthread_t target;

static void hit(int sig)
{
    (void)sig;
    in_thread = pthread_equal(pthread_self(), target);
}

static void *waits_for_signal(void *arg)
{
    while (!in_thread)
        sleep_ms(5);
    return arg;
}

static void signals(void)
{
    signal(SIGUSR1, hit);
    pthread_create(&target, NULL, waits_for_signal, NULL);
    expect("pthread_kill", pthread_kill(target, SIGUSR1), 0);
    pthread_join(target, NULL);
    expect("its handler ran in that thread", in_thread, 1);
}

static atomic_int computed;

static void *waits_for_turns(void *arg)
{
    while (!computed)
        sleep_ms(5);
    return arg;
}

/* The first thread has ended. */
static void *goes_on(void *arg)
{
    struct timespec from, now;
    volatile unsigned long steps = 0;
    sleep_ms(20);
    int fd = open("/proc/thread-self/exe", O_RDONLY); /* of the process it is gone */
    char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED || memcmp(at, "\177ELF", 4))
        _exit(1);
    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        for (int i = 0; i < 40000000; i++)
            steps = steps * 31 + i;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < 100);
    computed = 1;
    exit(steps == 0);
    return arg;
}

static void first_ends(void)
{
    pthread_t t;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_create(&t, NULL, waits_for_turns, NULL);
        pthread_create(&t, NULL, goes_on, NULL);
        pthread_exit(NULL);
    }
    expect("others go on without the first thread", wait_status(pid), 0);
}

int main(void)
{
    ping_pong();
    writers();
    cancels();
    robusts();
    inherits();
    signals();
    first_ends();
    return done();
}
