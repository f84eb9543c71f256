/* race-stop.c - two threads count what they share without a lock and make no calls; the process is stopped and continued
 * meanwhile, several times. */
#include "race.h"

static volatile uint64_t shared, over;
static uint64_t seen[2];

static void counts(int id)
{
    while (!over) {
        uint64_t was = shared;
        work(50);
        shared = was + 1;
        seen[id] = mix(seen[id], was & 0xff);
    }
}

static void ends(int id)
{
    if (id < 2)
        counts(id);
    else
        wait_status(-1), over = 1;
}

int main(void)
{
    pid_t parent = getpid();
    if (fork() == 0) {
        for (int i = 0; i < 4; i++) {
            sleep_ms(40);
            kill(parent, SIGSTOP);
            sleep_ms(60);
            kill(parent, SIGCONT);
        }
        _exit(0);
    }
    race(3, ends);
    printf("%lx %lx %lx\n", (long)shared, (long)seen[0], (long)seen[1]);
    return 0;
}
