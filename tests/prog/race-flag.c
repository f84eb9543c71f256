/* race-flag.c - a thread spins on a flag and counts, another one sets it after a while: thirty times. */
#include "race.h"

static atomic_int flag;
static volatile long count;
static uint64_t digest;

static void run(int id)
{
    for (int i = 1; i <= 30; i++) {
        if (id == 0) {
            struct timespec t = { 0, 2000000 };
            nanosleep(&t, NULL);
            digest = mix(digest, count);
            atomic_store(&flag, i);
        } else {
            while (atomic_load(&flag) < i)
                count++;
            digest = mix(digest, count);
        }
    }
}

int main(void)
{
    race(2, run);
    printf("%ld ", count);
    return print_digest(digest);
}
