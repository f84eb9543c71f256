/* race-peterson.c - two threads with Peterson's lock, or Dekker's (the argument): loads, stores and a fence. Few rounds:
 * where one thread runs at a time, each entrance takes as long as a turn does. */
#include "race.h"

static volatile int wants[2], turn;
static uint64_t digest;
static long count, spins[2];
static int dekker;

static void enter(int me)
{
    wants[me] = 1;
    if (!dekker)
        turn = !me;
    atomic_thread_fence(memory_order_seq_cst);
    while (wants[!me] && (dekker || turn == !me)) {
        spins[me]++;
        if (dekker && turn == !me) {
            wants[me] = 0;
            while (turn == !me)
                spins[me]++;
            wants[me] = 1;
            atomic_thread_fence(memory_order_seq_cst);
        }
    }
}

static void leave(int me)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (dekker)
        turn = !me;
    wants[me] = 0;
}

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 60; i++) {
        enter(id);
        digest = mix(digest, id);
        long before = count;
        work(10000);
        count = before + 1;
        leave(id);
        work(dice(&state, 4000000));
    }
}

int main(int argc, char **argv)
{
    dekker = argc > 1 && !strcmp(argv[1], "dekker");
    race(2, run);
    must(count == 120);
    printf("%ld %ld ", spins[0], spins[1]);
    return print_digest(digest);
}
