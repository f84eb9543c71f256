/* race-tls.c - what threads leave at their end: destructors of keys and of thread-local objects, four threads at a time that
 * end at about the same moment. */
#include "race.h"

extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;

static volatile uint64_t digest;
static volatile long count;
static pthread_key_t keys[4];
static __thread uint64_t own[64];
static __thread int again;

static void object_ends(void *arg)
{
    digest = mix(digest, (intptr_t)arg + own[(intptr_t)arg % 64]);
    count++;
}

static void value_ends(void *arg)
{
    digest = mix(digest, (intptr_t)arg);
    count++;
    if (again++ < 2) /* once more, in the next round of destructors */
        pthread_setspecific(keys[(intptr_t)arg % 4], arg);
}

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 64; i++)
        own[i] = id * i;
    for (int k = 0; k < 4; k++)
        pthread_setspecific(keys[k], (void *)(intptr_t)(id * 4 + k + 1));
    for (intptr_t i = 0; i < 4; i++)
        __cxa_thread_atexit_impl(object_ends, (void *)(id * 4 + i), &__dso_handle);
    for (int i = 0; i < 40; i++) {
        digest = mix(digest, id);
        work(dice(&state, 10000));
    }
}

int main(void)
{
    for (int k = 0; k < 4; k++)
        must(pthread_key_create(&keys[k], value_ends) == 0);
    for (int i = 0; i < 150; i++)
        race(4, run);
    must(count <= 150 * 4 * (4 + 6) && count > 1000);
    return print_digest(digest);
}
