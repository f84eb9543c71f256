/* call-rights.c - checklist 18: what a process may do, and may still gain: no_new_privs, who may trace it, the time stamp
 * counter, programs with the set-user-ID bit, credentials. With the argument "ptrace": what becomes of a program that uses
 * ptrace itself, which is not the same natively. */
#include "expect.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

static const char *self;

static int child(int (*f)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(f());
    return wait_status(pid);
}

/* ---- no_new_privs: threads and children inherit it, an exec does not take it away ---- */

static int get_no_new_privs(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void *in_thread(void *arg)
{
    *(int *)arg = get_no_new_privs();
    return NULL;
}

static int sets_no_new_privs(void)
{
    int seen = -1;
    pthread_t t;
    /* An ordinary user's program under tandem has lost them already. */
    expect("PR_GET_NO_NEW_PRIVS", get_no_new_privs() && getuid() == 0, 0);
    expect_error("PR_SET_NO_NEW_PRIVS to 2", prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0), EINVAL);
    expect("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    expect("PR_GET_NO_NEW_PRIVS", get_no_new_privs(), 1);
    expect_error("and back", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    pthread_create(&t, NULL, in_thread, &seen);
    pthread_join(t, NULL);
    expect("in a thread", seen, 1);
    expect("in a child", child(get_no_new_privs), 1);
    execl(self, self, "no-new-privs", (char *)NULL);
    return 99;
}

/* ---- the time stamp counter ---- */

static sigjmp_buf back;

static void on_segv(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    siglongjmp(back, info->si_code == SI_KERNEL ? sig : -1);
}

/* SIGSEGV, if it comes of that. */
static int reads_tsc(void)
{
    int sig = sigsetjmp(back, 1);
    if (sig == 0)
        __builtin_ia32_rdtsc();
    return sig;
}

static int reads_tscp(void)
{
    unsigned cpu;
    int sig = sigsetjmp(back, 1);
    if (sig == 0)
        __builtin_ia32_rdtscp(&cpu);
    return sig;
}

static void *tsc_of_thread(void *arg)
{
    *(int *)arg = reads_tsc();
    prctl(PR_SET_TSC, PR_TSC_ENABLE);
    return NULL;
}

static int plain_tsc(void)
{
    signal(SIGSEGV, SIG_DFL);
    __builtin_ia32_rdtsc();
    return 5;
}

static void time_stamps(void)
{
    int mode = -1;
    struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO }, was;
    sigaction(SIGSEGV, &sa, &was);
    expect("PR_GET_TSC", prctl(PR_GET_TSC, &mode), 0);
    expect("it is", mode, PR_TSC_ENABLE);
    expect("rdtsc", reads_tsc(), 0);
    expect_error("PR_SET_TSC to what does not exist", prctl(PR_SET_TSC, 7), EINVAL);
    expect("PR_SET_TSC", prctl(PR_SET_TSC, PR_TSC_SIGSEGV), 0);
    expect("PR_GET_TSC", prctl(PR_GET_TSC, &mode), 0);
    expect("it is", mode, PR_TSC_SIGSEGV);
    /* On some virtual machines it never does: then it must nowhere. */
    int trap = reads_tsc();
    printf("rdtsc: %d\n", trap);
    expect("rdtscp", reads_tscp(), trap);
    expect("rdtsc in a child", child(reads_tsc), trap);
    expect("... without a handler", child(plain_tsc), trap ? 128 + trap : 5);
    pthread_t t;
    int sig = 0;
    pthread_create(&t, NULL, tsc_of_thread, &sig);
    pthread_join(t, NULL);
    expect("... in a thread", sig, trap);
    expect("which has changed its own mode alone", reads_tsc(), trap);
    expect("PR_SET_TSC", prctl(PR_SET_TSC, PR_TSC_ENABLE), 0);
    expect("rdtsc", reads_tsc(), 0);
    expect("... in a child", child(plain_tsc), 5);
    sigaction(SIGSEGV, &was, NULL);
}

/* ---- who may trace ---- */

static void tracers(void)
{
    /* Yama may be there or not: the kernel's own answer. */
    printf("PR_SET_PTRACER: %d\n", prctl(PR_SET_PTRACER, getpid(), 0, 0, 0) ? errno : 0);
    printf("... any: %d\n", prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0) ? errno : 0);
    printf("... none: %d\n", prctl(PR_SET_PTRACER, 0, 0, 0, 0) ? errno : 0);
    printf("... nobody that lives: %d\n", prctl(PR_SET_PTRACER, 0x3fffffff, 0, 0, 0) ? errno : 0);
}

static int asks_to_be_traced(void)
{
    return ptrace(PTRACE_TRACEME, 0, 0, 0) ? errno : 0;
}

/* It finds itself traced already, as under any debugger, and goes on. */
static void uses_ptrace(void)
{
    expect("PTRACE_TRACEME", child(asks_to_be_traced), EPERM);
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    expect_error("PTRACE_ATTACH", ptrace(PTRACE_ATTACH, pid, 0, 0), EPERM);
    expect_error("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, pid, 0, 0), EPERM);
    expect("kill", kill(pid, SIGTERM), 0);
    expect("the child", wait_status(pid), 128 + SIGTERM);
}

/* ---- other users ---- */

static void users(void)
{
    uid_t r, e, s;
    if (getuid() != 0) {
        printf("not root\n");
        return;
    }
    expect("the program's copy", system("cp \"$CALL_RIGHTS\" other && chown 65534:65534 other && chmod 6755 other"), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl("./other", "./other", "who", (char *)NULL);
        _exit(99);
    }
    expect("set-user-ID", wait_status(pid), 41);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execl("./other", "./other", "who", (char *)NULL);
        _exit(99);
    }
    expect("set-user-ID, and no new rights", wait_status(pid), 42);
    expect("unlink", unlink("other"), 0);
    pid = fork();
    if (pid == 0) {
        expect("setresuid", setresuid(65534, 65534, 0), 0);
        getresuid(&r, &e, &s);
        expect("getresuid", r == 65534 && e == 65534 && s == 0, 1);
        expect_error("a file that may not be written", open("/etc/passwd", O_WRONLY), EACCES);
        expect("seteuid", seteuid(0), 0);
        int fd = open("/etc/passwd", O_WRONLY);
        expect("now it may", fd >= 0, 1);
        close(fd);
        expect("setuid", setresuid(65534, 65534, 65534), 0);
        expect_error("and not back", seteuid(0), EPERM);
        _exit(6);
    }
    expect("a child that changes its user", wait_status(pid), 6);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && !strcmp(argv[1], "no-new-privs"))
        return 30 + get_no_new_privs();
    if (argc > 1 && !strcmp(argv[1], "who")) {
        expect("rights gained", geteuid() == 65534 && getegid() == 65534, !get_no_new_privs());
        return geteuid() == 65534 ? 41 : 42;
    }
    if (argc > 1 && !strcmp(argv[1], "ptrace")) {
        uses_ptrace();
        return done();
    }
    setenv("CALL_RIGHTS", argv[0], 1);
    expect("no new rights", child(sets_no_new_privs), 31);
    time_stamps();
    tracers();
    users();
    return done();
}
