/* point-global.c - the progress is in a global variable, and counted with a locked instruction. */
#include "point.h"
#include <stdatomic.h>

static atomic_ulong n;

static void loop(void)
{
    while (!over)
        atomic_fetch_add(&n, 1);
}

static uint64_t progress(const ucontext_t *uc)
{
    (void)uc;
    return n;
}
