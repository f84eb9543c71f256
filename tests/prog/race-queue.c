/* race-queue.c - a bounded queue without a lock, two producers and two consumers: who got what, in which order. */
#include "race.h"

#define SIZE 256
#define EACH 100000

static struct { atomic_size_t turn; uint64_t value; } cells[SIZE];
static atomic_size_t head, tail;
static uint64_t digests[4], sums[4];

static void put(uint64_t value)
{
    size_t at = atomic_fetch_add(&head, 1);
    for (int spins = 0; atomic_load(&cells[at % SIZE].turn) != at; spins++)
        if (spins > 1000)
            sched_yield();
    cells[at % SIZE].value = value;
    atomic_store(&cells[at % SIZE].turn, at + 1);
}

static uint64_t take(void)
{
    size_t at = atomic_fetch_add(&tail, 1);
    for (int spins = 0; atomic_load(&cells[at % SIZE].turn) != at + 1; spins++)
        if (spins > 1000)
            sched_yield();
    uint64_t value = cells[at % SIZE].value;
    atomic_store(&cells[at % SIZE].turn, at + SIZE);
    return value;
}

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < EACH; i++) {
        if (id < 2) {
            put((uint64_t)id << 32 | i);
        } else {
            uint64_t value = take();
            sums[id] += value;
            digests[id] = mix(digests[id], value);
        }
        work(dice(&state, 2000));
    }
}

int main(void)
{
    for (size_t i = 0; i < SIZE; i++)
        atomic_store(&cells[i].turn, i);
    race(4, run);
    must(sums[2] + sums[3] == ((uint64_t)EACH << 32) + (uint64_t)EACH * (EACH - 1));
    return print_digest(mix(digests[2], digests[3]));
}
