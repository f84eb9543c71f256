/* why-tid.c - a thread prints its own id. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *work(void *name)
{
    printf("thread %s is %d\n", (const char *)name, gettid()); /* cause: tid */
    return NULL;
}

int main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, "one") != 0) /* harmless: tid */
        return 1;
    pthread_join(thread, NULL);
    return 0;
}
