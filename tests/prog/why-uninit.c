/* why-uninit.c - an int on the stack that nobody set is printed: what another function left there. */
#include <sched.h>
#include <stdio.h>

/* Always leaves the same bytes: natively they are there a call later, too. */
static __attribute__((noinline)) int leave(void)
{
    volatile int used[64];

    for (int i = 0; i < 64; i++)
        used[i] = 1000 + i;
    return used[5];
}

static __attribute__((noinline)) int take(void)
{
    volatile int unused[64];
    volatile int *volatile place = unused + 32; /* keeps the compiler from seeing that it is unset */

    return *place; /* cause: uninit */
}

int main(void)
{
    int left = leave();
    int taken;

    sched_yield();
    taken = take();

    printf("%d %d\n", left, taken);
    return 0;
}
