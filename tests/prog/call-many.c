/* call-many.c - checklist 20: much of everything. The argument says of what: files (a hundred thousand descriptors, or as many
 * as may be), threads (a thousand at once), bytes (200 MB in one write, one read and one writev), maps (of seven hundred files, one after the
 * other, while one more is mapped from the first to the last, and written to). A second one: how many. */
#include "expect.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

static void files(long n)
{
    struct rlimit rl;
    close_range(3, ~0U, 0);
    getrlimit(RLIMIT_NOFILE, &rl);
    if (rl.rlim_max < (rlim_t)n + 10) {
        struct rlimit more = { n + 10, n + 10 };
        if (setrlimit(RLIMIT_NOFILE, &more))
            n = rl.rlim_max - 10;
    }
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max < (rlim_t)n + 10 ? rl.rlim_max : (rlim_t)n + 10;
    expect("setrlimit", setrlimit(RLIMIT_NOFILE, &rl), 0);
    long good = 0;
    for (long i = 0; i < n; i++)
        good += open(i % 2 ? "/dev/null" : "/dev/zero", O_RDONLY) == 3 + i;
    expect("descriptors, one after the other", good, n);
    char c = 1;
    expect("read of the last zero", read(3 + (n - 1) / 2 * 2, &c, 1), 1);
    expect("it is", c, 0);
    expect("read of the last null", read(3 + (n - 2) / 2 * 2 + 1, &c, 1), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(fcntl(n + 2, F_GETFD) == 0 && close(n + 2) == 0 && fcntl(n + 2, F_GETFD) == -1 ? 7 : 8);
    expect("a child has them, too", wait_status(pid), 7);
    expect("and loses its own", fcntl(n + 2, F_GETFD), 0);
    expect("close_range", close_range(4, ~0U, 0), 0);
    expect("the next one", open("/dev/null", O_RDONLY), 4);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_there = PTHREAD_COND_INITIALIZER;
static long here, wanted;
static unsigned long order;

static void *comes(void *arg)
{
    pthread_mutex_lock(&lock);
    order = order * 31 + (intptr_t)arg;
    if (++here == wanted)
        pthread_cond_broadcast(&all_there);
    while (here < wanted)
        pthread_cond_wait(&all_there, &lock);
    order = order * 31 + (intptr_t)arg;
    pthread_mutex_unlock(&lock);
    return arg;
}

static void threads(long n)
{
    pthread_t *t = calloc(n, sizeof *t);
    pthread_attr_t small;
    long made = 0, sum = 0;
    void *r;
    wanted = n;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (long i = 0; i < n; i++)
        made += pthread_create(&t[i], &small, comes, (void *)i) == 0;
    expect("threads", made, n);
    for (long i = 0; i < n; i++) {
        pthread_join(t[i], &r);
        sum += (intptr_t)r;
    }
    expect("all at once", here, n);
    expect("joined", sum, n * (n - 1) / 2);
    fprintf(stderr, "order %016lx\n", order);
    free(t);
}

static unsigned long sum(const unsigned char *p, long n)
{
    unsigned long s = 0;
    for (long i = 0; i < n; i += 509)
        s = s * 31 + p[i];
    return s;
}

static void bytes(long n)
{
    unsigned char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < n; i++)
        p[i] = i * 11 >> 5;
    unsigned long before = sum(p, n);
    int fd = memfd_create("many", MFD_CLOEXEC); /* no disk in between */
    expect("one write", write(fd, p, n), n);
    memset(p, 0, n);
    expect("one read", pread(fd, p, n, 0), n);
    expect("the same bytes", sum(p, n) == before, 1);
    struct iovec v[2] = { { p + n / 3, n - n / 3 }, { p, n / 3 } };
    expect("one writev", pwritev(fd, v, 2, 0), n);
    expect("one readv", preadv(fd, v, 2, 0), n);
    expect("the same bytes", sum(p, n) == before, 1);
    close(fd);
}

static void maps(long n)
{
    unsigned long all = 0;
    int first = open("first", O_RDWR | O_CREAT | O_TRUNC, 0600);
    expect("pwrite", pwrite(first, "before", 7, 0), 7);
    char *kept = mmap(NULL, 4096, PROT_READ, MAP_SHARED, first, 0);
    for (long i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "map%ld", i);
        int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (pwrite(fd, &i, sizeof i, 0) != sizeof i || ftruncate(fd, 4096))
            surprises++;
        long *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        all += p[0] * (i + 1);
        munmap(p, 4096);
        p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        p[1] = i;
        munmap(p, 4096);
        close(fd);
        unlink(name);
    }
    expect("what was in all of them", all, (n - 1) * n * (n + 1) / 3);
    expect("pwrite", pwrite(first, "afterwards", 11, 0), 11);
    printf("in the first: %s\n", kept);
    unlink("first");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "files";
    long n = argc > 2 ? atol(argv[2]) & 0xffffffff : 0;
    if (!strcmp(what, "files"))
        files(n ? n : 100000);
    else if (!strcmp(what, "threads"))
        threads(n ? n : 1000);
    else if (!strcmp(what, "maps"))
        maps(n ? n : 700);
    else
        bytes(n ? n : 200L << 20);
    return done();
}
