/* race-handoff.c - two processes hand a word to and fro in memory that they share, and spin for it: how long each waits. Few
 * rounds: where one runs at a time, each takes as long as a turn does. */
#include "race.h"
#include <sys/mman.h>

static struct { atomic_int arrived, turn; long spins[2]; } *area;

static void run(int id)
{
    for (int i = 0; i < 25; i++) {
        while (atomic_load(&area->turn) != id)
            area->spins[id]++;
        work(500000);
        atomic_store(&area->turn, !id);
    }
}

int main(void)
{
    area = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    race_processes(2, run, &area->arrived);
    printf("%ld %ld\n", area->spins[0], area->spins[1]);
    return 0;
}
