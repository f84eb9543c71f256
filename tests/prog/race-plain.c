/* race-plain.c - four threads change one word without any lock or call: updates get lost, and the rest is in no order. */
#include "race.h"

static volatile uint64_t digest;
static volatile long count;

static void run(int id)
{
    for (int i = 0; i < 12000000; i++) {
        digest = mix(digest, id);
        count++;
    }
}

int main(void)
{
    race(4, run);
    printf("%ld ", count);
    return print_digest(digest);
}
