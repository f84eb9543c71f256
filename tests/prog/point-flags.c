/* point-flags.c - a part of the progress is in the carry flag: rotations through it, with nothing between that changes it. */
#include "point.h"

static void loop(void)
{
    __asm__ volatile("movabsq $0x123456789abcdef1, %%r12\n"
                     "xorl %%ebx, %%ebx\n"
                     "stc\n"
                     "1: rclq $3, %%r12\n"
                     "leaq 1(%%rbx), %%rbx\n"
                     "movl %1, %%ecx\n"
                     "jrcxz 1b\n"
                     "leaq (%%r12,%%rbx), %%r12\n"
                     "movq %%r12, %0" : "=m"(last) : "m"(over) : "r12", "rbx", "rcx", "cc");
}

static uint64_t progress(const ucontext_t *uc)
{
    if (!uc)
        return last;
    const greg_t *g = uc->uc_mcontext.gregs;
    return (g[REG_R12] ^ g[REG_RBX] << 20) * 2 + (g[REG_EFL] & 1);
}
