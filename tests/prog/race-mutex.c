/* race-mutex.c - four threads want one mutex: of the usual kind, adaptive or with priority inheritance (the
 * argument). */
#include "race.h"

static pthread_mutex_t lock;
static uint64_t digest;
static long count, busy[4];

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 12000; i++) {
        if (pthread_mutex_trylock(&lock)) {
            busy[id]++;
            must(pthread_mutex_lock(&lock) == 0);
        }
        digest = mix(digest, id);
        count++;
        work(500);
        must(pthread_mutex_unlock(&lock) == 0);
        work(dice(&state, 10000));
    }
}

int main(int argc, char **argv)
{
    pthread_mutexattr_t a;
    char kind = argc > 1 ? argv[1][0] : 'n';
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, kind == 'a' ? PTHREAD_MUTEX_ADAPTIVE_NP : PTHREAD_MUTEX_NORMAL);
    if (kind == 'p')
        must(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0);
    must(pthread_mutex_init(&lock, &a) == 0);
    race(4, run);
    must(count == 48000);
    printf("%ld %ld %ld %ld ", busy[0], busy[1], busy[2], busy[3]);
    return print_digest(digest);
}
