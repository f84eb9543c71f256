/* call-filter.c - checklist 18: seccomp filters of the program's own: errors, traps, kills, what threads and children
 * inherit, what the kernel would not take, strict mode. A clock of the vDSO is no call, whatever a filter says. */
#include "expect.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <ucontext.h>

#define FIELD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define IS(n)       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1)
#define SAY(action) BPF_STMT(BPF_RET | BPF_K, action)

static volatile int trapped_call, trapped_data;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)sig;
    trapped_call = info->si_syscall;
    trapped_data = info->si_errno;
    u->uc_mcontext.gregs[REG_RAX] = -EXDEV; /* as a sandbox makes an answer of its own */
}

static int set_filter(struct sock_filter *insn, int n)
{
    struct sock_fprog p = { n, insn };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p);
}

static int refuse(long nr, unsigned action)
{
    struct sock_filter f[] = { FIELD(nr), IS(nr), SAY(action), SAY(SECCOMP_RET_ALLOW) };
    return set_filter(f, 4);
}

static int ended(pid_t pid)
{
    int st = 0;
    waitpid(pid, &st, 0);
    return WIFSIGNALED(st) ? 1000 + WTERMSIG(st) : WEXITSTATUS(st);
}

/* The same call, from the vDSO's own `syscall; ret` if there is one. */
static long from_vdso(long nr)
{
    const unsigned char *v = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
    long ret;
    for (int i = 0; v && i < 4093; i++) {
        if (v[i] != 0x0f || v[i + 1] != 0x05 || v[i + 2] != 0xc3)
            continue;
        __asm__ volatile("sub $128, %%rsp\n\tcall *%2\n\tadd $128, %%rsp"
                         : "=a"(ret) : "0"(nr), "r"(v + i), "D"(0L), "S"(0L) : "rcx", "r11", "memory");
        return ret;
    }
    return syscall(nr, 0, 0) == -1 ? -errno : 0;
}

static void errors(void)
{
    expect("ERRNO", refuse(SYS_mkdir, SECCOMP_RET_ERRNO | ENOTTY), 0);
    expect_error("mkdir", mkdir("made", 0700), ENOTTY);
    expect_error("nothing was made", access("made", F_OK), ENOENT);
    expect("PR_GET_SECCOMP", prctl(PR_GET_SECCOMP), 2);
    expect("a second one, less strict", refuse(SYS_mkdir, SECCOMP_RET_LOG), 0);
    expect_error("mkdir", mkdir("made", 0700), ENOTTY);
    expect("a third one, of the same kind", refuse(SYS_mkdir, SECCOMP_RET_ERRNO | EXDEV), 0);
    expect_error("mkdir", mkdir("made", 0700), EXDEV);
    /* By argument: the second word of the third one. */
    struct sock_filter arg[] = { FIELD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_lseek, 0, 3),
        FIELD(args[1]), IS(77), SAY(SECCOMP_RET_ERRNO | EDOM), SAY(SECCOMP_RET_ALLOW) };
    expect("by argument", set_filter(arg, 6), 0);
    int fd = open("/dev/zero", O_RDONLY);
    expect("lseek", lseek(fd, 76, SEEK_SET) >= 0, 1);
    expect_error("lseek", lseek(fd, 77, SEEK_SET), EDOM);
    close(fd);
    expect("from a place in the vDSO", from_vdso(SYS_mkdir), -EXDEV);
    expect("TRACE with nobody there", refuse(SYS_rmdir, SECCOMP_RET_TRACE | 1), 0);
    expect_error("rmdir", rmdir("made"), ENOSYS);
    pid_t pid = fork();
    if (pid == 0)
        _exit(mkdir("made", 0700) == -1 && errno == EXDEV ? 7 : 8);
    expect("in a child", ended(pid), 7);
    pid = fork();
    if (pid == 0) {
        execlp("mkdir", "mkdir", "made", NULL);
        _exit(9);
    }
    expect("after an exec", ended(pid), 1);
}

static void traps(void)
{
    struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
    sigaction(SIGSYS, &sa, NULL);
    expect("TRAP", refuse(SYS_getpriority, SECCOMP_RET_TRAP | 42), 0);
    expect_error("the handler's answer", syscall(SYS_getpriority, 0, 0), EXDEV);
    expect("of that call", trapped_call, SYS_getpriority);
    expect("with that reason", trapped_data, 42);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSYS, SIG_DFL);
        syscall(SYS_getpriority, 0, 0);
        _exit(9);
    }
    expect("without a handler", ended(pid), 1000 + SIGSYS);
    pid = fork();
    if (pid == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        syscall(SYS_getpriority, 0, 0);
        _exit(9);
    }
    expect("blocked", ended(pid), 1000 + SIGSYS);
}

static void *forbidden(void *arg)
{
    syscall(*(long *)arg, 0);
    return NULL;
}

static void *last_of_all(void *arg)
{
    sleep_ms(100);
    refuse(SYS_sync, SECCOMP_RET_KILL_THREAD);
    sync();
    return arg;
}

static int child_under(unsigned action)
{
    pid_t pid = fork();
    if (pid == 0) {
        refuse(SYS_sync, action);
        sync();
        _exit(9);
    }
    return ended(pid);
}

