/* call-birth.c - checklist 3 and 4: every way to make a process. */
#include "expect.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static volatile int shared;
static int parent_word, child_word;

static void forks(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    expect("fork: status", wait_status(pid), 7);
    shared = 1;
    pid = fork();
    if (pid == 0) {
        shared = 2;
        _exit(0);
    }
    wait_status(pid);
    expect("a forked child's memory is its own", shared, 1);
}

static void vforks(void)
{
    shared = 1;
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 5;
        _exit(8);
    }
    expect("vfork: the child's store shows", shared, 5);
    expect("vfork: status", wait_status(pid), 8);
    pid = vfork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "echo from vfork and exec; exit 9", (char *)NULL);
        _exit(127);
    }
    expect("vfork and exec: status", wait_status(pid), 9);
    /* Memory below the stack is what it was for who looks there: followers compare what is written. */
    char *sp = __builtin_frame_address(0);
    int null = open("/dev/null", O_WRONLY);
    expect("write of dead stack", syscall(SYS_write, null, sp - 3000, 2900), 2900);
    close(null);
}

/* Until the child has gone its own way its parent sleeps, and the child is on its stack. */
static void parent_sleeps(void)
{
    volatile int mine = 1, order = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        sleep_ms(60);
        mine = 6;
        order = order * 10 + 1;
        _exit(0);
    }
    order = order * 10 + 2;
    expect("vfork: who comes first", order, 12);
    expect("the child's store in its parent's frame", mine, 6);
    expect("status", wait_status(pid), 0);
    order = 0;
    pid = vfork();
    if (pid == 0) {
        sleep_ms(60);
        order = order * 10 + 1;
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    order = order * 10 + 2;
    expect("vfork and exec: who comes first", order, 12);
    expect("status", wait_status(pid), 0);
    pid = vfork();
    if (pid == 0) {
        order = 5;
        raise(SIGKILL);
    }
    expect("a child of vfork that is killed", order, 5);
    expect("status", wait_status(pid), 128 + SIGKILL);
}

static void spawns(void)
{
    extern char **environ;
    char *argv[] = { "sh", "-c", "echo spawned; exit 10", NULL };
    pid_t pid;
    int r = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), st = wait_status(pid);
    expect("posix_spawn", r, 0); /* said after it has ended: its line comes first */
    expect("its status", st, 10);
    expect("posix_spawn of nothing", posix_spawn(&pid, "/no/such/file", NULL, NULL, argv, environ), ENOENT);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    expect("posix_spawn with a redirection", posix_spawnp(&pid, "sh", &fa, NULL, argv, environ), 0);
    expect("its status", wait_status(pid), 10);
    expect("system", WEXITSTATUS(system("exit 11")), 11);
    FILE *p = popen("echo through popen", "r");
    char line[64] = "";
    expect("popen", fgets(line, sizeof line, p) != NULL, 1);
    expect_text("popen's line", line, "through popen\n");
    expect("pclose", pclose(p), 0);
}

static volatile int got_usr1;

static void on_usr1(int sig)
{
    got_usr1 = sig;
}

static void clones(void)
{
    pid_t pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &parent_word, &child_word, 0);
    if (pid == 0)
        _exit(child_word == (int)syscall(SYS_gettid) ? 12 : 13);
    expect("clone: parent's word", parent_word == pid, 1);
    expect("clone: child's word in the parent", child_word, 0);
    expect("clone: status", wait_status(pid), 12);
    pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, NULL, NULL, 0);
    if (pid == 0)
        _exit(14);
    expect("clone with CLONE_UNTRACED: status", wait_status(pid), 14);
    struct clone_args untraced = { .flags = CLONE_UNTRACED, .exit_signal = SIGCHLD };
    pid = syscall(SYS_clone3, &untraced, sizeof untraced);
    if (pid == 0)
        _exit(23);
    expect("clone3 with CLONE_UNTRACED: status", wait_status(pid), 23);
    expect("its flags are what they were", untraced.flags, CLONE_UNTRACED);
    /* The top bit of an int, extended: the kernel looks at 32 bits. */
    struct sigaction sa = { .sa_handler = on_usr1 };
    sigaction(SIGUSR1, &sa, NULL);
    pid = syscall(SYS_clone, (long)(int)(CLONE_IO | SIGCHLD), 0, NULL, NULL, 0);
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(got_usr1 ? 34 : 35);
    }
    expect("clone with CLONE_IO: status", wait_status(pid), 34);
    signal(SIGUSR1, SIG_DFL);
    pid = syscall(SYS_clone, 0, 0, NULL, NULL, 0);
    if (pid == 0)
        _exit(15);
    int st = 0;
    expect_error("clone without a signal: waitpid", waitpid(pid, &st, 0), ECHILD);
    expect("with __WCLONE", waitpid(pid, &st, __WCLONE) == pid, 1);
    expect("its status", WEXITSTATUS(st), 15);
    expect_error("clone with CLONE_THREAD alone", syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
}

/* The child's only doings: 32 and one more for each of the dispositions that is right. On a stack of its own it cannot
 * return from here, so it is entered by a call of its own. */
