/* call-entry.c - the other doors into the kernel: hand-written syscall instructions, int 0x80, the vsyscall page. What must
 * not change around a call does not: registers, the red zone. */
#include "expect.h"
#include <sys/mman.h>
#include <sys/time.h>

static long raw(long nr, long a, long b, long c)
{
    long ret;
    register long none __asm__("r10") = 0;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(none) : "rcx", "r11", "memory");
    return ret;
}

static void by_hand(void)
{
    static const char text[] = "written by hand\n";
    expect("syscall write", raw(SYS_write, 1, (long)text, sizeof text - 1), sizeof text - 1);
    expect("syscall getpid", raw(SYS_getpid, 0, 0, 0) == getpid(), 1);
    expect("syscall close(-1)", raw(SYS_close, -1, 0, 0), -EBADF);
    /* The mode is rubbish, as allocators leave it there: an address, which is another one in another layout. */
    expect("syscall open", raw(SYS_close, raw(SYS_open, (long)"/dev/null", O_RDONLY, (long)text), 0, 0), 0);
}

/* Some kernels have this door no more, and some virtual machines never had it: a child tries. */
static int has_int80(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        long ret;
        __asm__ volatile("int $0x80" : "=a"(ret) : "a"(20) : "r8", "r9", "r10", "r11", "memory");
        _exit(0);
    }
    return wait_status(pid) == 0;
}

static void int80(void)
{
    long ret;
    if (!has_int80()) {
        puts("int 0x80: none here");
        return;
    }
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
        /* time() has what the last tick of the kernel's left: it may be a second behind for a moment. */
        _exit(t >= b.tv_sec - 1 && t <= b.tv_sec + 100 && a.tv_sec >= b.tv_sec && a.tv_sec <= b.tv_sec + 100 ? 0 : 1);
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

/* A call with a pattern in 64 KiB of dead stack behind the red zone; how many bytes of it are others afterwards. */
static __attribute__((noinline)) long dead_stack_after(long nr, long a, long b, long c, long d)
{
    long ret, changed;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("lea -65792(%%rsp), %%rdi\n\t" /* 64 KiB and the 256 bytes that come after */
                     "mov $65536, %%ecx\n\tmov $0xa5, %%al\n\tcld\n\trep stosb\n\t"
                     "mov %2, %%rax\n\tmov %3, %%rdi\n\tmov %4, %%rsi\n\tmov %5, %%rdx\n\tsyscall\n\t"
                     "mov %%rax, %0\n\t"
                     "xor %%eax, %%eax\n\tmov $-65792, %%rdi\n"
                     "1: cmpb $0xa5, (%%rsp,%%rdi)\n\tje 2f\n\tinc %%rax\n"
                     "2: inc %%rdi\n\tcmp $-256, %%rdi\n\tjne 1b\n\tmov %%rax, %1"
                     : "=&r"(ret), "=&r"(changed)
                     : "m"(nr), "m"(a), "m"(b), "m"(c), "r"(r10)
                     : "rax", "rcx", "rdx", "rdi", "rsi", "r11", "cc", "memory");
    (void)ret;
    return changed;
}

static void dead_stack(void)
{
    static char buf[8192];
    static struct timespec ms = { 0, 1000000 };
    static uint64_t set;
    struct { const char *name; long nr, a, b, c, d; } calls[] = {
        { "getpid", SYS_getpid, 0, 0, 0, 0 },
        { "close(-1)", SYS_close, -1, 0, 0, 0 },
        { "open", SYS_open, (long)"/dev/zero", O_RDONLY, 0, 0 },
        { "read", SYS_read, 3, (long)buf, sizeof buf, 0 },
        { "getrandom", SYS_getrandom, (long)buf, sizeof buf, 0, 0 },
        { "nanosleep", SYS_nanosleep, (long)&ms, 0, 0, 0 },
        { "rt_sigprocmask", SYS_rt_sigprocmask, SIG_BLOCK, (long)&set, 0, 8 },
        { "mmap", SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS },
        { "brk", SYS_brk, 0, 0, 0, 0 },
        { "sched_getaffinity", SYS_sched_getaffinity, 0, 128, (long)buf, 0 },
        { "uname", SYS_uname, (long)buf, 0, 0, 0 },
        { "futex", SYS_futex, (long)&set, 0, 1, 0 },
        { "ptrace", SYS_ptrace, 0x9999, -1, 0, 0 },
    };
    close_range(3, ~0U, 0);
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "dead stack changed by %s", calls[i].name);
        expect(line, dead_stack_after(calls[i].nr, calls[i].a, calls[i].b, calls[i].c, calls[i].d), 0);
    }
}