static void kills(void)
{
    expect("KILL_PROCESS", child_under(SECCOMP_RET_KILL_PROCESS), 1000 + SIGSYS);
    expect("KILL_THREAD, the only one", child_under(SECCOMP_RET_KILL_THREAD), 1000 + SIGSYS);
    pid_t pid = fork();
    if (pid == 0) {
        long nr = SYS_sync;
        pthread_t t;
        refuse(nr, SECCOMP_RET_KILL_PROCESS);
        pthread_create(&t, NULL, forbidden, &nr);
        pthread_join(t, NULL);
        _exit(9);
    }
    expect("KILL_PROCESS in a thread", ended(pid), 1000 + SIGSYS);
    pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, last_of_all, NULL);
        syscall(SYS_exit, 0);
    }
    expect("KILL_THREAD, the last one", ended(pid), 1000 + SIGSYS);
    pid = fork();
    if (pid == 0) {
        expect("strict", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
        write(1, "still writes\n", 13);
        syscall(SYS_getpid);
        syscall(SYS_exit, 9);
    }
    expect("strict", ended(pid), 1000 + SIGKILL);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        syscall(SYS_exit, 11);
    }
    expect("strict, and exits", ended(pid), 11);
}

static void *held_back(void *arg)
{
    int *go = arg;
    while (!__atomic_load_n(go, __ATOMIC_ACQUIRE))
        sleep_ms(2);
    return (void *)(intptr_t)(syscall(SYS_getpgid, 0) == -1 ? errno : 0);
}

static void threads(void)
{
    struct sock_filter f[] = { FIELD(nr), IS(SYS_getpgid), SAY(SECCOMP_RET_ERRNO | EDOM), SAY(SECCOMP_RET_ALLOW) };
    struct sock_fprog p = { 4, f };
    pthread_t t;
    void *ret;
    int go = 0;
    pthread_create(&t, NULL, held_back, &go);
    expect("TSYNC", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &p), 0);
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    pthread_join(t, &ret);
    expect("in a thread that was there", (intptr_t)ret, EDOM);
}

static void refused(void)
{
    struct sock_filter no_end[] = { FIELD(nr) }, unknown[] = { { 0xffff, 0, 0, 0 }, SAY(0) },
        far[] = { IS(1), SAY(0) }, unaligned[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), SAY(0) },
        division[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), SAY(0) },
        unset[] = { BPF_STMT(BPF_LD | BPF_MEM, 3), SAY(0) };
    expect_error("a word that nobody set", set_filter(unset, 2), EINVAL);
    expect_error("no return", set_filter(no_end, 1), EINVAL);
    expect_error("no such instruction", set_filter(unknown, 2), EINVAL);
    expect_error("a jump beyond the end", set_filter(far, 2), EINVAL);
    expect_error("not aligned", set_filter(unaligned, 2), EINVAL);
    expect_error("division by zero", set_filter(division, 2), EINVAL);
    expect_error("no instructions", set_filter(unknown, 0), EINVAL);
    expect_error("nowhere", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8), EFAULT);
    expect_error("no such flag", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x1000, NULL), EINVAL);
    expect_error("no such mode", prctl(PR_SET_SECCOMP, 5, NULL), EINVAL);
}

/* Numbers are as wide as the kernel takes them. */
static void wide(void)
{
    struct sock_filter f[] = { FIELD(nr), IS(SYS_clock_gettime), SAY(SECCOMP_RET_KILL_PROCESS), SAY(SECCOMP_RET_ALLOW) };
    struct sock_fprog p = { 4, f };
    struct timespec now;
    expect("seccomp with more than 32 bits", syscall(SYS_seccomp, 0x100000001, 0, &p), 0);
    expect("prctl with more than 32 bits", syscall(SYS_prctl, 0xffffffff00000000 | PR_SET_SECCOMP, 2, &p), 0);
    expect("flags with more than 32 bits", syscall(SYS_seccomp, 1, 0x100000000, &p), 0);
    expect("clocks of the vDSO", clock_gettime(CLOCK_MONOTONIC, &now), 0);
}

/* What does not run has not happened: nothing of it reaches a copy that somebody keeps. */
static void nothing_happens(void)
{
    char line[] = "what the file holds\n", *m;
    int fd = open("held", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(fd, line, sizeof line);
    pid_t pid = fork();
    if (pid == 0) {
        struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
        sigaction(SIGSYS, &sa, NULL);
        refuse(SYS_mmap, SECCOMP_RET_TRAP);
        refuse(SYS_pwrite64, SECCOMP_RET_TRAP);
        refuse(SYS_ftruncate, SECCOMP_RET_ERRNO);
        refuse(SYS_munmap, SECCOMP_RET_ERRNO | EDOM);
        if (syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != -1 || pwrite(fd, "other", 5, 0) != -1 ||
            ftruncate(fd, 0) || munmap((void *)((uintptr_t)line & ~4095ul), 4096) != -1)
            _exit(9);
        _exit(strcmp(line, "what the file holds\n") ? 10 : 5);
    }
    expect("refused and trapped", ended(pid), 5);
    m = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    expect_text("the file", m, line);
    write(1, m, sizeof(line) - 1);
    munmap(m, 4096);
    close(fd);
    unlink("held");
}

/* Everything but what a program needs to tell of it is a death: a clock of the vDSO is not. */
static void clocks(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct sock_filter f[] = { FIELD(nr), IS(SYS_exit_group), SAY(SECCOMP_RET_ALLOW), SAY(SECCOMP_RET_KILL_PROCESS) };
        struct timespec now = { 0 };
        set_filter(f, 4);
        clock_gettime(CLOCK_MONOTONIC, &now);
        time(NULL);
        _exit(now.tv_sec || now.tv_nsec ? 12 : 13);
    }
    expect("clocks while nothing is allowed", ended(pid), 12);
}

int main(void)
{
    expect("PR_GET_SECCOMP", prctl(PR_GET_SECCOMP), 0);
    expect("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    kills();
    nothing_happens();
    clocks();
    refused();
    errors();
    traps();
    threads();
    wide();
    return done();
}
