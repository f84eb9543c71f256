/* race-robust.c - threads take a robust mutex and end with it in their hands; the next one mends it. With an argument "pi"
 * it has priority inheritance as well. */
#include "race.h"

static pthread_mutex_t lock;
static uint64_t digest;
static long deaths, mended;

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 50; i++) {
        int error = pthread_mutex_lock(&lock);
        if (error == EOWNERDEAD) {
            mended++;
            must(pthread_mutex_consistent(&lock) == 0);
        } else {
            must(error == 0);
        }
        digest = mix(digest, id + error);
        work(3000);
        if (i == 25 + id) {
            deaths++;
            return;
        }
        must(pthread_mutex_unlock(&lock) == 0);
        work(dice(&state, 6000));
    }
}

int main(int argc, char **argv)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    if (argc > 1 && !strcmp(argv[1], "pi"))
        pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    must(pthread_mutex_init(&lock, &a) == 0);
    for (int i = 0; i < 40; i++)
        race(6, run);
    must(deaths == 240 && mended <= 240 && mended >= 200);
    return print_digest(digest);
}
