/* sig-nested.c - three threads with alternate stacks: handlers that raise the next signal while they run, five deep, and a
 * timer's signal that goes to anyone. */
#include "race.h"
#include <sys/time.h>

static const int chain[] = { SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, SIGQUIT };
static __thread char *stack;
static __thread volatile int depth;
static volatile uint64_t digest;
static volatile long calls, alarms;

static void handler(int sig)
{
    char here;
    must(&here >= stack && &here < stack + 262144);
    digest = mix(digest, sig + (&here - stack) + depth * 100);
    calls++;
    if (++depth < 5)
        raise(chain[depth]);
    depth--;
}

static void alarms_come(int sig)
{
    char here;
    must(&here >= stack && &here < stack + 262144);
    digest = mix(digest, sig + depth);
    alarms++;
}

static void run(int id)
{
    stack = malloc(262144);
    stack_t ss = { .ss_sp = stack, .ss_size = 262144 };
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    must(sigaltstack(&ss, NULL) == 0);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    for (int i = 0; i < 200; i++) {
        digest = mix(digest, id);
        work(100000);
        raise(SIGUSR1);
    }
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    ss.ss_flags = SS_DISABLE;
    must(sigaltstack(&ss, NULL) == 0);
    free(stack);
}

int main(void)
{
    struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK | SA_NODEFER };
    struct itimerval each = { { 0, 1000 }, { 0, 1000 } };
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    for (int i = 0; i < 5; i++)
        sigaction(chain[i], &sa, NULL);
    sa.sa_handler = alarms_come;
    sa.sa_flags = SA_ONSTACK;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &each, NULL);
    race(3, run);
    must(calls > 2900 && calls <= 3000);
    printf("%ld ", alarms);
    return print_digest(digest);
}
