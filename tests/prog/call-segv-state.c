/* call-segv-state.c - checklist 7: rdtsc (trapped by a shield) while SIGSEGV is blocked, ignored or handled; afterwards
 * mask and disposition are as before, and nothing was delivered. */
#include "expect.h"

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

static void round_of(const char *name, void (*handler)(int), int blocked)
{
    struct sigaction sa = { .sa_handler = handler }, now;
    sigset_t set, mask;
    printf("%s, %s\n", name, blocked ? "blocked" : "not blocked");
    sigaction(SIGSEGV, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigprocmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    unsigned long a = tsc(), b = tsc();
    for (int i = 0; i < 20; i++)
        b = tsc();
    expect("the counter goes on", b > a, 1);
    sigaction(SIGSEGV, NULL, &now);
    expect("the disposition is what it was", now.sa_handler == handler, 1);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    expect("the mask is what it was", sigismember(&mask, SIGSEGV), blocked);
    sigpending(&mask);
    expect("pending", sigismember(&mask, SIGSEGV), 0);
    expect("handler ran", hits, 0);
}

int main(void)
{
    for (int blocked = 0; blocked < 2; blocked++) {
        round_of("default", SIG_DFL, blocked);
        round_of("ignored", SIG_IGN, blocked);
        round_of("handled", hit, blocked);
    }
    return done();
}
