/* echoes.c - a server that sends back what it gets, and a client that tells how long that took.
 *   echoes serve PATH         at the UNIX socket PATH, one client after the other, until one sends a block of q; prints how many
 *                             blocks there were
 *   echoes ask PATH MS MIN    asks for so many ms, and so often at least; prints how often, and the median, the 99th of a hundred
 *                             and the maximum, in µs
 *   echoes end PATH */
#include "expect.h"
#include <sys/socket.h>
#include <sys/un.h>

#define BLOCK 16384

static char block[BLOCK], answer[BLOCK];
static unsigned taken[1 << 20];

static int fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return a;
}

/* False at the end of what there is. */
static int get(int fd, char *to)
{
    for (ssize_t n = 0, more; n < BLOCK; n += more)
        if ((more = read(fd, to + n, BLOCK - n)) <= 0)
            return more < 0 || n ? fail("read") : 0;
    return 1;
}

static void put(int fd, const char *from)
{
    for (ssize_t n = 0, more; n < BLOCK; n += more)
        if ((more = write(fd, from + n, BLOCK - n)) <= 0)
            fail("write");
}

static int serve(const char *path)
{
    struct sockaddr_un a = address(path);
    int s = socket(AF_UNIX, SOCK_STREAM, 0), over = 0;
    long served = 0;
    if (bind(s, (struct sockaddr *)&a, sizeof a) || listen(s, 5))
        fail("listen");
    while (!over) {
        int c = accept(s, NULL, NULL);
        for (; !over && get(c, block); served++) {
            put(c, block);
            over = *block == 'q';
        }
        close(c);
    }
    unlink(path);
    printf("%ld\n", served);
    return 0;
}

static int connected(const char *path)
{
    struct sockaddr_un a = address(path);
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(c, (struct sockaddr *)&a, sizeof a))
        fail("connect");
    return c;
}

static long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int ascending(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static int ask(const char *path, long ms, long min)
{
    int c = connected(path);
    long end = now_us() + ms * 1000, n = 0;
    while (n < (long)(sizeof taken / sizeof *taken)) {
        long since = now_us();
        if (since >= end && n >= min)
            break;
        memset(block, 'a' + n % 8, BLOCK);
        put(c, block);
        if (!get(c, answer) || memcmp(block, answer, BLOCK))
            fail("another answer");
        taken[n++] = now_us() - since;
    }
    qsort(taken, n, sizeof *taken, ascending);
    printf("%ld %u %u %u\n", n, taken[n / 2], taken[n * 99 / 100], taken[n - 1]);
    return 0;
}

static int end(const char *path)
{
    int c = connected(path);
    memset(block, 'q', BLOCK);
    put(c, block);
    return !get(c, answer);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "serve"))
        return serve(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "end"))
        return end(argv[2]);
    return argc == 5 && !strcmp(argv[1], "ask") ? ask(argv[2], atol(argv[3]), atol(argv[4])) : 2;
}
