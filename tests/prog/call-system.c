/* call-system.c - checklist 16 and 17: what is the system's own and different every time; it must be sane, and the same in all
 * versions: a sum over everything is printed to stderr, where only versions are compared. */
#include "expect.h"
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/utsname.h>

static unsigned long sum;

static void add(const void *p, size_t n)
{
    for (const unsigned char *c = p; n--; c++)
        sum = sum * 31 + *c;
}

/* A kilobyte each. */
static __attribute__((noinline)) int deep(int n)
{
    volatile char frame[1024];
    frame[n % 1024] = n;
    return n == 0 ? 0 : 1 + deep(n - 1) + (frame[n % 1024] - (char)n);
}

int main(void)
{
    struct rusage ru;
    struct tms tms;
    struct sysinfo si;
    struct utsname un;
    struct stat st;
    struct statfs sf;
    cpu_set_t cpus;
    unsigned cpu, node;
    char random[64];
    memset(&tms, 0x5a, sizeof tms); /* what comes in may be nothing but zeros */
    expect("getrusage", getrusage(RUSAGE_SELF, &ru), 0);
    add(&ru, sizeof ru);
    expect("getrusage of children", getrusage(RUSAGE_CHILDREN, &ru), 0);
    add(&ru, sizeof ru);
    expect("times", times(&tms) != -1, 1);
    add(&tms, sizeof tms);
    expect("sysinfo", sysinfo(&si), 0);
    add(&si, sizeof si);
    expect("uname", uname(&un), 0);
    add(&un, sizeof un);
    expect("stat", stat("/proc/self", &st), 0);
    add(&st, sizeof st);
    expect("statfs", statfs(".", &sf), 0);
    add(&sf, sizeof sf);
    CPU_ZERO(&cpus);
    expect("sched_getaffinity", sched_getaffinity(0, sizeof cpus, &cpus), 0);
    printf("CPUs: %d of %ld\n", CPU_COUNT(&cpus), sysconf(_SC_NPROCESSORS_ONLN));
    expect("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL), 0);
    add(&cpu, sizeof cpu);
    expect("getrandom", getrandom(random, sizeof random, 0), sizeof random);
    add(random, sizeof random);
    expect("membarrier", syscall(SYS_membarrier, 0, 0, 0) >= 0, 1);
    expect_error("... private, before it is registered", syscall(SYS_membarrier, 8, 0, 0), EPERM);
    pid_t pid = fork();
    if (pid == 0) {
        int registered = syscall(SYS_membarrier, 16, 0, 0);
        _exit(registered == 0 && syscall(SYS_membarrier, 8, 0, 0) == 0 ? 3 : 4);
    }
    expect("... registered, and made", wait_status(pid), 3);
    /* The limit of a stack: one's own, by number, and a parent's. */
    struct rlimit was, now, less;
    getrlimit(RLIMIT_STACK, &was);
    less = was;
    less.rlim_cur = 1 << 20;
    expect("setrlimit", setrlimit(RLIMIT_STACK, &less), 0);
    less.rlim_cur = 2 << 20;
    expect("prlimit of oneself", prlimit(getpid(), RLIMIT_STACK, &less, &now), 0);
    expect("it was", now.rlim_cur, 1 << 20);
    pid = fork();
    if (pid == 0) {
        less.rlim_cur = 32 << 20;
        _exit(prlimit(getppid(), RLIMIT_STACK, &less, &now) == 0 && now.rlim_cur == 2 << 20 ? 3 : 4);
    }
    expect("prlimit of a parent", wait_status(pid), 3);
    expect("getrlimit", getrlimit(RLIMIT_STACK, &now), 0);
    expect("it is", now.rlim_cur, 32 << 20);
    expect("so deep", deep(20000), 20000);
    expect("prlimit back", prlimit(0, RLIMIT_STACK, &was, NULL), 0);
    struct itimerspec its = { .it_value = { 0, 20000000 } };
    int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    expect("timerfd_settime", timerfd_settime(tfd, 0, &its, NULL), 0);
    uint64_t ticks = 0;
    expect("read of a timerfd", read(tfd, &ticks, 8), 8);
    expect("ticks", ticks, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    timer_t timer;
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 77 };
    siginfo_t info;
    expect("timer_create", timer_create(CLOCK_REALTIME, &ev, &timer), 0);
    expect("timer_settime", timer_settime(timer, 0, &its, NULL), 0);
    expect("its signal", sigwaitinfo(&set, &info) == SIGRTMIN + 1, 1);
    expect("its value", info.si_value.sival_int, 77);
    expect("timer_delete", timer_delete(timer), 0);
    clock_t c = clock();
    add(&c, sizeof c);
    fprintf(stderr, "%016lx\n", sum);
    return done();
}
