/* race-pshared.c - a mutex, a condition, a barrier, a semaphore and a robust mutex whose owner dies, between processes. */
#include "race.h"
#include <semaphore.h>
#include <sys/mman.h>

static struct {
    atomic_int arrived;
    pthread_mutex_t lock, robust;
    pthread_cond_t changed;
    pthread_barrier_t meet;
    sem_t slots;
    uint64_t digest;
    long count, turn, deaths;
} *area;

static void init(void)
{
    pthread_mutexattr_t m;
    pthread_condattr_t c;
    pthread_barrierattr_t b;
    pthread_mutexattr_init(&m);
    pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
    must(pthread_mutex_init(&area->lock, &m) == 0);
    pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_ROBUST);
    must(pthread_mutex_init(&area->robust, &m) == 0);
    pthread_condattr_init(&c);
    pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
    must(pthread_cond_init(&area->changed, &c) == 0);
    pthread_barrierattr_init(&b);
    pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
    must(pthread_barrier_init(&area->meet, &b, 3) == 0);
    must(sem_init(&area->slots, 1, 1) == 0);
}

static void counts(int id)
{
    area->digest = mix(area->digest, id);
    area->count++;
}

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&area->lock);
        counts(id);
        pthread_mutex_unlock(&area->lock);
        work(dice(&state, 10000));
    }
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&area->lock);
        while (area->turn % 3 != id)
            pthread_cond_wait(&area->changed, &area->lock);
        area->turn++;
        pthread_cond_broadcast(&area->changed);
        pthread_mutex_unlock(&area->lock);
        work(dice(&state, 3000));
        int one = pthread_barrier_wait(&area->meet);
        sem_wait(&area->slots);
        counts(id + (one ? 4 : 0));
        sem_post(&area->slots);
    }
    int error = pthread_mutex_lock(&area->robust);
    must(error == 0 || error == EOWNERDEAD);
    if (error) {
        area->deaths++;
        pthread_mutex_consistent(&area->robust);
    }
    counts(id + error);
    _exit(0);
}

int main(void)
{
    area = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    init();
    race_processes(3, run, &area->arrived);
    must(area->count == 15000 + 900 + 3 && area->deaths == 2);
    return print_digest(area->digest);
}
