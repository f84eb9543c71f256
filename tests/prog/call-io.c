/* call-io.c - checklist 12, 13 and 14: vectors, offsets, transfers between descriptors, ioctls. */
#include "expect.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

static int make(const char *name, const char *text)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    expect("write", write(fd, text, strlen(text)), strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void vectors(void)
{
    int fd = make("vectors", "");
    struct iovec v[3] = { { "one ", 4 }, { "", 0 }, { "two three", 9 } };
    expect("writev", writev(fd, v, 3), 13);
    char a[6] = "", b[20] = "", c[20] = "";
    struct iovec r[3] = { { a, 5 }, { b, 3 }, { c, 19 } };
    expect("lseek", lseek(fd, 0, SEEK_SET), 0);
    expect("readv", readv(fd, r, 3), 13);
    expect_text("first", a, "one t");
    expect_text("second", b, "wo ");
    expect_text("third", c, "three");
    memset(c, 0, sizeof c);
    r[0] = (struct iovec){ c, 4 };
    expect("preadv", preadv(fd, r, 1, 4), 4);
    expect_text("read there", c, "two ");
    v[0] = (struct iovec){ "TWO", 3 };
    expect("pwritev", pwritev(fd, v, 1, 4), 3);
    expect("preadv2", preadv2(fd, r, 1, 4, 0), 4);
    expect_text("read there", c, "TWO ");
    expect("pread past the end", pread(fd, c, 4, 100), 0);
    r[0].iov_base = (void *)8;
    expect_error("readv to nowhere", preadv(fd, r, 1, 0), EFAULT);
    char big[1024];
    struct iovec many[1025];
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){ big + i % 1024, 1 };
    memset(big, 'm', sizeof big);
    expect("writev of 1024 parts", pwritev(fd, many, 1024, 0), 1024);
    expect("readv of 1024 parts", preadv(fd, many, 1024, 0), 1024);
    expect_error("writev of 1025 parts", writev(fd, many, 1025), EINVAL);
    close(fd);
}

