/* race-wake.c - a broadcast wakes five threads that all want the mutex: in which order do they get it? */
#include "race.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER, ready = PTHREAD_COND_INITIALIZER;
static uint64_t digest;
static int round_now, waiting;

static void run(int id)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 400; i++) {
        if (id == 0) {
            while (waiting < 5)
                pthread_cond_wait(&ready, &lock);
            waiting = 0;
            round_now++;
            pthread_cond_broadcast(&go);
            continue;
        }
        if (++waiting == 5)
            pthread_cond_signal(&ready);
        while (round_now == i)
            pthread_cond_wait(&go, &lock);
        digest = mix(digest, id);
    }
    pthread_mutex_unlock(&lock);
}

int main(void)
{
    race(6, run);
    return print_digest(digest);
}