static void __attribute__((noreturn)) cleared_child(void)
{
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } a = { 0 }, b = { 0 };
    syscall(SYS_rt_sigaction, SIGUSR1, NULL, &a, 8);
    syscall(SYS_rt_sigaction, SIGUSR2, NULL, &b, 8);
    syscall(SYS_exit_group, a.handler == SIG_DFL && b.handler == SIG_IGN ? 33 : 32);
    __builtin_unreachable();
}

static pid_t cleared(struct clone_args *ca)
{
    long ret;
    __asm__ volatile("syscall\n\ttest %%eax, %%eax\n\tjnz 1f\n\tand $-16, %%rsp\n\tcall *%4\n1:"
                     : "=a"(ret) : "0"(SYS_clone3), "D"(ca), "S"(sizeof(*ca)), "r"(cleared_child)
                     : "rcx", "r11", "memory");
    return ret;
}

static void clones3(void)
{
    struct clone_args ca = { .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, .exit_signal = SIGCHLD,
                             .parent_tid = (uintptr_t)&parent_word, .child_tid = (uintptr_t)&child_word };
    pid_t pid = syscall(SYS_clone3, &ca, sizeof ca);
    if (pid == 0)
        _exit(child_word == (int)syscall(SYS_gettid) ? 16 : 17);
    expect("clone3: parent's word", parent_word == pid, 1);
    expect("clone3: status", wait_status(pid), 16);
    /* As posix_spawn of newer C libraries: the child has no handlers, but ignores what its parent ignores. */
    struct sigaction sa = { .sa_handler = on_usr1 };
    sigaction(SIGUSR1, &sa, NULL);
    signal(SIGUSR2, SIG_IGN);
    for (int vm = 0; vm < 2; vm++) {
        struct clone_args cs = { .flags = CLONE_CLEAR_SIGHAND | (vm ? CLONE_VM | CLONE_VFORK : 0), .exit_signal = SIGCHLD };
        if (vm) {
            cs.stack = (uintptr_t)mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            cs.stack_size = 65536;
        }
        pid = cleared(&cs);
        expect("CLONE_CLEAR_SIGHAND: status", wait_status(pid), 33);
    }
    expect("the parent keeps its handler", kill(getpid(), SIGUSR1) == 0 && got_usr1, 1);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    expect_error("clone3 with a short structure", syscall(SYS_clone3, &ca, 8), EINVAL);
}

static int in_shared_memory(void *arg)
{
    (void)arg;
    shared = 99;
    return 18;
}

static void clones_vm(void)
{
    size_t size = 65536;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pid_t pid = clone(in_shared_memory, stack + size, CLONE_VM | SIGCHLD, NULL);
    expect("CLONE_VM without CLONE_THREAD: status", wait_status(pid), 18);
    expect("its store shows", shared, 99);
}

static volatile int cleared_word;

/* The kernel clears the word when the child is gone, and wakes who waits there. */
static void clears_word(void)
{
    size_t size = 65536;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    for (int i = 0; i < 20; i++) {
        cleared_word = -1;
        pid_t pid = clone(in_shared_memory, stack + size, CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL,
                          NULL, NULL, (void *)&cleared_word);
        int word;
        while ((word = cleared_word) != 0)
            syscall(SYS_futex, &cleared_word, FUTEX_WAIT, word, NULL, NULL, 0);
        int status = wait_status(pid);
        if (i == 19 || status != 18) {
            expect("CLONE_CHILD_CLEARTID: the word", cleared_word, 0);
            expect("status", status, 18);
        }
    }
    /* A word that was named later; where nobody shares the memory it is not touched. */
    cleared_word = 7;
    pid_t pid = fork();
    if (pid == 0) {
        expect("set_tid_address", syscall(SYS_set_tid_address, &cleared_word) == getpid(), 1);
        _exit(22);
    }
    expect("status", wait_status(pid), 22);
    expect("the parent's word", cleared_word, 7);
    munmap(stack, size);
}

/* CLONE_PARENT: the grandchild is our child. */
static void siblings(void)
{
    int p[2];
    pid_t grandchild = 0;
    expect("pipe", pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t g = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, NULL, NULL, 0);
        if (g == 0)
            _exit(19);
        _exit(write(p[1], &g, sizeof g) != sizeof g);
    }
    expect("the child that cloned a sibling", wait_status(pid), 0);
    expect("its message", read(p[0], &grandchild, sizeof grandchild), sizeof grandchild);
    expect("CLONE_PARENT: status", wait_status(grandchild), 19);
}

/* A grandchild whose parent is gone belongs to the subreaper that we are. */
static void orphans(void)
{
    expect("PR_SET_CHILD_SUBREAPER", prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t me = getpid(), pid = fork();
    if (pid == 0) {
        pid_t child = getpid();
        if (fork() == 0) {
            while (getppid() == child)
                sleep_ms(5);
            _exit(getppid() == me ? 20 : 21);
        }
        _exit(0);
    }
    expect("the parent between", wait_status(pid), 0);
    int st = 0;
    expect("the orphan ends", wait(&st) > 0, 1);
    expect("the orphan's status", WEXITSTATUS(st), 20);
}

int main(void)
{
    forks();
    vforks();
    parent_sleeps();
    spawns();
    clones();
    clones3();
    clones_vm();
    clears_word();
    siblings();
    orphans();
    int st;
    expect_error("nobody left to wait for", wait(&st), ECHILD);
    return done();
}
