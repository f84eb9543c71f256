/* call-large.c - checklist 20: 100 MB in one write and in one read, a thousand descriptors. */
#include "expect.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define SIZE (100L << 20)

static unsigned sum(const unsigned char *p)
{
    unsigned s = 0;
    for (long i = 0; i < SIZE; i += 61)
        s = s * 31 + p[i];
    return s;
}

static void one_call(void)
{
    unsigned char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < SIZE; i++)
        p[i] = i * 7 >> 3;
    unsigned before = sum(p);
    int fd = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
    expect("one write", write(fd, p, SIZE), SIZE);
    memset(p, 0, SIZE);
    expect("one read", pread(fd, p, SIZE, 0), SIZE);
    expect("what was read is what was written", sum(p) == before, 1);
    close(fd);
    unlink("large");
    munmap(p, SIZE);
}

static void descriptors(void)
{
    struct rlimit rl = { 1100, 1100 };
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max < 4096 ? rl.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &rl);
    close_range(3, ~0U, 0);
    int first = open("/dev/null", O_RDWR), last = first;
    for (int i = 1; i < 1000; i++)
        last = open("/dev/null", O_RDWR);
    expect("the thousandth descriptor", last - first, 999);
    for (int i = 0; i < 1000; i++)
        if (write(first + i, "x", 1) != 1)
            expect("write", 0, 1);
    expect("close_range", close_range(first + 1, last, 0), 0);
    expect("the next one", open("/dev/null", O_RDONLY), first + 1);
    expect("dup2 far away", dup2(first, 1000), 1000);
    expect("F_DUPFD", fcntl(first, F_DUPFD, 1000), 1001);
    int before = rl.rlim_cur;
    rl.rlim_cur = first + 2;
    expect("setrlimit", setrlimit(RLIMIT_NOFILE, &rl), 0);
    expect_error("open at the limit", open("/dev/null", O_RDONLY), EMFILE);
    rl.rlim_cur = before;
    expect("setrlimit", setrlimit(RLIMIT_NOFILE, &rl), 0);
}

int main(void)
{
    one_call();
    descriptors();
    return done();
}
