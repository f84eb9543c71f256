/* race-once.c - three threads go along a row of pthread_once: which of them does it each time? */
#include "race.h"

#define N 24000

static pthread_once_t once[N];
static __thread int me;
static uint64_t digest;
static long count;

static void init(void)
{
    digest = mix(digest, me);
    count++;
    work(200);
}

static void run(int id)
{
    uint64_t state = id;
    me = id;
    for (int i = 0; i < N; i++) {
        long before = i;
        pthread_once(&once[i], init);
        must(*(volatile long *)&count > before);
        work(dice(&state, 10000));
    }
}

int main(void)
{
    race(3, run);
    must(count == N);
    return print_digest(digest);
}
