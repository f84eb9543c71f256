/* race-exec.c - a thread that is not the first executes the program again while the others compute, ten times. */
#include "race.h"

static volatile long count;
static char **args;

static void *computes(void *arg)
{
    for (;;)
        count++;
    return arg;
}

static void *executes(void *arg)
{
    static char last[32];
    sleep_ms(5);
    work(1000000);
    int n = (intptr_t)arg;
    sprintf(last, "%ld", count);
    args[n] = last;
    args[n + 1] = NULL;
    execv("/proc/self/exe", args);
    return NULL;
}

int main(int argc, char **argv)
{
    char *room[16];
    pthread_t t;
    if (argc > 10) {
        for (int i = 1; i < argc; i++)
            printf("%s%c", argv[i], i < argc - 1 ? ' ' : '\n');
        return 0;
    }
    args = memcpy(room, argv, argc * sizeof *argv);
    for (int i = 0; i < 2; i++)
        must(pthread_create(&t, NULL, computes, NULL) == 0);
    must(pthread_create(&t, NULL, executes, (void *)(intptr_t)argc) == 0);
    pthread_join(t, NULL);
    return 1;
}
