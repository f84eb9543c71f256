/* call-shared.c - processes that meet in shared memory, of every kind that there is, without locks: what they write
 * depends on who comes when, and every version's is the same.
 *
 * Each meeting is of three processes that mix words of one page, look at it between calls, and print what they see. */
#include "expect.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#define ROUNDS 30

static void mix(volatile unsigned long *word, unsigned long own)
{
    for (int i = 0; i < ROUNDS; i++) {
        char line[64];
        for (int j = 0; j < 500; j++)
            word[j % 8] = word[(j + 1) % 8] * 31 + own + word[j % 8];
        int len = snprintf(line, sizeof line, "%lu %016lx\n", own, word[i % 8]);
        if (write(1, line, len) != len)
            abort();
        if (i % 7 == (int)own)
            usleep(100);
    }
}

/* How a process gets at the page: `at` is what its parent had, or NULL. */
typedef void *attach(void *at, int child);
static char name[64];
static int segment;

static void *inherited(void *at, int child)
{
    (void)child;
    return at ? at : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void *by_name(void *at, int child)
{
    int fd = shm_open(name, O_CREAT | O_RDWR, 0600);
    (void)at, (void)child;
    if (fd < 0 || ftruncate(fd, 4096))
        abort();
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p;
}

/* Only readable at first: nobody can tell yet. */
static void *by_protection(void *at, int child)
{
    int fd = shm_open(name, O_CREAT | O_RDWR, 0600);
    (void)at, (void)child;
    if (fd < 0 || ftruncate(fd, 4096))
        abort();
    void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    usleep(1000);
    return mprotect(p, 4096, PROT_READ | PROT_WRITE) ? MAP_FAILED : p;
}

static void *by_segment(void *at, int child)
{
    (void)at;
    if (!child)
        segment = shmget(IPC_PRIVATE, 5000, IPC_CREAT | 0600);
    void *p = shmat(segment, NULL, 0);
    return p == (void *)-1 ? MAP_FAILED : p;
}

static void meet(const char *what, attach *how)
{
    char *at = how(NULL, 0);
    if (at == MAP_FAILED)
        abort();
    printf("%s\n", what);
    fflush(stdout);
    for (int i = 1; i <= 2; i++)
        if (!fork()) {
            char *mine = how(at, 1);
            if (mine == MAP_FAILED)
                _exit(1);
            mix((volatile unsigned long *)mine, i);
            _exit(0);
        }
    mix((volatile unsigned long *)at, 3);
    for (int i = 1, st; i <= 2; i++)
        if (wait(&st) < 0 || st)
            abort();
    printf("%s: in the end %016lx\n", what, *(unsigned long *)at);
    fflush(stdout);
    if (how == by_segment ? shmdt(at) : munmap(at, 4096))
        abort();
}

/* What was written by a mapping has left no trace in the file's times. */
static void again(void)
{
    volatile unsigned long *p = by_name(NULL, 0);
    usleep(100000);
    p[9] = 7;
    munmap((void *)p, 4096);
    p = by_name(NULL, 0);
    expect("what a former mapping wrote", p[9], 7);
    munmap((void *)p, 4096);
}

/* What `see` goes through, as far as a look between two calls tells. Half way the second one has a child that looks, too. */
static void look(volatile unsigned *see, int who)
{
    unsigned long digest = 0;
    unsigned last = 0, now;
    char line[64];
    while ((now = *see) < 2000) {
        for (int i = 0; i < 2000; i++, now = *see)
            if (now != last) {
                digest = digest * 31 + now;
                last = now;
            }
        if (now > 1000 && who == 1 && fork() == 0)
            who = 3;
        else if (now > 1000 && who == 1)
            who = 2;
        getppid();
    }
    int len = snprintf(line, sizeof line, "reader %d: %016lx\n", who, digest);
    if (write(1, line, len) != len)
        abort();
    if (who == 2)
        wait(NULL);
    _exit(0);
}

/* Two who only look have nothing to do with each other, before somebody comes who writes. */
static void looks(void)
{
    int fd = shm_open(name, O_CREAT | O_RDWR, 0600), ready[2];
    char what;
    expect("readers", fd < 0 || ftruncate(fd, 4096) || pipe(ready), 0);
    fflush(stdout);
    for (int i = 0; i < 2; i++)
        if (fork() == 0) {
            void *see = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
            if (see == MAP_FAILED || write(ready[1], "r", 1) != 1)
                abort();
            look(see, i);
        }
    for (int i = 0; i < 2; i++)
        expect("is there", read(ready[0], &what, 1), 1);
    volatile unsigned *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int i = 0; i < 2000; i++) {
        for (volatile int j = 0; j < 2000; j++)
            ;
        ++*word;
        i % 50 ? getppid() : usleep(100);
    }
    for (int i = 0; i < 2; i++)
        expect("has seen all", wait(NULL) > 0, 1);
    munmap((void *)word, 4096);
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    struct shmid_ds ds;

    snprintf(name, sizeof name, "/call-shared-%d", getpid());
    looks(); /* first: all that a process forks which has shared memory for writing is in it together */
    shm_unlink(name);
    meet("anonymous", inherited);
    meet("by name", by_name);
    meet("by protection", by_protection);
    shm_unlink(name);
    again();
    shm_unlink(name);
    meet("a segment", by_segment);
    shmctl(segment, IPC_STAT, &ds);
    expect("attached", ds.shm_nattch, 0);
    shmctl(segment, IPC_RMID, NULL);
    return done();
}