/* All bits that a program can set: the direction, the arithmetic ones, alignment, identification. */
static void flags(void)
{
    unsigned long before, after, r11;
    __asm__ volatile("pushfq\n\tpop %%rbx\n\tor $0x200cd5, %%rbx\n\tpush %%rbx\n\tpopfq\n\t" /* ID, OF, DF, SF, ZF, AF, PF, CF */
                     "pushfq\n\tpop %%rbx\n\tmov $39, %%eax\n\tpush %%rbx\n\tpopfq\n\tsyscall\n\tpushfq\n\tpop %%rdx\n\tcld"
                     : "=b"(before), "=d"(after) : : "rax", "rcx", "r11", "cc", "memory");
    expect("flags that were set are set", after == before, 1);
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tpop %%rbx\n\tmov $39, %%eax\n\tpush %%rbx\n\tpopfq\n\tsyscall\n\tadd $128, %%rsp\n\tmov %%r11, %0"
                     : "=r"(r11), "=b"(before) : : "rax", "rcx", "r11", "cc", "memory");
    expect("r11 holds the flags", r11 == before, 1);
}

/* A child has the registers of its parent, the call's arguments among them, whoever made it. Bits of its status: which differ. */
static __attribute__((noinline)) int child_registers(long nr, long a, long b)
{
    long pid;
    __asm__ volatile("mov %1, %%rdi\n\tmov %2, %%rsi\n\t"
                     "mov $0x1111, %%rbx\n\tmov $0x2222, %%r12\n\tmov $0x3333, %%r13\n\tmov $0x4444, %%r14\n\tmov $0x5555, %%r15\n\t"
                     "mov $0, %%edx\n\tmov $0, %%r10d\n\tmov $0x6666, %%r8d\n\tmov $0x7777, %%r9d\n\tsyscall\n"
                     "1: test %%eax, %%eax\n\tjnz 2f\n\t"
                     "cmp %1, %%rdi\n\tsetne %%al\n\tcmp %2, %%rsi\n\tsetne %%ah\n\tshl $1, %%ah\n\tor %%ah, %%al\n\t"
                     "cmp $0, %%rdx\n\tsetne %%ah\n\tshl $2, %%ah\n\tor %%ah, %%al\n\t"
                     "cmp $0, %%r10\n\tsetne %%ah\n\tshl $3, %%ah\n\tor %%ah, %%al\n\t"
                     "cmp $0x6666, %%r8\n\tsetne %%ah\n\tshl $4, %%ah\n\tor %%ah, %%al\n\t"
                     "cmp $0x7777, %%r9\n\tsetne %%ah\n\tshl $5, %%ah\n\tor %%ah, %%al\n\t"
                     "lea 1b(%%rip), %%rdx\n\tcmp %%rcx, %%rdx\n\tsetne %%ah\n\tshl $6, %%ah\n\tor %%ah, %%al\n\t"
                     "movzbl %%al, %%edi\n\tmov $231, %%eax\n\tsyscall\n"
                     "2:"
                     : "=a"(pid) : "m"(a), "m"(b), "0"(nr)
                     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    return pid > 0 ? wait_status(pid) : -1;
}

static void births(void)
{
    expect("registers in a child of fork", child_registers(SYS_fork, 0x88, 0x99), 0);
    expect("... of vfork", child_registers(SYS_vfork, 0x88, 0x99), 0);
    expect("... of clone", child_registers(SYS_clone, SIGCHLD, 0), 0);
    expect("... with CLONE_UNTRACED", child_registers(SYS_clone, 0x800000 | SIGCHLD, 0), 0);
    static uint64_t args[11] = { 0, 0, 0, 0, SIGCHLD };
    expect("... of clone3", child_registers(SYS_clone3, (long)args, sizeof args), 0);
    args[0] = 0x100000000; /* CLONE_CLEAR_SIGHAND */
    expect("... with CLONE_CLEAR_SIGHAND", child_registers(SYS_clone3, (long)args, sizeof args), 0);
}

/* What a version must not get: its stack's return addresses would be checked against another stack. */
static void shadow_stack(void)
{
    expect("ARCH_SHSTK_ENABLE fails", syscall(SYS_arch_prctl, 0x5001, 1) == -1, 1);
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
    births();
    flags();
    dead_stack();
    shadow_stack();
    x32();
    return done();
}
