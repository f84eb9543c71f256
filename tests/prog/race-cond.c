/* race-cond.c - waiters with a time-out of a millisecond, and a signal about every millisecond: which comes first? */
#include "race.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t digest;
static long timeouts, wakes, tokens;
static int over;

static void waits(int id)
{
    pthread_mutex_lock(&lock);
    while (!over) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += 1000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        int error = pthread_cond_timedwait(&changed, &lock, &t);
        must(error == 0 || error == ETIMEDOUT);
        *(error ? &timeouts : &wakes) += 1;
        if (tokens)
            tokens--;
        digest = mix(digest, id + error * 8 + tokens * 1000);
    }
    pthread_mutex_unlock(&lock);
}

static void run(int id)
{
    if (id)
        return waits(id);
    for (int i = 0; i < 100; i++) {
        struct timespec t = { 0, 700000 + i % 7 * 50000 };
        nanosleep(&t, NULL);
        pthread_mutex_lock(&lock);
        tokens++;
        if (i % 10 == 9)
            pthread_cond_broadcast(&changed);
        else
            pthread_cond_signal(&changed);
        over = i == 99;
        pthread_mutex_unlock(&lock);
    }
    pthread_cond_broadcast(&changed);
}

int main(void)
{
    race(4, run);
    printf("%ld %ld ", timeouts, wakes);
    return print_digest(digest);
}
