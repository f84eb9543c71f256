/* call-signal.c - checklist 7 and 9: signals raised by the program itself, by faults, with masks and with alternate stacks. */
#include "expect.h"
#include <poll.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile sig_atomic_t got, code, who_ok, value, on_altstack;
static void *volatile fault_at;
static char altstack[65536];

static void note(int sig, siginfo_t *info, void *uc)
{
    int local;
    (void)uc;
    got = sig;
    code = info->si_code;
    who_ok = info->si_pid == getpid() && info->si_uid == getuid();
    value = info->si_value.sival_int;
    on_altstack = (char *)&local >= altstack && (char *)&local < altstack + sizeof altstack;
}

static void jump(int sig, siginfo_t *info, void *uc)
{
    note(sig, info, uc);
    fault_at = info->si_addr;
    siglongjmp(back, sig);
}

static void handle(int sig, void (*f)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = { .sa_sigaction = f, .sa_flags = SA_SIGINFO | flags };
    sigaction(sig, &sa, NULL);
}

static void sends(void)
{
    handle(SIGUSR1, note, 0);
    kill(getpid(), SIGUSR1);
    expect("kill(getpid()): signal", got, SIGUSR1);
    expect("its code", code, SI_USER);
    expect("it came from us", who_ok, 1);
    got = 0;
    raise(SIGUSR1);
    expect("raise: signal", got, SIGUSR1);
    expect("its code", code, SI_TKILL);
    sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 4711 });
    expect("sigqueue: code", code, SI_QUEUE);
    expect("its value", value, 4711);
}

static void faults(void)
{
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int zero = 0, one = 1;
    handle(SIGSEGV, jump, 0);
    handle(SIGFPE, jump, 0);
    handle(SIGILL, jump, 0);
    handle(SIGTRAP, note, 0);
    if (!sigsetjmp(back, 1))
        page[123] = 'x';
    expect("write to a read-only page: signal", got, SIGSEGV);
    expect("its code", code, SEGV_ACCERR);
    expect("its address", (char *)fault_at - page, 123);
    if (!sigsetjmp(back, 1))
        *(volatile char *)8 = 1;
    expect("write to address 8: code", code, SEGV_MAPERR);
    expect("its address", (long)fault_at, 8);
    if (!sigsetjmp(back, 1))
        one = one / zero;
    expect("division by zero: signal", got, SIGFPE);
    expect("its code", code, FPE_INTDIV);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("ud2");
    expect("ud2: signal", got, SIGILL);
    __asm__ volatile("int3");
    expect("int3: signal", got, SIGTRAP);
    for (volatile int i = 0; i < 100; i++)
        if (!sigsetjmp(back, 1))
            page[i] = 'x';
    expect("after 100 faults more: last address", (char *)fault_at - page, 99);
}

static void alternate(void)
{
    stack_t ss = { .ss_sp = altstack, .ss_size = sizeof altstack }, old;
    expect("sigaltstack", sigaltstack(&ss, NULL), 0);
    handle(SIGUSR2, note, SA_ONSTACK);
    on_altstack = 0;
    raise(SIGUSR2);
    expect("handler was on the alternate stack", on_altstack, 1);
    expect("sigaltstack says", sigaltstack(NULL, &old), 0);
    expect("flags", old.ss_flags, 0);
    expect("size", old.ss_size, sizeof altstack);
}

