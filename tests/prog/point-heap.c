/* point-heap.c - the progress is spread over a megabyte of heap. */
#include "point.h"

#define WORDS 131072

static volatile uint64_t *heap;

static void loop(void)
{
    volatile uint64_t *p = heap = calloc(WORDS, 8);
    for (uint64_t i = 0; !over; i++)
        p[i * 2654435761 % WORDS] += i;
}

static uint64_t progress(const ucontext_t *uc)
{
    uint64_t sum = 0;
    (void)uc;
    for (int i = 0; heap && i < WORDS; i += 64)
        sum = sum * 31 + heap[i];
    return sum;
}
