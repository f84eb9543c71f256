/* race-fork.c - forks while three threads compute: a child has the memory of one moment. */
#include "race.h"

static volatile uint64_t digest;
static volatile int over;

static void run(int id)
{
    for (int i = 0; id && !over; i++)
        digest = mix(digest, id);
    for (int i = 0; !id && i < 20; i++) {
        work(2000000);
        pid_t pid = fork();
        if (pid == 0) {
            char line[32];
            uint64_t then = digest;
            int len = sprintf(line, "%016lx\n", then);
            work(100000);
            must(digest == then);
            _exit(write(1, line, len) != len);
        }
        must(wait_status(pid) == 0);
    }
    over = 1;
}

int main(void)
{
    race(3, run);
    return print_digest(digest);
}
