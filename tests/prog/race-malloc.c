/* race-malloc.c - threads allocate, hand on, and free what others allocated: the addresses are the order's. */
#include "race.h"

static void *_Atomic shelf[64];
static uint64_t digests[4];

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 200000; i++) {
        void *p = malloc(16 + dice(&state, 3000));
        digests[id] = mix(digests[id], (uintptr_t)p);
        free(atomic_exchange(&shelf[dice(&state, 64)], p));
    }
}

int main(void)
{
    race(4, run);
    for (int i = 0; i < 64; i++)
        free(shelf[i]);
    return print_digest(mix(mix(mix(digests[0], digests[1]), digests[2]), digests[3]));
}
