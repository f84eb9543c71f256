/* race-ticket.c - a lock that is given out in the order of tickets: who waits spins a little, then yields. */
#include "race.h"

static atomic_uint next, serving;
static uint64_t digest;
static long count;

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 5000; i++) {
        unsigned mine = atomic_fetch_add(&next, 1);
        for (int spins = 0; atomic_load(&serving) != mine; spins++)
            if (spins > 200)
                sched_yield();
        digest = mix(digest, id);
        count++;
        atomic_fetch_add(&serving, 1);
        work(dice(&state, 30000));
    }
}

int main(void)
{
    race(3, run);
    must(count == 15000);
    return print_digest(digest);
}
