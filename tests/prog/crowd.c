/* crowd.c - as many threads as the first argument says, at the same time, for as many rounds as the second: what they do under
 * locks, what they hand on in a small buffer with two condition variables, and what they do to a global that nothing guards.
 * Who came when is in the digest. */
#include "race.h"
#include <limits.h>

#define LOCKS 7

static pthread_barrier_t start;
static pthread_mutex_t lock[LOCKS], buffer = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static uint64_t guarded[LOCKS], taken;
static volatile uint64_t racy;
static int slot[4], used, rounds;

static void put(int id)
{
    pthread_mutex_lock(&buffer);
    while (used == 4)
        pthread_cond_wait(&not_full, &buffer);
    slot[used++] = id;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&buffer);
}

static void take(int id)
{
    pthread_mutex_lock(&buffer);
    while (!used)
        pthread_cond_wait(&not_empty, &buffer);
    taken = mix(taken, slot[--used] * 10000 + id);
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&buffer);
}

static void *run(void *arg)
{
    int id = (int)(long)arg;
    uint64_t state = id;
    pthread_barrier_wait(&start);
    for (int i = 0; i < rounds; i++) {
        int l = dice(&state, LOCKS);
        pthread_mutex_lock(&lock[l]);
        guarded[l] = mix(guarded[l], id + racy);
        if (dice(&state, 4) == 0)
            sched_yield();
        pthread_mutex_unlock(&lock[l]);
        racy = mix(racy, id);
        work(dice(&state, 2000));
        (id % 2 ? put : take)(id);
        racy = mix(racy, i);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 200;
    rounds = argc > 2 ? atoi(argv[2]) : 3;
    pthread_t *threads = calloc(n, sizeof *threads);
    pthread_attr_t small;
    uint64_t digest = 0;
    must(n % 2 == 0); /* one half puts, one half takes */
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN + 65536);
    pthread_barrier_init(&start, NULL, n + 1);
    for (int l = 0; l < LOCKS; l++)
        pthread_mutex_init(&lock[l], NULL);
    for (long i = 0; i < n; i++)
        must(pthread_create(&threads[i], &small, run, (void *)i) == 0);
    pthread_barrier_wait(&start); /* all of them live now */
    for (int i = 0; i < n; i++)
        must(pthread_join(threads[i], NULL) == 0);
    must(used == 0);
    for (int l = 0; l < LOCKS; l++)
        digest = mix(digest, guarded[l]);
    return print_digest(mix(mix(digest, taken), racy));
}
