/* race-exit.c - threads that nobody waits for start others and end while those run; the first thread ends first, the last one
 * ends the process. */
#include "race.h"

static volatile uint64_t digest;
static atomic_int alive = 1, born = 1;

static void ends(void)
{
    if (atomic_fetch_sub(&alive, 1) == 1)
        exit(print_digest(digest));
}

static void *run(void *arg)
{
    int depth = (intptr_t)arg;
    uint64_t state = depth;
    pthread_t t;
    for (int i = 0; i < 2 && depth < 6; i++) {
        atomic_fetch_add(&alive, 1);
        must(pthread_create(&t, NULL, run, (void *)(intptr_t)(depth + 1)) == 0);
        pthread_detach(t);
    }
    int number = atomic_fetch_add(&born, 1);
    for (int i = 0; i < 300; i++) {
        digest = mix(digest, number);
        work(dice(&state, 10000));
    }
    ends();
    return NULL;
}

int main(void)
{
    pthread_t t;
    atomic_fetch_add(&alive, 1);
    must(pthread_create(&t, NULL, run, NULL) == 0);
    pthread_detach(t);
    ends();
    pthread_exit(NULL);
}
