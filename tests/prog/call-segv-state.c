/* call-segv-state.c - checklist 7: instructions that a shield traps (rdtsc, cpuid, rdrand) while the signal that such a trap is
 * made of (SIGSEGV, SIGTRAP) is blocked, ignored or handled; afterwards mask and disposition are as before, and nothing was
 * delivered. With the argument "ignored": both signals were ignored when it began. */
#include "expect.h"
#include <cpuid.h>

static volatile int hits;

static void hit(int sig)
{
    (void)sig;
    hits++;
}

static unsigned long tsc(void)
{
    unsigned lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (unsigned long)hi << 32 | lo;
}

static unsigned long random_number(void)
{
    unsigned a, b, c, d;
    unsigned char good;
    unsigned long r = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_RDRND))
        return 1;
    do
        __asm__ volatile("rdrand %0; setc %1" : "=r"(r), "=qm"(good) : : "cc");
    while (!good);
    return r | 1;
}

static unsigned long features(void)
{
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    return a;
}

static void round_of(int sig, const char *name, void (*handler)(int), int blocked)
{
    struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART }, now;
    sigset_t set, mask;
    printf("%s: %s, %s\n", sigabbrev_np(sig), name, blocked ? "blocked" : "not blocked");
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaction(sig, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    unsigned long a = tsc(), b = tsc(), good = 1;
    for (int i = 0; i < 20; i++) {
        b = tsc();
        good &= random_number() != 0 && features() != 0;
    }
    expect("the counter goes on", b > a, 1);
    expect("the others answer", good, 1);
    sigaction(sig, NULL, &now);
    expect("the disposition is what it was", now.sa_handler == handler, 1);
    expect("and so are its flags and its mask", (now.sa_flags & SA_RESTART) && sigismember(&now.sa_mask, SIGUSR2), 1);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    expect("the mask is what it was", sigismember(&mask, sig), blocked);
    sigpending(&mask);
    expect("pending", sigismember(&mask, sig), 0);
    expect("handler ran", hits, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int ignored_before(void)
{
    struct sigaction now;
    expect("all answer", tsc() != 0 && random_number() != 0 && features() != 0, 1);
    sigaction(SIGSEGV, NULL, &now);
    expect("SIGSEGV is ignored", now.sa_handler == SIG_IGN, 1);
    sigaction(SIGTRAP, NULL, &now);
    expect("SIGTRAP is ignored", now.sa_handler == SIG_IGN, 1);
    return done();
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "ignored"))
        return ignored_before();
    static const int signals[] = { SIGSEGV, SIGTRAP };
    for (int i = 0; i < 2; i++)
        for (int blocked = 0; blocked < 2; blocked++) {
            round_of(signals[i], "default", SIG_DFL, blocked);
            round_of(signals[i], "ignored", SIG_IGN, blocked);
            round_of(signals[i], "handled", hit, blocked);
        }
    return done();
}
