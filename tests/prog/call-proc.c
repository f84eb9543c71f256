/* call-proc.c - checklist 15: what /proc tells a program about itself and about its child. It is the leader's, in every version:
 * maps, stat, statm, status, cmdline, environ, auxv, exe, cwd, root, fd, fdinfo, task, comm, mem, limits. */
#include "expect.h"
#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static char text[1 << 16];
static long data = 1;

/* The file /proc/WHO/NAME in `text`; its length. */
static long slurp(const char *who, const char *name)
{
    char path[64];
    long len = 0, n;
    snprintf(path, sizeof path, "/proc/%s/%s", who, name);
    int fd = open(path, O_RDONLY);
    while (fd >= 0 && (n = read(fd, text + len, sizeof text - 1 - len)) > 0)
        len += n;
    text[len] = 0;
    if (fd < 0)
        return -1;
    close(fd);
    return len;
}

/* Where the link /proc/WHO/NAME leads, in `text`. */
static const char *link_of(const char *who, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/%s", who, name);
    ssize_t n = readlink(path, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

/* The mapping that holds the address: its permissions, followed by the last part of its name. */
static const char *mapping_of(const void *at)
{
    static char found[300];
    slurp("self", "maps");
    strcpy(found, "none");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to;
        char perms[8], name[256] = "";
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255[^\n]", &from, &to, perms, name) >= 3 &&
            from <= (unsigned long)at && (unsigned long)at < to)
            snprintf(found, sizeof found, "%s %s", perms, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
    }
    return found;
}

static void maps(const char *self)
{
    char want[300];
    const char *base = strrchr(self, '/') + 1;
    int local;
    snprintf(want, sizeof want, "r-xp %s", base);
    expect_text("maps: this code", mapping_of((void *)maps), want);
    snprintf(want, sizeof want, "rw-p %s", base);
    expect_text("maps: this data", mapping_of(&data), want);
    expect_text("maps: the stack", mapping_of(&local), "rw-p [stack]");
    expect_text("maps: the heap", mapping_of(malloc(10)), "rw-p [heap]");
    expect_text("maps: the vDSO", mapping_of((void *)getauxval(AT_SYSINFO_EHDR)), "r-xp [vdso]");
    char *p = mmap(NULL, 8192, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect_text("maps: what is mapped now", mapping_of(p), "r--s zero (deleted)");
    munmap(p, 8192);
    expect_text("maps: and no longer", mapping_of(p), "none");
    /* All of them, without their addresses. */
    slurp("self", "maps");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char perms[8], name[256] = "";
        sscanf(line, "%*s %7s %*s %*s %*s %255[^\n]", perms, name);
        printf("  %s %s\n", perms, name);
    }
}

static void stats(void)
{
    int pid = 0, ppid = 0, pgrp = 0, session = 0, tgid = 0, threads = 0;
    char name[32] = "";
    slurp("self", "stat");
    sscanf(text, "%d (%31[^)]) %*c %d %d %d", &pid, name, &ppid, &pgrp, &session);
    expect("stat: pid", pid == getpid(), 1);
    expect("stat: parent", ppid == getppid(), 1);
    expect("stat: group", pgrp == getpgrp(), 1);
    expect("stat: session", session == getsid(0), 1);
    expect_text("stat: name", name, "call-proc");
    slurp("self", "status");
    char *p = strstr(text, "\nTgid:"), *q = strstr(text, "\nThreads:");
    expect("status: pid", p && sscanf(p, " Tgid: %d", &tgid) == 1 && tgid == getpid(), 1);
    expect("status: threads", q && sscanf(q, " Threads: %d", &threads) == 1 ? threads : -1, 1);
    expect("statm", slurp("self", "statm") > 10, 1);
    expect("PR_SET_NAME", prctl(PR_SET_NAME, "renamed"), 0);
    slurp("self", "comm");
    expect_text("comm", text, "renamed\n");
    int fd = open("/proc/self/comm", O_WRONLY);
    expect("write to comm", write(fd, "call-proc", 9), 9);
    char now[16] = "";
    expect("PR_GET_NAME", prctl(PR_GET_NAME, now), 0);
    expect_text("it is", now, "call-proc");
    close(fd);
}

static void start(char **argv)
{
    long n = slurp("self", "cmdline");
    expect("cmdline: this program", n > 0 && !strcmp(text, argv[0]), 1);
    expect("cmdline: its argument", n > 0 && !strcmp(text + strlen(text) + 1, argv[1]), 1);
    n = slurp("self", "environ");
    int there = 0;
    for (char *p = text; p < text + n; p += strlen(p) + 1)
        there += !strcmp(p, "CALL_PROC=here");
    expect("environ", there, 1);
    n = slurp("self", "auxv");
    Elf64_auxv_t aux;
    int good = 0;
    for (long i = 0; i + (long)sizeof aux <= n; i += sizeof aux) {
        memcpy(&aux, text + i, sizeof aux);
        if (aux.a_type == AT_RANDOM || aux.a_type == AT_ENTRY || aux.a_type == AT_PHDR || aux.a_type == AT_SYSINFO_EHDR)
            good += aux.a_un.a_val == getauxval(aux.a_type);
    }
    expect("auxv: as getauxval has it", good, 4);
    char real[4096], cwd[4096];
    expect_text("exe", link_of("self", "exe"), realpath(argv[0], real));
    expect_text("cwd", link_of("self", "cwd"), getcwd(cwd, sizeof cwd));
    expect_text("root", link_of("self", "root"), "/");
    int fd = open("/proc/self/exe", O_RDONLY);
    char magic[5] = "";
    expect("read of exe", read(fd, magic, 4), 4);
    expect_text("it is", magic, "\177ELF");
    close(fd);
}

/* Numbers in a directory, in their order. */
static const char *numbers(const char *path)
{
    static char found[4096];
    int n[256], count = 0;
    struct dirent *e;
    DIR *d = opendir(path);
    if (!d)
        return "none";
    while ((e = readdir(d)))
        if (e->d_name[0] != '.' && count < 256)
            n[count++] = atoi(e->d_name);
    closedir(d);
    found[0] = 0;
    for (int i = 0; i < count; i++)
        for (int j = i + 1; j < count; j++)
            if (n[j] < n[i]) {
                int t = n[i];
                n[i] = n[j], n[j] = t;
            }
    for (int i = 0; i < count; i++)
        sprintf(found + strlen(found), "%d ", n[i]);
    return found;
}

static void descriptors(void)
{
    int p[2], fd = open("/dev/null", O_RDONLY);
    char name[32], want[64];
    expect_text("fd: these alone, and the directory's", numbers("/proc/self/fd"), "0 1 2 3 4 ");
    snprintf(name, sizeof name, "fd/%d", fd);
    expect_text("fd: where it leads", link_of("self", name), "/dev/null");
    expect("pipe", pipe(p), 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", p[1]);
    int again = open(name, O_WRONLY);
    expect("a pipe opened by its name", again > p[1], 1);
    expect("write to it", write(again, "through", 7), 7);
    char got[8] = "";
    expect("read from it", read(p[0], got, 7), 7);
    expect_text("it is", got, "through");
    int file = open("positioned", O_RDWR | O_CREAT | O_TRUNC, 0600);
    expect("write", write(file, "12345", 5), 5);
    snprintf(name, sizeof name, "fdinfo/%d", file);
    slurp("self", name);
    snprintf(want, sizeof want, "pos:\t5\n");
    expect("fdinfo: position", !strncmp(text, want, strlen(want)), 1);
    unlink("positioned");
    close(file), close(fd), close(p[0]), close(p[1]), close(again);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile pid_t other;

static void *waits(void *arg)
{
    other = gettid();
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return arg;
}

static void tasks(void)
{
    char want[64], name[64];
    pthread_t t;
    pthread_mutex_lock(&lock);
    pthread_create(&t, NULL, waits, NULL);
    while (!other)
        sleep_ms(1);
    if (getpid() < other)
        snprintf(want, sizeof want, "%d %d ", getpid(), other);
    else
        snprintf(want, sizeof want, "%d %d ", other, getpid());
    expect("task: both threads", !strcmp(numbers("/proc/self/task"), want), 1);
    snprintf(name, sizeof name, "task/%d/stat", other);
    slurp("self", name);
    expect("task: its number", atoi(text) == other, 1);
    slurp("thread-self", "stat");
    expect("thread-self", atoi(text) == gettid(), 1);
    pthread_mutex_unlock(&lock);
    pthread_join(t, NULL);
}

static void child(void)
{
    char who[16], path[64], own[4096];
    int p[2], out[2];
    expect("pipes", pipe(p) + pipe(out), 0);
    strcpy(own, link_of("self", "exe"));
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(p[1]);
        fcntl(out[0], F_SETFD, 0);
        chdir("/");
        write(out[1], "r", 1);
        _exit(read(p[0], &c, 1) ? 1 : 31);
    }
    char c;
    close(p[0]);
    expect("the child is ready", read(out[0], &c, 1), 1);
    snprintf(who, sizeof who, "%d", pid);
    int number = 0, parent = 0;
    slurp(who, "stat");
    sscanf(text, "%d %*s %*c %d", &number, &parent);
    expect("child: number and parent", number == pid && parent == getpid(), 1);
    expect_text("child: exe", link_of(who, "exe"), own);
    expect_text("child: cwd", link_of(who, "cwd"), "/");
    snprintf(path, sizeof path, "/proc/%s/fd", who);
    expect_text("child: fd", numbers(path), "0 1 2 3 5 6 ");
    snprintf(path, sizeof path, "%s ", who);
    char dir[64];
    snprintf(dir, sizeof dir, "/proc/%s/task", who);
    expect("child: task", !strcmp(numbers(dir), path), 1);
    static volatile long mark = 0x1234567;
    long seen = 0;
    snprintf(path, sizeof path, "/proc/%s/mem", who);
    int fd = open(path, O_RDONLY);
    expect("child: mem", fd >= 0 && pread(fd, &seen, sizeof seen, (off_t)(uintptr_t)&mark) == sizeof seen ? seen : -1, 0x1234567);
    close(fd);
    slurp(who, "cmdline");
    expect("child: cmdline", strstr(text, "call-proc") != NULL, 1);
    close(p[1]);
    expect("child: status", wait_status(pid), 31);
    expect("it is gone", slurp(who, "stat"), -1);
    close(out[0]), close(out[1]);
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        close_range(3, ~0U, 0); /* what a shell has left open */
        setenv("CALL_PROC", "here", 1);
        execl(argv[0], argv[0], "again", (char *)NULL);
        return 127;
    }
    stats();
    start(argv);
    maps(argv[0]);
    descriptors();
    tasks();
    child();
    long seen = 0;
    static volatile long mark = 0x7654321;
    int fd = open("/proc/self/mem", O_RDONLY);
    expect("mem", pread(fd, &seen, sizeof seen, (off_t)(uintptr_t)&mark) == sizeof seen ? seen : -1, 0x7654321);
    close(fd);
    return done();
}
