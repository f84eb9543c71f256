/* race-seqlock.c - one thread writes under a sequence number, two read until they have seen its last: what they saw, and how
 * often they had to try again. */
#include "race.h"

#define WRITES 100000

static atomic_uint sequence;
static volatile uint64_t data[8];
static uint64_t digests[3];
static long again[3];

static void writes(void)
{
    uint64_t state = 0;
    for (uint64_t i = 1; i <= WRITES; i++) {
        atomic_fetch_add(&sequence, 1);
        for (int k = 0; k < 8; k++)
            data[k] = i;
        atomic_fetch_add(&sequence, 1);
        work(dice(&state, 4000));
    }
}

static void reads(int id)
{
    uint64_t got[8];
    do {
        for (;; again[id]++) {
            unsigned before = atomic_load(&sequence);
            for (int k = 0; k < 8; k++)
                got[k] = data[k];
            atomic_thread_fence(memory_order_acquire);
            if (!(before & 1) && atomic_load(&sequence) == before)
                break;
        }
        for (int k = 1; k < 8; k++)
            must(got[k] == got[0]);
        digests[id] = mix(digests[id], got[0]);
    } while (got[0] != WRITES);
}

static void run(int id)
{
    if (id == 0)
        writes();
    else
        reads(id);
}

int main(void)
{
    race(3, run);
    printf("%ld %ld ", again[1], again[2]);
    return print_digest(mix(digests[1], digests[2]));
}
