/* call-entry.c - the other doors into the kernel: hand-written syscall instructions, int 0x80, the vsyscall page. What must
 * not change around a call does not: registers, the red zone. */
#include "expect.h"
#include <sys/mman.h>
#include <sys/time.h>

static long raw(long nr, long a, long b, long c)
{
    long ret;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return ret;
}

static void by_hand(void)
{
    static const char text[] = "written by hand\n";
    expect("syscall write", raw(SYS_write, 1, (long)text, sizeof text - 1), sizeof text - 1);
    expect("syscall getpid", raw(SYS_getpid, 0, 0, 0) == getpid(), 1);
    expect("syscall close(-1)", raw(SYS_close, -1, 0, 0), -EBADF);
}

static void int80(void)
{
    long ret;
    __asm__ volatile("int $0x80" : "=a"(ret) : "a"(20) : "r8", "r9", "r10", "r11", "memory");
    expect("int 0x80 getpid", ret == getpid(), 1);
    __asm__ volatile("int $0x80" : "=a"(ret) : "a"(6), "b"(-1) : "r8", "r9", "r10", "r11", "memory");
    expect("int 0x80 close(-1)", (int)ret, -EBADF);
}

/* The page may be absent, and then the call is a fault like any other: a child tries. */
static void vsyscall(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct timeval a, b;
        time_t (*vtime)(time_t *) = (void *)0xffffffffff600400;
        int (*vgettimeofday)(struct timeval *, void *) = (void *)0xffffffffff600000;
        gettimeofday(&b, NULL);
        long t = vtime(NULL);
        vgettimeofday(&a, NULL);
        _exit(t >= b.tv_sec && t <= b.tv_sec + 100 && a.tv_sec >= b.tv_sec && a.tv_sec <= b.tv_sec + 100 ? 0 : 1);
    }
    int st = wait_status(pid);
    expect("time through the vsyscall page", st == 128 + SIGSEGV ? 0 : st, 0);
}

static void registers(void)
{
    unsigned long flags, rcx, r11, next, r[8];
    __asm__ volatile("mov $11, %%rbx; mov $12, %%r12; mov $13, %%r13; mov $14, %%r14; mov $15, %%r15\n"
                     "mov $8, %%r8; mov $9, %%r9; mov $10, %%r10\n"
                     "movq $0x5ed, -64(%%rsp)\n"
                     "lea 1f(%%rip), %%rdx\n"
                     "mov $39, %%eax; stc; syscall\n"
                     "1: pushfq; pop %0\n"
                     : "=&r"(flags), "=c"(rcx), "=d"(next), "=b"(r[0])
                     :
                     : "rax", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    expect("rcx is the next instruction's address", rcx == next, 1);
    expect("rbx is kept", r[0], 11);
    expect("carry is kept", flags & 1, 1);
    __asm__ volatile("mov $8, %%r8; mov $9, %%r9; mov $10, %%r10; mov $14, %%r14\n"
                     "mov $39, %%eax; syscall\n"
                     "mov %%r8, %0; mov %%r9, %1; mov %%r10, %2; mov %%r14, %3; mov %%r11, %4\n"
                     : "=m"(r[0]), "=m"(r[1]), "=m"(r[2]), "=m"(r[3]), "=m"(r11)
                     :
                     : "rax", "rcx", "r8", "r9", "r10", "r11", "r14", "memory");
    expect("r8, r9, r10 and r14 are kept", r[0] == 8 && r[1] == 9 && r[2] == 10 && r[3] == 14, 1);
    expect("r11 holds flags", (r11 & 0x202) == 0x202, 1);
    __asm__ volatile("sub $256, %%rsp\n"
                     "movq $0x5ed, -8(%%rsp); movq $0x5ee, -128(%%rsp)\n"
                     "mov $39, %%eax; syscall\n"
                     "mov -8(%%rsp), %0; mov -128(%%rsp), %1\n"
                     "add $256, %%rsp\n"
                     : "=&r"(r[0]), "=&r"(r[1])
                     :
                     : "rax", "rcx", "r11", "memory", "cc");
    expect("the red zone is kept", r[0] == 0x5ed && r[1] == 0x5ee, 1);
}

/* x32 numbers are answered like calls that do not exist. */
static void x32(void)
{
    expect("an x32 getpid", raw(0x40000000 | SYS_getpid, 0, 0, 0) == -ENOSYS ||
           raw(0x40000000 | SYS_getpid, 0, 0, 0) == getpid(), 1);
}

int main(void)
{
    by_hand();
    int80();
    vsyscall();
    registers();
    x32();
    return done();
}
