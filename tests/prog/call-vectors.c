/* call-vectors.c - many buffers in one call, more of them than an event carries: what was read at random is written,
 * read again in other pieces, and is the same. Arguments: how many buffers, and how long each is, in pairs. */
#include "expect.h"
#include <sys/socket.h>
#include <sys/uio.h>

static uint64_t sum(const struct iovec *v, int n)
{
    uint64_t s = 0;
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < v[i].iov_len; k++)
            s = s * 31 + ((unsigned char *)v[i].iov_base)[k];
    return s;
}

static struct iovec *buffers(int n, size_t len)
{
    struct iovec *v = calloc(n, sizeof(*v));
    for (int i = 0; i < n; i++)
        v[i] = (struct iovec){ calloc(1, len), len };
    return v;
}

static void release(struct iovec *v, int n)
{
    for (int i = 0; i < n; i++)
        free(v[i].iov_base);
    free(v);
}

static void there_and_back(int n, size_t len)
{
    struct iovec *from = buffers(n, len), *to = buffers(1, n * len);
    int random = open("/dev/urandom", O_RDONLY), file = open("vectors", O_RDWR | O_CREAT | O_TRUNC, 0600);

    expect("readv", readv(random, from, n), n * len);
    expect("writev", writev(file, from, n), n * len);
    expect("pread", pread(file, to->iov_base, n * len, 0), n * len);
    expect("what came back is what was written", sum(to, 1) == sum(from, n), 1);
    memset(to->iov_base, 0, n * len);
    for (int i = 0; i < n; i++)
        memset(from[i].iov_base, 0, len);
    expect("preadv", preadv(file, from, n, 0), n * len);
    expect("pread", pread(file, to->iov_base, n * len, 0), n * len);
    expect("and again", sum(to, 1) == sum(from, n), 1);
    close(random);
    close(file);
    unlink("vectors");
    release(from, n);
    release(to, 1);
}

/* Lengths that the call writes lie among what it writes. */
static void messages(void)
{
    enum { N = 8, LEN = 20000 };
    struct iovec *out = buffers(N, LEN), *in = buffers(N, LEN);
    struct mmsghdr m[N] = { 0 }, r[N] = { 0 };
    int s[2], random = open("/dev/urandom", O_RDONLY);

    expect("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
    readv(random, out, N);
    for (int i = 0; i < N; i++) {
        out[i].iov_len = LEN - 1000 * i;
        m[i].msg_hdr = (struct msghdr){ .msg_iov = &out[i], .msg_iovlen = 1 };
        r[i].msg_hdr = (struct msghdr){ .msg_iov = &in[i], .msg_iovlen = 1 };
    }
    expect("sendmmsg", sendmmsg(s[0], m, N, 0), N);
    expect("recvmmsg", recvmmsg(s[1], r, N, 0, NULL), N);
    for (int i = 0; i < N; i++)
        in[i].iov_len = r[i].msg_len;
    expect("the same messages", sum(in, N) == sum(out, N), 1);
    expect("the last one", r[N - 1].msg_len, LEN - 1000 * (N - 1));
    close(random);
    close(s[0]);
    close(s[1]);
    release(in, N);
    release(out, N);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        there_and_back(atoi(argv[i]), strtoul(argv[i + 1], NULL, 0));
    messages();
    return done();
}
