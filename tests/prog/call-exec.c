/* call-exec.c - checklist 5 and 23: exec, exec from a thread that is not the first, exit_group with threads at work, scripts. */
#include "expect.h"
#include <dirent.h>
#include <sys/prctl.h>
#include <pthread.h>
#include <sys/stat.h>

static const char *self;

static void *execs(void *arg)
{
    char pid[16];
    sprintf(pid, "%d", getpid());
    execl(self, self, "after", pid, (char *)NULL);
    return arg;
}

static void *spins(void *arg)
{
    for (;;)
        sleep_ms(1);
    return arg;
}

static void *exits(void *arg)
{
    (void)arg;
    exit(23);
}

static int in_child(void *(*f)(void *), int others)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        for (int i = 0; i < others; i++)
            pthread_create(&t, NULL, spins, NULL);
        sleep_ms(20);
        pthread_create(&t, NULL, f, NULL);
        for (;;)
            pause();
    }
    return wait_status(pid);
}

static void scripts(void)
{
    FILE *f = fopen("script", "w");
    fprintf(f, "#!/bin/sh\necho script \"$@\"\nexit 24\n");
    fclose(f);
    chmod("script", 0755);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl("./script", "./script", "one", "two", (char *)NULL);
        _exit(127);
    }
    expect("script", wait_status(pid), 24);
    expect("unlink", unlink("script"), 0);
}

static void many_arguments(void)
{
    static char *argv[4098];
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = "echo $# arguments";
    for (int i = 3; i < 4096; i++)
        argv[i] = "argument";
    pid_t pid = fork();
    if (pid == 0) {
        execv("/bin/sh", argv);
        _exit(127);
    }
    expect("4096 arguments", wait_status(pid), 0);
}

static void errors(void)
{
    char *argv[] = { "x", NULL };
    expect_error("exec of nothing", execv("/no/such/file", argv), ENOENT);
    expect_error("exec of a directory", execv("/tmp", argv), EACCES);
    expect_error("exec of a file that is no program", execv("/etc/passwd", argv), EACCES);
}

static int child_status(pid_t pid)
{
    int st = 0;
    waitpid(pid, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* Who may look into a process: children inherit it, an exec puts it back. */
static void dumpable(void)
{
    expect("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 0), 0);
    expect_error("... to what does not exist", prctl(PR_SET_DUMPABLE, 7), EINVAL);
    expect("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(30 + prctl(PR_GET_DUMPABLE));
    expect("of a child", child_status(pid), 30);
    pid = fork();
    if (pid == 0) {
        execl(self, self, "dumpable", NULL);
        _exit(99);
    }
    expect("after an exec", child_status(pid), 31);
    expect("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 1), 0);
}

/* How many threads this process has. */
static int threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && !strcmp(argv[1], "dumpable"))
        return 30 + prctl(PR_GET_DUMPABLE);
    if (argc > 1) {
        printf("%s: pid is tid: %d\n", argv[1], getpid() == gettid());
        printf("the parent's child is still this one: %d\n", argc > 2 ? atoi(argv[2]) == getpid() : -1);
        printf("threads: %d\n", threads());
        return 25;
    }
    expect("exec from a thread", in_child(execs, 0), 25);
    expect("exec from a thread among five", in_child(execs, 4), 25);
    expect("exit from a thread among five", in_child(exits, 4), 23);
    scripts();
    many_arguments();
    errors();
    dumpable();
    return done();
}
