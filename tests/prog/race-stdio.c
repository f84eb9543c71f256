/* race-stdio.c - four threads print to the same stream; every few lines it is flushed. 400 lines, in any order. */
#include "race.h"

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 100; i++) {
        work(dice(&state, 1200000));
        printf("%d %d\n", id, i);
        if (i % 10 == 0)
            fflush(stdout);
    }
}

int main(void)
{
    race(4, run);
    return 0;
}
