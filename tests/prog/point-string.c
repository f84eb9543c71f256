/* point-string.c - most of the time goes by inside of a rep-prefixed instruction; the progress is in its count. */
#include "point.h"

#define SIZE (4 << 20)

static char *to, *from;
static volatile uint64_t rounds;

static void loop(void)
{
    to = malloc(SIZE);
    from = malloc(SIZE);
    memset(to, 1, SIZE);
    memset(from, 2, SIZE);
    for (; !over; rounds++) {
        void *d = to, *s = from;
        size_t n = rounds % 3 == 1 ? SIZE / 8 : SIZE;
        if (rounds % 3 == 0)
            __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"((int)rounds) : "memory");
        else if (rounds % 3 == 1)
            __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        else
            __asm__ volatile("repne scasb" : "+D"(d), "+c"(n) : "a"(77) : "memory", "cc");
    }
}

static uint64_t progress(const ucontext_t *uc)
{
    uint64_t left = uc ? (uint64_t)uc->uc_mcontext.gregs[REG_RCX] : 0;
    uint64_t there = to && rounds ? (unsigned char)to[(rounds * 40503 + ticks * 7919) % SIZE] : 0;
    return rounds << 40 | there << 32 | (uint32_t)left;
}
