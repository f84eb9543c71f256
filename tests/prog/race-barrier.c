/* race-barrier.c - three threads meet at a barrier: in which order they come, and which of them is the one. */
#include "race.h"

static pthread_barrier_t meet;
static atomic_int arrivals;
static uint64_t digests[3];
static atomic_long ones;

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 2000; i++) {
        work(dice(&state, 60000));
        int place = atomic_fetch_add(&arrivals, 1);
        int one = pthread_barrier_wait(&meet) == PTHREAD_BARRIER_SERIAL_THREAD;
        ones += one;
        digests[id] = mix(digests[id], place * 2 + one);
    }
}

int main(void)
{
    pthread_barrier_init(&meet, NULL, 3);
    race(3, run);
    must(ones == 2000 && arrivals == 6000);
    return print_digest(mix(mix(digests[0], digests[1]), digests[2]));
}
