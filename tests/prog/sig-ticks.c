/* sig-ticks.c - something to be stopped and continued: threads, a child, a timer, and a handler for SIGCONT. It prints a line
 * every ten milliseconds, forty times. */
#include "race.h"
#include <sys/time.h>

static volatile long alarms, continued;
static volatile uint64_t digest;
static volatile int over;

static void handler(int sig)
{
    if (sig == SIGCONT)
        continued++;
    else
        alarms++;
}

static void run(int id)
{
    for (int i = 0; id && !over; i++) {
        digest = mix(digest, id);
        work(1000);
        if (i % 100 == 0)
            sched_yield();
    }
    for (int i = 0; !id && i < 40; i++) {
        char line[64];
        int len = sprintf(line, "%d %ld %ld %016lx\n", i, alarms, continued, digest);
        must(write(1, line, len) == len);
        sleep_ms(10);
    }
    over = 1;
}

int main(void)
{
    struct itimerval each = { { 0, 7000 }, { 0, 7000 } };
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            sleep_ms(3);
    signal(SIGCONT, handler);
    signal(SIGALRM, handler);
    setitimer(ITIMER_REAL, &each, NULL);
    race(3, run);
    kill(pid, SIGKILL);
    must(wait_status(pid) == 128 + SIGKILL);
    return 0;
}
