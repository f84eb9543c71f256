/* race-stack.c - a stack without a lock (compare and swap of an index and a tag): three threads take nodes and put them
 * back, marked. */
#include "race.h"

#define NODES 64

static _Atomic uint64_t top;   /* tag << 32 | index + 1 */
static struct { uint32_t next; uint64_t seen; } nodes[NODES];
static atomic_long empty;

static void push(uint32_t n)
{
    uint64_t old = atomic_load(&top);
    do
        nodes[n - 1].next = (uint32_t)old;
    while (!atomic_compare_exchange_weak(&top, &old, ((old >> 32) + 1) << 32 | n));
}

static uint32_t pop(void)
{
    uint64_t old = atomic_load(&top), new;
    do {
        if (!(uint32_t)old)
            return 0;
        new = ((old >> 32) + 1) << 32 | *(volatile uint32_t *)&nodes[(uint32_t)old - 1].next;
    } while (!atomic_compare_exchange_weak(&top, &old, new));
    return (uint32_t)old;
}

static void run(int id)
{
    uint64_t state = id;
    for (int i = 0; i < 150000; i++) {
        uint32_t a = pop(), b = pop();
        if (!a || !b)
            atomic_fetch_add(&empty, 1);
        if (a)
            nodes[a - 1].seen = mix(nodes[a - 1].seen, id + 1);
        work(dice(&state, 1000));
        if (a)
            push(a);
        if (b)
            push(b);
    }
}

int main(void)
{
    uint64_t digest = 0;
    uint32_t n, left = 0;
    for (n = 1; n <= NODES; n++)
        push(n);
    race(3, run);
    while ((n = pop())) {
        digest = mix(mix(digest, n), nodes[n - 1].seen);
        left++;
    }
    must(left == NODES && empty == 0);
    return print_digest(digest);
}
