/* point-chain.c - the progress is behind a chain of pointers, which the loop itself moves along. */
#include "point.h"

struct node { struct node *volatile next; volatile uint64_t n; };

static struct { struct node *volatile *cursor; } *volatile root;

static void loop(void)
{
    static struct node *volatile at;
    struct node *nodes = calloc(1000, sizeof *nodes);
    for (int i = 0; i < 1000; i++)
        nodes[i * 7 % 1000].next = &nodes[(i + 1) * 7 % 1000];
    at = nodes;
    root = malloc(sizeof *root);
    root->cursor = &at;
    while (!over) {
        *root->cursor = (*root->cursor)->next;
        (*root->cursor)->n++;
    }
}

static uint64_t progress(const ucontext_t *uc)
{
    (void)uc;
    return root && root->cursor ? (*root->cursor)->n << 32 | (uint32_t)(uintptr_t)*root->cursor : 0;
}