static void transfers(void)
{
    int from = make("from", "0123456789abcdefghij"), to = make("to", "");
    off_t off = 5;
    expect("sendfile", sendfile(to, from, &off, 10), 10);
    expect("its offset", off, 15);
    expect("the file's own offset", lseek(from, 0, SEEK_CUR), 0);
    loff_t in = 0, out = 10;
    expect("copy_file_range", copy_file_range(from, &in, to, &out, 4, 0), 4);
    expect("its offsets", in * 100 + out, 414);
    int p[2];
    expect("pipe", pipe(p), 0);
    in = 2;
    expect("splice into a pipe", splice(from, &in, p[1], NULL, 6, 0), 6);
    expect("its offset", in, 8);
    int q[2];
    expect("pipe", pipe(q), 0);
    expect("tee", tee(p[0], q[1], 100, 0), 6);
    char buf[32] = "";
    expect("read what tee left", read(p[0], buf, 31), 6);
    expect_text("it is", buf, "234567");
    memset(buf, 0, sizeof buf);
    expect("read what tee made", read(q[0], buf, 31), 6);
    expect_text("it is", buf, "234567");
    struct iovec v = { "vmspliced", 9 };
    expect("vmsplice", vmsplice(p[1], &v, 1, 0), 9);
    memset(buf, 0, sizeof buf);
    expect("read it", read(p[0], buf, 31), 9);
    expect_text("it is", buf, "vmspliced");
    close(from), close(to), close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void ioctls(void)
{
    int p[2], n = -1, fd = open("/dev/null", O_RDWR);
    struct termios tio;
    struct winsize ws;
    expect("pipe", pipe(p), 0);
    expect("write", write(p[1], "12345", 5), 5);
    expect("FIONREAD", ioctl(p[0], FIONREAD, &n), 0);
    expect("it says", n, 5);
    expect_error("TCGETS of /dev/null", ioctl(fd, TCGETS, &tio), ENOTTY);
    expect_error("TIOCGWINSZ of a pipe", ioctl(p[0], TIOCGWINSZ, &ws), ENOTTY);
    n = 1;
    expect("FIONBIO", ioctl(p[0], FIONBIO, &n), 0);
    expect("FIOCLEX", ioctl(p[0], FIOCLEX), 0);
    expect("it set the flag", fcntl(p[0], F_GETFD), FD_CLOEXEC);
    char c;
    expect("read", read(p[0], &n, 4), 4);
    expect("read", read(p[0], &c, 1), 1);
    expect_error("read of an empty pipe", read(p[0], &c, 1), EAGAIN);
    expect_error("an ioctl on a closed descriptor", ioctl(999, FIONREAD, &n), EBADF);
    int ptm = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (ptm >= 0) {
        expect("TIOCGWINSZ", ioctl(ptm, TIOCGWINSZ, &ws), 0);
        ws = (struct winsize){ .ws_row = 33, .ws_col = 101 };
        expect("TIOCSWINSZ", ioctl(ptm, TIOCSWINSZ, &ws), 0);
        memset(&ws, 0, sizeof ws);
        expect("TIOCGWINSZ", ioctl(ptm, TIOCGWINSZ, &ws), 0);
        expect("columns", ws.ws_col, 101);
        expect("TCGETS", ioctl(ptm, TCGETS, &tio), 0);
        close(ptm);
    }
    close(fd), close(p[0]), close(p[1]);
}

/* Messages: many in one call, truncated, with descriptors. */
static void messages(void)
{
    int sv[2];
    expect("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), 0);
    struct iovec v[3] = { { "first", 5 }, { "second!", 7 }, { "3", 1 } };
    struct mmsghdr mm[3] = { { { .msg_iov = &v[0], .msg_iovlen = 1 }, 0 }, { { .msg_iov = &v[1], .msg_iovlen = 1 }, 0 },
                             { { .msg_iov = &v[2], .msg_iovlen = 1 }, 0 } };
    expect("sendmmsg", sendmmsg(sv[0], mm, 3, 0), 3);
    char a[16] = "", b[16] = "", c[16] = "";
    struct iovec r[3] = { { a, 15 }, { b, 3 }, { c, 15 } };
    for (int i = 0; i < 3; i++)
        mm[i].msg_hdr.msg_iov = &r[i];
    expect("recvmmsg", recvmmsg(sv[1], mm, 3, MSG_DONTWAIT, NULL), 3);
    expect("lengths", mm[0].msg_len * 100 + mm[1].msg_len * 10 + mm[2].msg_len, 531);
    expect_text("first", a, "first");
    expect_text("second", b, "sec");
    expect_text("third", c, "3");
    expect("MSG_TRUNC", mm[1].msg_hdr.msg_flags & MSG_TRUNC, MSG_TRUNC);
    expect("send", send(sv[0], "a long datagram", 15, 0), 15);
    expect("recv with MSG_TRUNC", recv(sv[1], a, 4, MSG_TRUNC), 15);
    char control[CMSG_SPACE(sizeof(int))] = "";
    struct msghdr m = { .msg_iov = &v[2], .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
    int fd = make("passed", "through a socket");
    *cm = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
    memcpy(CMSG_DATA(cm), &fd, sizeof fd);
    expect("sendmsg with a descriptor", sendmsg(sv[0], &m, 0), 1);
    close(fd);
    memset(control, 0, sizeof control);
    m.msg_iov = &r[2];
    expect("recvmsg", recvmsg(sv[1], &m, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    memset(a, 0, sizeof a);
    expect("read through it", pread(fd, a, 7, 0), 7);
    expect_text("it is", a, "through");
    expect("it is close-on-exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd), close(sv[0]), close(sv[1]);
}

static void process_vm(void)
{
    char from[] = "my own memory", to[32] = "";
    struct iovec l = { to, 31 }, r = { from, 13 };
    expect("process_vm_readv of ourselves", process_vm_readv(getpid(), &l, 1, &r, 1, 0), 13);
    expect_text("it is", to, "my own memory");
    memcpy(to, "changed", 7);
    l.iov_len = 7;
    expect("process_vm_writev", process_vm_writev(getpid(), &l, 1, &r, 1, 0), 7);
    expect_text("it is", from, "changedmemory");
}

int main(void)
{
    vectors();
    transfers();
    ioctls();
    messages();
    process_vm();
    return done();
}
