/* race-sem.c - two slots for four threads; sem_trywait and sem_timedwait among the waits. */
#include "race.h"
#include <semaphore.h>

static sem_t slots;
static atomic_int inside;
static volatile uint64_t digest;
static atomic_long busy, late;

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 5000; i++) {
        if (i % 3 == 0) {
            sem_wait(&slots);
        } else if (i % 3 == 1) {
            while (sem_trywait(&slots)) {
                busy++;
                sched_yield();
            }
        } else {
            struct timespec t;
            do {
                clock_gettime(CLOCK_REALTIME, &t);
                t.tv_nsec += 100000;
                t.tv_sec += t.tv_nsec / 1000000000;
                t.tv_nsec %= 1000000000;
            } while (sem_timedwait(&slots, &t) && ++late);
        }
        must(atomic_fetch_add(&inside, 1) < 2);
        digest = mix(digest, id);
        work(2000);
        atomic_fetch_sub(&inside, 1);
        sem_post(&slots);
        work(dice(&state, 20000));
    }
}

int main(void)
{
    sem_init(&slots, 0, 2);
    race(4, run);
    printf("%ld %ld ", (long)busy, (long)late);
    return print_digest(digest);
}
