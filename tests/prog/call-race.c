/* call-race.c - eight threads write lines with no lock at all: the order is anybody's, and every version's the same. */
#include "expect.h"
#include <pthread.h>

static volatile long racy;

static void *worker(void *arg)
{
    char line[64];
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < 2000; j++)
            racy = racy * 3 + (intptr_t)arg;
        int len = snprintf(line, sizeof line, "%ld %d\n", (long)(intptr_t)arg, i);
        if (write(1, line, len) != len)
            abort();
    }
    return NULL;
}

int main(void)
{
    pthread_t t[8];
    for (intptr_t i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, worker, (void *)i);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    return 0;
}
