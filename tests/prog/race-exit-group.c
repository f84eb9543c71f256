/* race-exit-group.c - three computing threads; whoever is done first ends the process, with what the others did. */
#include "race.h"

static volatile unsigned count;

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 200000; i++) {
        count = count * 3 + id;
        work(dice(&state, 20));
    }
    syscall(SYS_exit_group, count % 64);
}

int main(void)
{
    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();
        if (pid == 0)
            race(3, run);
        int status = wait_status(pid);
        must(status >= 0 && status < 64);
        printf("%d%c", status, i < 29 ? ' ' : '\n');
        fflush(stdout);
    }
    return 0;
}
