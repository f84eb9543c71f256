/* race-pipe.c - four processes with two threads each write to one pipe; nothing is shared but that. */
#include "race.h"

static int ends[2];
static int me;

static void run(int id)
{
    uint64_t state = id + me * 2;
    for (int i = 0; i < 100; i++) {
        unsigned char c = me * 2 + id;
        work(dice(&state, 800000));
        must(write(ends[1], &c, 1) == 1);
    }
}

int main(void)
{
    uint64_t digest = 0;
    unsigned char got[64];
    ssize_t n;
    int total = 0;
    must(pipe(ends) == 0);
    for (me = 0; me < 4; me++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            race(2, run);
            _exit(0);
        }
    }
    close(ends[1]);
    while ((n = read(ends[0], got, sizeof got)) > 0) {
        total += n;
        digest = mix(digest, n << 8);
        for (int i = 0; i < n; i++)
            digest = mix(digest, got[i]);
    }
    must(total == 800);
    while (wait(NULL) > 0)
        ;
    return print_digest(digest);
}
