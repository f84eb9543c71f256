/* point-step.c - a handler at each of 1,000 instructions: the program sets its trap flag. The argument is what is among
 * them: nothing of note (plain), system calls (calls), rdtsc and cpuid (traps), clock_gettime (clock). "offsets" as a second
 * one prints where the handler was called, which is the same every time; without it a digest of the registers goes along. */
#include "expect.h"
#include <ucontext.h>

#define STEPS 1000

extern const char step_begin[], step_end[];

static struct { long at; uint64_t digest; } steps[STEPS];
static volatile int count;
static uint64_t area[64];

static void on_step(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    uint64_t digest = sig + info->si_code;
    long at = g[REG_RIP] - (long)step_begin;
    for (int i = REG_R8; i <= REG_RIP; i++)
        digest = (digest ^ g[i]) * 0x100000001b3;
    digest = (digest ^ (g[REG_EFL] & 0xcd5)) * 0x100000001b3;
    steps[count].at = at >= 0 && at < step_end - step_begin ? at : -1;
    steps[count].digest = digest;
    if (++count == STEPS)
        g[REG_EFL] &= ~0x100;
}

__attribute__((noinline)) static void piece(int kind)
{
    __asm__ volatile(
        ".globl step_begin\n.globl step_end\n"
        "movl %0, %%r13d\n"
        "leaq %1, %%r14\n"
        "subq $128, %%rsp\n"
        "pushfq\n"
        "orq $0x100, (%%rsp)\n"
        "popfq\n"
        "step_begin:\n"
        "movl $200, %%r12d\n"
        "movq $3, %%r15\n"
        "1: imulq $77, %%r15, %%r15\n"
        "addq %%r12, (%%r14)\n"
        "movq (%%r14), %%xmm3\n"
        "paddq %%xmm3, %%xmm4\n"
        "movq %%xmm4, 8(%%r14)\n"
        "pushq %%r15\n"
        "adcq %%r15, 16(%%r14)\n"
        "popq %%rbx\n"
        "testl $3, %%r12d\n"
        "jnz 2f\n"
        "leaq 64(%%r14), %%rdi\n"
        "leaq 128(%%r14), %%rsi\n"
        "movl $5, %%ecx\n"
        "rep movsb\n"
        "call 8f\n"
        "cmpl $1, %%r13d\n"
        "je 3f\n"
        "cmpl $2, %%r13d\n"
        "je 4f\n"
        "2: decl %%r12d\n"
        "jnz 1b\n"
        "jmp 9f\n"
        "3: movl $110, %%eax\n"              /* getppid, and a write of nothing */
        "syscall\n"
        "movl $1, %%eax\n"
        "movl $1, %%edi\n"
        "movq %%r14, %%rsi\n"
        "xorl %%edx, %%edx\n"
        "syscall\n"
        "jmp 2b\n"
        "4: rdtsc\n"
        "addl %%eax, 24(%%r14)\n"
        "xorl %%eax, %%eax\n"
        "cpuid\n"
        "addl %%ebx, 28(%%r14)\n"
        "jmp 2b\n"
        "8: incq 32(%%r14)\n"
        "ret\n"
        "9: pushfq\n"
        "andq $~0x100, (%%rsp)\n"
        "popfq\n"
        "step_end:\n"
        "addq $128, %%rsp\n"
        : : "r"(kind), "m"(area) : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r11", "r12", "r13", "r14", "r15",
        "xmm3", "xmm4", "cc", "memory");
}

static void clocks(void)
{
    struct timespec t;
    __asm__ volatile("subq $128, %%rsp\npushfq\norq $0x100, (%%rsp)\npopfq\naddq $128, %%rsp" : : : "cc", "memory");
    while (count < STEPS)
        clock_gettime(CLOCK_MONOTONIC, &t);
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
    const char *kind = argc > 1 ? argv[1] : "plain";
    sigaction(SIGTRAP, &sa, NULL);
    if (!strcmp(kind, "clock"))
        clocks();
    else
        piece(!strcmp(kind, "calls") ? 1 : !strcmp(kind, "traps") ? 2 : 0);
    for (int i = 0; i < count; i++)
        if (argc > 2)
            printf("%ld\n", steps[i].at);
        else
            printf("%ld %016lx\n", steps[i].at, steps[i].digest);
    return count != STEPS;
}
