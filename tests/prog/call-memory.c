/* call-memory.c - memory of every kind: mappings of files, private and shared, growth by mremap, brk and the stack, protection. */
#include "expect.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096L

static int make(const char *name, int pages)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    char page[PAGE];
    for (int i = 0; i < pages; i++) {
        memset(page, 'a' + i, PAGE);
        if (write(fd, page, PAGE) != PAGE)
            abort();
    }
    return fd;
}

static void private_file(void)
{
    int fd = make("private", 3);
    char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    expect("first byte", p[0], 'a');
    expect("last byte", p[3 * PAGE - 1], 'c');
    p[0] = 'X';
    char c;
    expect("pread", pread(fd, &c, 1, 0), 1);
    expect("the file does not change", c, 'a');
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    expect("at an offset", second[0], 'b');
    expect("munmap", munmap(second, PAGE), 0);
    expect("pwrite", pwrite(fd, "W", 1, PAGE), 1);
    expect("a write shows where the mapping is untouched", p[PAGE], 'W');
    close(fd);
    expect("after close", p[2 * PAGE], 'c');
    expect("unlink", unlink("private"), 0);
    expect("after unlink", p[2 * PAGE + 1], 'c');
    munmap(p, 3 * PAGE);
}

static void shared_file(void)
{
    int fd = make("shared", 2);
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[10] = 'S';
    char c = 0;
    expect("pread", pread(fd, &c, 1, 10), 1);
    expect("a store shows in the file", c, 'S');
    expect("pwrite", pwrite(fd, "T", 1, 11), 1);
    expect("a write shows in memory", p[11], 'T');
    pid_t pid = fork();
    if (pid == 0) {
        p[12] = 'U';
        _exit(0);
    }
    wait_status(pid);
    expect("a child's store shows", p[12], 'U');
    expect("msync", msync(p, PAGE, MS_SYNC), 0);
    expect("ftruncate", ftruncate(fd, 3 * PAGE), 0);
    expect("mremap of a file", (p = mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE)) != MAP_FAILED, 1);
    expect("zeros past the old end", p[2 * PAGE], 0);
    munmap(p, 3 * PAGE);
    close(fd);
}

static void shared_anonymous(void)
{
    int *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        *p = 1234;
        _exit(0);
    }
    wait_status(pid);
    expect("memory shared with a child", *p, 1234);
    munmap(p, PAGE);
    int fd = memfd_create("m", MFD_CLOEXEC);
    expect("ftruncate of a memfd", ftruncate(fd, PAGE), 0);
    char *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    a[7] = 'm';
    expect("two mappings of a memfd", b[7], 'm');
    munmap(a, PAGE), munmap(b, PAGE), close(fd);
}

