/* point-register.c - the progress is in a register. */
#include "point.h"

static void loop(void)
{
    __asm__ volatile("xorl %%r12d, %%r12d\n"
                     "1: incq %%r12\n"
                     "cmpl $0, %1\n"
                     "je 1b\n"
                     "movq %%r12, %0" : "=m"(last) : "m"(over) : "r12", "cc");
}

static uint64_t progress(const ucontext_t *uc)
{
    return uc ? (uint64_t)uc->uc_mcontext.gregs[REG_R12] : (uint64_t)last;
}
