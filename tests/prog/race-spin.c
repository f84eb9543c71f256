/* race-spin.c - a lock of one's own that spins: without a thing, with pause, with sched_yield (the argument); the order in
 * which three threads get it. */
#include "race.h"

static atomic_flag lock = ATOMIC_FLAG_INIT;
static uint64_t digest;
static long count;
static char how;

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 60000; i++) {
        while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) {
            if (how == 'p')
                pause_cpu();
            else if (how == 'y')
                sched_yield();
        }
        digest = mix(digest, id);
        count++;
        atomic_flag_clear_explicit(&lock, memory_order_release);
        work(dice(&state, 3000));
    }
}

int main(int argc, char **argv)
{
    how = argc > 1 ? argv[1][0] : 'n';
    race(3, run);
    must(count == 180000);
    return print_digest(digest);
}
