/* race.h - what race-*.c share: threads and processes that start together, work without calls, a digest of who came when. */
#ifndef RACE_H
#define RACE_H
#include "expect.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* What cannot be, whatever the order. */
#define must(condition) \
    ((condition) ? (void)0 : (void)(fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), _exit(99)))

static inline uint64_t mix(uint64_t digest, uint64_t what)
{
    return (digest ^ what) * 0x100000001b3;
}

/* N rounds of nothing. */
static inline void work(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        __asm__ volatile("" ::: "memory");
}

/* Below LIMIT; a sequence of each caller's own. */
static inline unsigned dice(uint64_t *state, unsigned limit)
{
    *state = *state * 6364136223846793005UL + 1442695040888963407UL;
    return (unsigned)(*state >> 33) % limit;
}

static inline void pause_cpu(void)
{
    __asm__ volatile("pause" ::: "memory");
}

struct racer { int id; void (*run)(int); pthread_barrier_t *start; pthread_t thread; };

static inline void *race_thread(void *arg)
{
    struct racer *r = arg;
    pthread_barrier_wait(r->start);
    r->run(r->id);
    return NULL;
}

/* Run RUN(0) to RUN(N - 1) in a thread each, from one moment on; back when all are done. */
static inline void race(int n, void (*run)(int))
{
    struct racer r[16];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, n);
    for (int i = 0; i < n; i++) {
        r[i] = (struct racer){ .id = i, .run = run, .start = &start };
        must(pthread_create(&r[i].thread, NULL, race_thread, &r[i]) == 0);
    }
    for (int i = 0; i < n; i++)
        must(pthread_join(r[i].thread, NULL) == 0);
    pthread_barrier_destroy(&start);
}

/* The same in processes. ARRIVED is in memory that they share, and 0. */
static inline void race_processes(int n, void (*run)(int), atomic_int *arrived)
{
    pid_t pid[16];
    for (int i = 0; i < n; i++) {
        fflush(stdout);
        must((pid[i] = fork()) >= 0);
        if (pid[i])
            continue;
        atomic_fetch_add(arrived, 1);
        while (atomic_load(arrived) < n)
            sched_yield();
        run(i);
        _exit(0);
    }
    for (int i = 0; i < n; i++)
        must(wait_status(pid[i]) == 0);
}

static inline int print_digest(uint64_t digest)
{
    printf("%016lx\n", digest);
    return fflush(stdout) != 0;
}

#endif
