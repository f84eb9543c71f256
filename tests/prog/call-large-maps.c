/* call-large-maps.c - large files that are mapped, and at once unmapped, replaced, written to or cut: whoever copies them
 * at leisure has the old bytes to show for it, as far as somebody could have seen them. */
#include "expect.h"
#include <sys/mman.h>

#define PAGE  4096l
#define PAGES 1500l
#define SIZE  (PAGE * PAGES)

static int turn;
static int fd;

static unsigned char mark(long page) { return page * 7 + turn * 13 + 1; }

/* The file anew, with other bytes; mapped whole. */
static unsigned char *fresh(void)
{
    static unsigned char bytes[SIZE];
    turn++;
    for (long i = 0; i < PAGES; i++)
        memset(bytes + i * PAGE, mark(i), PAGE);
    if (fd > 0)
        close(fd);
    unlink("large");
    fd = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (write(fd, bytes, SIZE) != SIZE)
        perror("large");
    return mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
}

static long sum(const unsigned char *p, long from, long to)
{
    long s = 0;
    for (long i = from; i < to; i++)
        s += p[i * PAGE] + p[i * PAGE + PAGE - 1];
    return s;
}

static long want(long from, long to)
{
    long s = 0;
    for (long i = from; i < to; i++)
        s += 2 * mark(i);
    return s;
}

static void unmapped(void)
{
    unsigned char *p = fresh();
    expect("munmap at once", munmap(p, SIZE), 0);
    p = fresh();
    expect("munmap of the middle", munmap(p + 500 * PAGE, 100 * PAGE), 0);
    expect("before it", sum(p, 0, 500), want(0, 500));
    expect("behind it", sum(p, 600, PAGES), want(600, PAGES));
    p = fresh();
    p = mremap(p, SIZE, 2 * SIZE, MREMAP_MAYMOVE);
    expect("moved", sum(p, 0, PAGES), want(0, PAGES));
}

static void written(void)
{
    unsigned char *p = fresh();
    expect("mprotect", mprotect(p + 700 * PAGE, 400 * PAGE, PROT_READ | PROT_WRITE), 0);
    for (long i = 700; i < 1100; i++)
        p[i * PAGE] = 0;
    expect("half of each page", sum(p, 700, 1100), want(700, 1100) / 2);
    expect("the rest", sum(p, 0, 700) + sum(p, 1100, PAGES), want(0, 700) + want(1100, PAGES));
}

/* As loaders do it: segments over the whole, from the same file, and memory behind them. */
static void replaced(void)
{
    unsigned char *p = fresh(), *q;
    q = mmap(p + 100 * PAGE, 900 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 100 * PAGE);
    expect("text", q == p + 100 * PAGE, 1);
    q = mmap(p + 1001 * PAGE, 200 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 1000 * PAGE);
    expect("data", sum(q, 0, 200), want(1000, 1200));
    memset(q, 0, 200 * PAGE);
    q = mmap(p + 1300 * PAGE, 200 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
    expect("memory", sum(q, 0, 200), 0);
    expect("text and before", sum(p, 0, 1001), want(0, 1001));
    expect("between", sum(p, 1201, 1300), want(1201, 1300));
    q = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
    expect("mapped once more", sum(q, 0, PAGES), want(0, PAGES));
    p = fresh();
    q = mmap(p + 750 * PAGE, 750 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
    expect("the first half over the second", sum(p, 0, 750) + sum(q, 0, 750), 2 * want(0, 750));
}

/* Mapped without any permission first. */
static void guarded(void)
{
    fresh();
    unsigned char *p = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE, fd, 0);
    expect("mprotect to read", mprotect(p, SIZE, PROT_READ), 0);
    expect("it is there", sum(p, 0, PAGES), want(0, PAGES));
    expect("mprotect to nothing", mprotect(p + 10 * PAGE, 600 * PAGE, PROT_NONE), 0);
    expect("the rest", sum(p, 610, PAGES), want(610, PAGES));
}

static void changed(void)
{
    unsigned char *p = fresh(), page[PAGE];
    memset(page, 0, PAGE);
    expect("the last page", sum(p, PAGES - 1, PAGES), want(PAGES - 1, PAGES));
    expect("pwrite", pwrite(fd, page, PAGE, (PAGES - 1) * PAGE), PAGE);
    expect("it shows", sum(p, PAGES - 1, PAGES), 0);
    p = fresh();
    expect("seen", sum(p, 1400, 1401), want(1400, 1401));
    pid_t pid = fork();
    if (pid == 0)
        _exit(pwrite(fd, page, PAGE, 1400 * PAGE) != PAGE);
    expect("a child's pwrite", wait_status(pid), 0);
    expect("it shows", sum(p, 1400, 1401), 0);
    p = fresh();
    expect("seen", sum(p, 1200, 1300), want(1200, 1300));
    int again = open("large", O_WRONLY | O_TRUNC);
    expect("open with O_TRUNC", again >= 0, 1);
    expect("ftruncate", ftruncate(again, SIZE), 0);
    close(again);
    expect("all is zero", sum(p, 0, PAGES), 0);
    p = fresh();
    expect("seen", sum(p, 1499, 1500), want(1499, 1500));
    expect("truncate", truncate("large", SIZE / 2) + truncate("./large", SIZE), 0);
    expect("the first half", sum(p, 0, 750), want(0, 750));
    expect("the second", sum(p, 750, PAGES), 0);
}

static void processes(void)
{
    unsigned char *p = fresh();
    pid_t pid = fork();
    if (pid == 0)
        _exit(sum(p, 0, PAGES) != want(0, PAGES));
    munmap(p, SIZE);
    expect("a child that has it still", wait_status(pid), 0);
    pid = fork();
    if (pid == 0) {
        fresh();
        kill(getpid(), SIGKILL);
    }
    expect("a child that is killed", wait_status(pid), 128 + SIGKILL);
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        unmapped();
        written();
        replaced();
        guarded();
        changed();
        processes();
    }
    unlink("large");
    return done();
}
