/* spin-after.c WHAT - two threads hand a turn to and fro, and spin for it; before one of them spins it
 *   computes   for longer than a turn, so that it has stood at points that carry its state
 *   breaks     moves the end of the data segment, a call that followers with another layout make by themselves
 *   allocates  goes in and out of malloc and free, where --expose=uninit has breakpoints */
#include "race.h"

static atomic_int turn;
static const char *what;

static void before(void)
{
    void *volatile p[50];
    if (!strcmp(what, "computes"))
        work(60000000);
    else if (!strcmp(what, "breaks"))
        sbrk(1 << 20);
    else
        for (int i = 0; i < 100; i++) {
            int k = i % 50;
            if (i < 50)
                p[k] = malloc(100);
            else
                free(p[k]);
        }
}

static void run(int id)
{
    for (int i = 0; i < 8; i++) {
        if (id == 1)
            before();
        while (atomic_load(&turn) != id)
            ;
        if (id == 0)
            work(3000000);
        else
            getppid();
        atomic_store(&turn, 1 - id);
    }
}

int main(int argc, char **argv)
{
    what = argc > 1 ? argv[1] : "";
    race(2, run);
    puts("ok");
    return 0;
}
