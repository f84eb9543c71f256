/* point-stack.c - the progress is how deep the stack is, and what is in its frames and in the red zone below it. */
#include "point.h"

static volatile uint64_t found;

__attribute__((noinline)) static uint64_t deep(uint64_t n, int depth)
{
    volatile uint64_t here = n * 3 + depth;
    if (depth == 0 || over)
        return here;
    uint64_t sum = deep(n ^ 1, depth - 1) + deep(n + 1, depth - 1);
    return sum + here;
}

static void loop(void)
{
    for (uint64_t n = 0; !over; n++)
        found = deep(n, 18);
}

static uint64_t progress(const ucontext_t *uc)
{
    uint64_t sum = 0;
    if (!uc)
        return found;
    const uint64_t *sp = (const uint64_t *)uc->uc_mcontext.gregs[REG_RSP];
    for (int i = -16; i < 64; i++)
        sum = sum * 31 + sp[i];
    return sum << 16 | ((uint64_t)sp & 0xffff);
}
