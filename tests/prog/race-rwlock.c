/* race-rwlock.c - three readers and a writer at a read-write lock. */
#include "race.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static uint64_t value, digests[4];
static long again[4];

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 6000; i++) {
        if (id == 0) {
            pthread_rwlock_wrlock(&lock);
            value = mix(value, i);
        } else {
            if (pthread_rwlock_tryrdlock(&lock)) {
                again[id]++;
                pthread_rwlock_rdlock(&lock);
            }
            uint64_t before = value;
            digests[id] = mix(digests[id], before);
            work(200);
            must(value == before);
        }
        pthread_rwlock_unlock(&lock);
        work(dice(&state, 20000));
    }
}

int main(void)
{
    race(4, run);
    printf("%ld %ld %ld ", again[1], again[2], again[3]);
    return print_digest(mix(mix(digests[1], digests[2]), digests[3]));
}