/* Holes, zeros and room at the end show in mappings, as writes do. */
static void allocated(void)
{
    int fd = memfd_create("a", MFD_CLOEXEC);
    expect("ftruncate", ftruncate(fd, 3 * PAGE), 0);
    char *p = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memset(p, 'a', 3 * PAGE);
    expect("a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE), 0);
    printf("before, in and behind it: %d %d %d\n", p[PAGE - 1], p[PAGE + 5], p[2 * PAGE]);
    expect("room", fallocate(fd, 0, 4 * PAGE, 2 * PAGE), 0);
    p[5 * PAGE] = 'r';
    printf("its bytes: %d %d, and the old ones: %d\n", p[4 * PAGE], p[5 * PAGE], p[2 * PAGE]);
    munmap(p, 6 * PAGE), close(fd);
}

/* More of a file than was mapped at first. */
static void more_of_a_file(int flags)
{
    char text[PAGE];
    int fd = open("more", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 10; i++) {
        memset(text, 'a' + i, PAGE);
        if (write(fd, text, PAGE) != PAGE)
            surprises++;
    }
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
    unlink("more");
    p[3] = 'x';
    p = mremap(p, PAGE, 10 * PAGE, MREMAP_MAYMOVE);
    expect("mremap of one page to ten", p != MAP_FAILED, 1);
    printf("old and new bytes: %c%c %c%c\n", p[3], p[4], p[PAGE], p[9 * PAGE + 4000]);
    if (flags == MAP_SHARED) {
        expect("pwrite", pwrite(fd, "W", 1, 5 * PAGE), 1);
        p[6 * PAGE] = 'm';
        expect("pread", pread(fd, text, 1, 6 * PAGE), 1);
        printf("written by a call, by a store: %c %c\n", p[5 * PAGE], text[0]);
    }
    munmap(p, 10 * PAGE), close(fd);
}

static void growth(void)
{
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'g', 4 * PAGE);
    p = mremap(p, 4 * PAGE, 4000 * PAGE, MREMAP_MAYMOVE);
    expect("mremap", p != MAP_FAILED, 1);
    expect("old bytes", p[4 * PAGE - 1], 'g');
    expect("new bytes", p[3999 * PAGE], 0);
    expect("shrunk in place", mremap(p, 4000 * PAGE, PAGE, 0) == p, 1);
    munmap(p, PAGE);
    char *brk = sbrk(0);
    expect("sbrk", sbrk(1000 * PAGE) == brk, 1);
    memset(brk, 'b', 1000 * PAGE);
    expect("sbrk back", sbrk(-999 * PAGE) == brk + 1000 * PAGE, 1);
    expect("sbrk again", sbrk(999 * PAGE) == brk + PAGE, 1);
    expect("its bytes are zero again", brk[500 * PAGE], 0);
    expect("the first page's are not", brk[PAGE - 1], 'b');
}

static __attribute__((noinline)) int deep(int n)
{
    volatile char frame[1024];
    frame[n % 1024] = n;
    return n == 0 ? 0 : 1 + deep(n - 1) + (frame[n % 1024] - (char)n);
}

static void stack(void)
{
    expect("recursion over 6 MB of stack", deep(5500), 5500);
    struct rlimit rl;
    expect("getrlimit", getrlimit(RLIMIT_STACK, &rl), 0);
    pid_t pid = fork();
    if (pid == 0) {
        rl.rlim_cur = 8 << 20; /* whatever it was: an unlimited one would eat the machine */
        setrlimit(RLIMIT_STACK, &rl);
        _exit(deep(100000000) & 1);
    }
    expect("recursion without end", wait_status(pid), 128 + SIGSEGV);
}

static void protection(void)
{
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(p, "to be read only");
    expect("mprotect", mprotect(p, PAGE, PROT_READ), 0);
    expect_text("it can be read", p, "to be read only");
    expect_error("read(2) into it", read(open("/dev/zero", O_RDONLY), p, 4), EFAULT);
    expect_error("mprotect of nothing", mprotect((void *)0x1000, PAGE, PROT_READ), ENOMEM);
    expect("MADV_DONTNEED", madvise(p, 2 * PAGE, MADV_DONTNEED), 0);
    expect("zeros", p[0], 0);
    expect("mprotect back", mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
    strcpy(p, "freed?");
    expect("MADV_FREE", madvise(p, 2 * PAGE, MADV_FREE), 0);
    unsigned char vec[2];
    expect("mincore", mincore(p, 2 * PAGE, vec), 0);
    expect("MAP_FIXED_NOREPLACE on it", mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
           MAP_FAILED, 1);
    expect("MAP_FIXED on it", mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p, 1);
    static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov $42, %eax; ret */
    memcpy(p + PAGE, code, sizeof code);
    expect("mprotect to run it", mprotect(p + PAGE, PAGE, PROT_READ | PROT_EXEC), 0);
    expect("it runs", ((int (*)(void))(p + PAGE))(), 42);
}

int main(void)
{
    private_file();
    shared_file();
    shared_anonymous();
    allocated();
    more_of_a_file(MAP_SHARED);
    more_of_a_file(MAP_PRIVATE);
    growth();
    stack();
    protection();
    return done();
}
