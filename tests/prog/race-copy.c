/* race-copy.c - two threads fill and copy the same large buffers: memset, memcpy, and rep movsb. */
#include "race.h"

#define SIZE 300000

static unsigned char a[SIZE], b[SIZE];
static uint64_t digests[3];

static void move(void *to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void run(int id)
{
    for (int i = 0; i < 1500; i++) {
        memset(a, i * 3 + id, SIZE);
        if (id)
            memcpy(b, a, SIZE);
        else
            move(b, a, SIZE);
        for (int k = 0; k < SIZE; k += 997)
            digests[id] = mix(digests[id], ((volatile unsigned char *)b)[k]);
    }
}

int main(void)
{
    race(3, run);
    return print_digest(mix(mix(digests[0], digests[1]), digests[2]));
}
