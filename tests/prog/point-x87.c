/* point-x87.c - the progress is on the x87 stack, in 64 bits of mantissa. */
#include "point.h"

static long double at_end;

static void loop(void)
{
    __asm__ volatile("fldpi\n"
                     "fldz\n"
                     "1: fadd %%st(1), %%st\n"
                     "cmpl $0, %1\n"
                     "je 1b\n"
                     "fstpt %0\n"
                     "fstp %%st" : "=m"(at_end) : "m"(over) : "st", "st(1)", "cc");
}

static uint64_t progress(const ucontext_t *uc)
{
    uint64_t n = 0;
    memcpy(&n, uc ? (const void *)&uc->uc_mcontext.fpregs->_st[0] : &at_end, 8);
    return n;
}