static void waits(void)
{
    sigset_t set, old, pending;
    siginfo_t info;
    struct timespec zero = { 0, 1000000 };
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, &old);
    expect_error("sigtimedwait with nothing pending", sigtimedwait(&set, &info, &zero), EAGAIN);
    sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 });
    sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 2 });
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    expect("SIGUSR1 is pending", sigismember(&pending, SIGUSR1), 1);
    expect("sigwaitinfo", sigwaitinfo(&set, &info), SIGUSR1);
    expect("sigwaitinfo: from us", info.si_pid == getpid(), 1);
    expect("sigwaitinfo", sigwaitinfo(&set, &info) == SIGRTMIN, 1);
    expect("first value", info.si_value.sival_int, 1);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    struct signalfd_siginfo si;
    expect("read of a signalfd", read(fd, &si, sizeof si), sizeof si);
    expect("second value", si.ssi_int, 2);
    expect("it came from us", (pid_t)si.ssi_pid == getpid(), 1);
    close(fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static sigset_t seen;

static void see_mask(int sig, siginfo_t *info, void *uc)
{
    note(sig, info, uc);
    memcpy(&seen, &((ucontext_t *)uc)->uc_sigmask, 8);
}

/* The mask that the handler's frame keeps is the temporary one's successor: what sigsuspend restores. */
static void suspends(void)
{
    sigset_t block, wait_mask, now;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaddset(&block, SIGUSR2);
    sigprocmask(SIG_BLOCK, &block, NULL);
    sigemptyset(&wait_mask);
    sigaddset(&wait_mask, SIGTERM);
    handle(SIGUSR1, see_mask, 0);
    got = 0;
    kill(getpid(), SIGUSR1);
    expect("blocked: nothing came", got, 0);
    expect_error("sigsuspend", sigsuspend(&wait_mask), EINTR);
    expect("it came", got, SIGUSR1);
    sigemptyset(&seen);
    struct timespec ts = { 5, 0 };
    kill(getpid(), SIGUSR1);
    expect_error("ppoll with a mask that lets it in", ppoll(NULL, 0, &ts, &wait_mask), EINTR);
    expect("frame's mask has SIGUSR1", sigismember(&seen, SIGUSR1), 1);
    expect("frame's mask has SIGUSR2", sigismember(&seen, SIGUSR2), 1);
    expect("frame's mask has SIGTERM", sigismember(&seen, SIGTERM), 0);
    sigprocmask(SIG_BLOCK, NULL, &now);
    expect("SIGUSR1 is blocked again", sigismember(&now, SIGUSR1), 1);
    expect("SIGTERM is not", sigismember(&now, SIGTERM), 0);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static volatile int raised;

static void nested(int sig)
{
    static volatile int depth;
    got = got * 10 + ++depth;
    if (++raised < 3)
        raise(sig);
    got = got * 10 + depth--;
}

static void nests(void)
{
    struct sigaction sa = { .sa_handler = nested, .sa_flags = SA_NODEFER };
    sigaction(SIGUSR2, &sa, NULL);
    got = 0;
    raise(SIGUSR2);
    expect("nested handlers", got, 123321);
    raised = 0;
    sa.sa_flags = 0;
    sigaction(SIGUSR2, &sa, NULL);
    got = 0;
    raise(SIGUSR2);
    expect("handlers that wait for each other", got, 111111);
}

static int came[2];

static void tell(int sig)
{
    write(came[1], sig == SIGUSR1 ? "u" : "a", 1);
}

/* Two signals for a task that computes, close to each other: none is lost on the way to its next call. */
static void pairs(void)
{
    int arrived = 0;
    char one;
    expect("pipe", pipe(came), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGUSR1, tell);
        signal(SIGALRM, tell);
        write(came[1], "r", 1);
        for (;;) {
            for (volatile int i = 0; i < 8000; i++)
                ;
            syscall(SYS_getpgid, 0);
        }
    }
    read(came[0], &one, 1);
    for (int i = 0; i < 300; i++) {
        syscall(SYS_tgkill, pid, pid, SIGALRM);
        for (volatile int k = 0; k < i % 100 * 200; k++)
            ;
        syscall(SYS_tgkill, pid, pid, SIGUSR1);
        for (int need = 2; need; need--) {
            struct pollfd p = { came[0], POLLIN, 0 };
            if (poll(&p, 1, 5000) != 1)
                break;
            arrived += read(came[0], &one, 1) == 1;
        }
    }
    expect("signals that arrived", arrived, 600);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    sends();
    pairs();
    faults();
    alternate();
    waits();
    suspends();
    nests();
    return done();
}
