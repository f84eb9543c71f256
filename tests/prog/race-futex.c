/* race-futex.c - a lock made of a futex in memory that three processes share (0 free, 1 taken, 2 taken and wanted). */
#include "race.h"
#include <linux/futex.h>
#include <sys/mman.h>

static struct { atomic_int arrived, lock; uint64_t digest; long count, sleeps[3]; } *area;

static void lock(int id)
{
    int c = 0;
    if (atomic_compare_exchange_strong(&area->lock, &c, 1))
        return;
    if (c != 2)
        c = atomic_exchange(&area->lock, 2);
    while (c) {
        area->sleeps[id]++;
        syscall(SYS_futex, &area->lock, FUTEX_WAIT, 2, NULL, NULL, 0);
        c = atomic_exchange(&area->lock, 2);
    }
}

static void unlock(void)
{
    if (atomic_exchange(&area->lock, 0) == 2)
        syscall(SYS_futex, &area->lock, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 10000; i++) {
        lock(id);
        area->digest = mix(area->digest, id);
        area->count++;
        work(500);
        unlock();
        work(dice(&state, 10000));
    }
}

int main(void)
{
    area = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    race_processes(3, run, &area->arrived);
    must(area->count == 30000);
    printf("%ld %ld %ld ", area->sleeps[0], area->sleeps[1], area->sleeps[2]);
    return print_digest(area->digest);
}
