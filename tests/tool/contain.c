/* contain.c - run one test so that nothing of it can get away.
 *
 *   contain SECONDS PROG ARGS...   run PROG; after SECONDS kill all that came of it and exit with 124
 *   contain --left PID             list the living descendants of a `contain`, without the caller and its parents
 *
 * The container is a subreaper: whatever the test starts stays below it, whatever its session, its group or
 * its environment. The test gets an empty directory, $TANDEM_TEST_DIR, that is removed afterwards, and where
 * the kernel allows it (root) also a /tmp and a /dev/shm of its own, so that a file left there can be seen. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct proc { int pid, ppid, inside; char state; };

static struct proc *procs;
static size_t nprocs;

static void read_proc(const char *pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    char *end = strrchr(line, ')');
    struct proc p = { .pid = atoi(pid) };
    if (!end || sscanf(end + 1, " %c %d", &p.state, &p.ppid) != 2)
        return;
    procs = realloc(procs, (nprocs + 1) * sizeof *procs);
    procs[nprocs++] = p;
}

static void read_procs(void)
{
    nprocs = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] > '0' && e->d_name[0] <= '9')
            read_proc(e->d_name);
    if (d)
        closedir(d);
}

static int is_ancestor(int pid, int of)
{
    for (size_t i = 0; of > 1 && i < nprocs; i++)
        if (procs[i].pid == of) {
            if (of == pid)
                return 1;
            of = procs[i].ppid;
            i = -1;
        }
    return 0;
}

static void mark_below(int root)
{
    for (int more = 1; more;) {
        more = 0;
        for (size_t i = 0; i < nprocs; i++) {
            struct proc *p = &procs[i];
            if (p->inside)
                continue;
            int below = p->ppid == root;
            for (size_t j = 0; j < nprocs && !below; j++)
                below = procs[j].inside && procs[j].pid == p->ppid;
            if (below)
                p->inside = more = 1;
        }
    }
}

static void describe(FILE *out, const struct proc *p)
{
    char path[64], line[160] = "", exe[160] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", p->pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
        fclose(f);
    for (size_t i = 0; i < n; i++)
        if (line[i] < ' ')
            line[i] = ' ';
    snprintf(path, sizeof path, "/proc/%d/exe", p->pid);
    if (readlink(path, exe, sizeof exe - 1) < 0)
        exe[0] = 0;
    fprintf(out, "pid %d, parent %d, state %c, %s: %s\n", p->pid, p->ppid, p->state, exe, line);
}

/* The living ones below root that are not this process or above it; a zombie waits only for its parent to look. */
static int living(FILE *out, int root)
{
    int n = 0;
    read_procs();
    mark_below(root);
    for (size_t i = 0; i < nprocs; i++)
        if (procs[i].inside && procs[i].state != 'Z' && procs[i].state != 'X' &&
            !is_ancestor(procs[i].pid, getpid())) {
            n++;
            if (out)
                describe(out, &procs[i]);
        }
    return n;
}

static void kill_all(void)
{
    for (int turn = 0; turn < 200 && living(NULL, getpid()); turn++) {
        for (size_t i = 0; i < nprocs; i++)
            if (procs[i].inside)
                kill(procs[i].pid, SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        usleep(10000);
    }
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    remove(path);
    return 0;
}

static int open_dir(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)at;
    if (flag == FTW_D || flag == FTW_DNR)
        chmod(path, 0700);
    return 0;
}

static void make_dir(char *buf, size_t size, const char *dir, const char *name)
{
    snprintf(buf, size, "%s/%s", dir, name);
    mkdir(buf, 0777);
    chmod(buf, 01777);
}

/* A /tmp of the test's own, where we may; elsewhere $TMPDIR has to do. */
static void set_up(const char *dir)
{
    char tmp[256], shm[256], pid[16];
    make_dir(tmp, sizeof tmp, dir, "tmp");
    make_dir(shm, sizeof shm, dir, "shm");
    snprintf(pid, sizeof pid, "%d", getppid());
    setenv("TANDEM_TEST_CONTAIN", pid, 1);
    setenv("TANDEM_TEST_DIR", dir, 1);
    if (!getenv("TANDEM_TEST_SHARED_TMP") && !unshare(CLONE_NEWNS) &&
        !mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) && !mount(tmp, "/tmp", NULL, MS_BIND, NULL) &&
        !mount(shm, "/dev/shm", NULL, MS_BIND, NULL))
        unsetenv("TMPDIR");
    else
        setenv("TMPDIR", tmp, 1);
}

static void start(char **argv, const char *dir)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    set_up(dir);
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

/* Wait for the test itself, reap whom it left to us; -1 when its time is over or we are told to stop. */
static int wait_for(pid_t test, int seconds, const sigset_t *set)
{
    time_t end = time(NULL) + seconds;
    for (;;) {
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == test)
                return status;
        time_t left = end - time(NULL);
        if (left <= 0)
            return -1;
        struct timespec ts = { .tv_sec = left };
        int sig = sigtimedwait(set, NULL, &ts);
        if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP)
            return -1;
    }
}

static int contain(int seconds, char **argv)
{
    char dir[] = "/var/tmp/tandem-test.XXXXXX";
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!mkdtemp(dir)) {
        perror(dir);
        return 125;
    }
    chmod(dir, 0755);
    pid_t test = fork();
    if (test == 0)
        start(argv, dir);
    int status = wait_for(test, seconds, &set), ret;
    if (status < 0) {
        fprintf(stderr, "# stopped after %d s; at that moment there were:\n", seconds);
        living(stderr, getpid());
        ret = 124;
    } else {
        ret = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (living(NULL, getpid())) {
            fprintf(stderr, "# left behind:\n");
            living(stderr, getpid());
            ret = ret ? ret : 1;
        }
    }
    kill_all();
    nftw(dir, open_dir, 32, FTW_PHYS);
    nftw(dir, remove_one, 32, FTW_PHYS | FTW_DEPTH);
    return ret;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--left"))
        return living(stdout, atoi(argv[2])) ? 1 : 0;
    if (argc < 3 || atoi(argv[1]) <= 0) {
        fprintf(stderr, "usage: contain SECONDS PROG ARGS... | contain --left PID\n");
        return 125;
    }
    /* A suite that was started with nohup, say, ignores what tests send. */
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    return contain(atoi(argv[1]), argv + 2);
}
