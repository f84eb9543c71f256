/* point-vector.c - the progress is in a vector register, both halves of it where there is AVX. */
#include "point.h"

static int avx;

__attribute__((target("avx2"))) static void loop_avx(void)
{
    __asm__ volatile("vpcmpeqq %%ymm6, %%ymm6, %%ymm6\n"
                     "vpxor %%ymm7, %%ymm7, %%ymm7\n"
                     "1: vpsubq %%ymm6, %%ymm7, %%ymm7\n"
                     "cmpl $0, %1\n"
                     "je 1b\n"
                     "vextracti128 $1, %%ymm7, %%xmm7\n"
                     "vmovq %%xmm7, %0\n"
                     "vzeroupper" : "=m"(last) : "m"(over) : "xmm6", "xmm7", "cc");
}

static void loop(void)
{
    avx = __builtin_cpu_supports("avx2");
    if (avx) {
        loop_avx();
        return;
    }
    __asm__ volatile("pcmpeqd %%xmm6, %%xmm6\n"
                     "pxor %%xmm7, %%xmm7\n"
                     "1: psubq %%xmm6, %%xmm7\n"
                     "cmpl $0, %1\n"
                     "je 1b\n"
                     "movq %%xmm7, %0" : "=m"(last) : "m"(over) : "xmm6", "xmm7", "cc");
}

/* The upper half is where XSAVE's standard format has it. */
static uint64_t progress(const ucontext_t *uc)
{
    uint64_t low, high = 0;
    if (!uc)
        return last;
    const char *area = (const char *)uc->uc_mcontext.fpregs;
    memcpy(&low, &uc->uc_mcontext.fpregs->_xmm[7], 8);
    if (avx && area[512] & 4)
        memcpy(&high, area + 576 + 7 * 16, 8);
    return high << 32 | (uint32_t)low;
}
