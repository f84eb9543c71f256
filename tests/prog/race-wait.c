/* race-wait.c - three processes hand a lock on, never to who had it last, and spin for it without counting: by a load, by an
 * exchange, in a function. Who gets it next is anybody's. */
#include "race.h"
#include <sys/mman.h>

static struct { atomic_int arrived, lock, last, left, n; uint64_t digest; } *area;

__attribute__((noinline)) static int is_mine(int id)
{
    return atomic_load(&area->last) == id && atomic_load(&area->left) > 1;
}

static void run(int id)
{
    for (int i = 0; i < 40; i++) {
        while (is_mine(id))
            pause_cpu();
        while (atomic_exchange(&area->lock, 1))
            ;
        work(30000 + id * 1000);
        area->digest = mix(area->digest, id);
        area->n++;
        atomic_store(&area->last, id);
        atomic_store(&area->lock, 0);
    }
    atomic_fetch_sub(&area->left, 1);
}

int main(void)
{
    area = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    area->last = -1;
    area->left = 3;
    race_processes(3, run, &area->arrived);
    must(area->n == 120);
    return print_digest(area->digest);
}
