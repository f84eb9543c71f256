/* call-io.c - checklist 12, 13 and 14: vectors, offsets, transfers between descriptors, ioctls. */
#include "expect.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
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
    lseek(fd, 10, SEEK_SET);
    v[0] = (struct iovec){ "REE", 3 };
    expect("pwritev2 at the file's own offset", pwritev2(fd, v, 1, -1, 0), 3);
    expect("which goes on", lseek(fd, 0, SEEK_CUR), 13);
    lseek(fd, 8, SEEK_SET);
    expect("preadv2 there", preadv2(fd, r, 1, -1, 0), 4);
    expect_text("read there", c, "thRE");
    expect("which goes on", lseek(fd, 0, SEEK_CUR), 12);
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
    char all[32] = "";
    expect("what arrived", pread(to, all, 31, 0), 14);
    expect_text("it is", all, "56789abcde0123");
    expect("sendfile without an offset", sendfile(to, from, NULL, 3), 3);
    expect("the file's own offset", lseek(from, 0, SEEK_CUR), 3);
    lseek(from, 0, SEEK_SET);
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
    /* Read as well: out of a pipe into memory. */
    char one[8] = "", two[8] = "";
    struct iovec parts[2] = { { one, 4 }, { two, 7 } };
    expect("write", write(p[1], "scattered", 9), 9);
    expect("vmsplice out of the pipe", vmsplice(p[0], parts, 2, 0), 9);
    expect_text("first", one, "scat");
    expect_text("second", two, "tered");
    expect("write", write(p[1], "piped", 5), 5);
    out = 2;
    expect("splice into a file", splice(p[0], NULL, to, &out, 5, 0), 5);
    expect("its offset", out, 7);
    expect("write", write(p[1], "more", 4), 4);
    expect("splice from pipe to pipe", splice(p[0], NULL, q[1], NULL, 3, 0), 3);
    memset(buf, 0, sizeof buf);
    expect("read it", read(q[0], buf, 31), 3);
    expect_text("it is", buf, "mor");
    memset(buf, 0, sizeof buf);
    expect("what was left", read(p[0], buf, 31), 1);
    memset(all, 0, sizeof all);
    expect("the file", pread(to, all, 31, 0), 14);
    expect_text("it is", all, "56pipedcde0123");
    expect_error("splice of two files", splice(from, NULL, to, NULL, 5, 0), EINVAL);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    in = 1;
    expect_error("splice of nothing", splice(p[0], NULL, to, &in, 5, SPLICE_F_NONBLOCK), EAGAIN);
    expect("its offset", in, 1);
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
/* Requests that are in nobody's list, but whose numbers tell the size of what they read and write: EPIOCSPARAMS, EPIOCGPARAMS.
 * An older kernel has neither. */
static void by_size(void)
{
    struct { uint32_t usecs; uint16_t budget; uint8_t prefer, pad; } set = { 1234, 7, 1, 0 }, got = { 0 };
    int ep = epoll_create1(0);
    int r = ioctl(ep, _IOW(0x8a, 1, set), &set);
    printf("a request by its size: %d\n", r);
    if (r == 0) {
        expect("and back", ioctl(ep, _IOR(0x8a, 2, got), &got), 0);
        expect("time", got.usecs, 1234);
        expect("budget", got.budget, 7);
        expect("preference", got.prefer, 1);
    }
    close(ep);
}

/* Requests whose numbers tell no size: what the kernel writes is a part of the structure, or an array elsewhere. */
static void interfaces(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = { 0 }, list[32];
    struct ifconf conf = { .ifc_len = 0 };
    strcpy(r.ifr_name, "lo");
    expect("SIOCGIFINDEX", ioctl(fd, SIOCGIFINDEX, &r), 0);
    int index = r.ifr_ifindex;
    memset(&r, 0, sizeof r);
    r.ifr_ifindex = index;
    expect("SIOCGIFNAME", ioctl(fd, SIOCGIFNAME, &r), 0);
    expect_text("it is", r.ifr_name, "lo");
    expect("SIOCGIFFLAGS", ioctl(fd, SIOCGIFFLAGS, &r), 0);
    expect("it is a loopback", r.ifr_flags & IFF_LOOPBACK, IFF_LOOPBACK);
    int up = r.ifr_flags & IFF_UP;
    memset(&r.ifr_ifru, 0, sizeof r.ifr_ifru);
    expect("SIOCGIFMTU", ioctl(fd, SIOCGIFMTU, &r), 0);
    expect("it is one", r.ifr_mtu > 1000, 1);
    memset(&r.ifr_ifru, 0, sizeof r.ifr_ifru);
    if (up) {
        expect("SIOCGIFADDR", ioctl(fd, SIOCGIFADDR, &r), 0);
        expect("it is", ntohl(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr), INADDR_LOOPBACK);
    }
    expect("SIOCGIFCONF, how much there is", ioctl(fd, SIOCGIFCONF, &conf), 0);
    printf("%d\n", conf.ifc_len);
    conf = (struct ifconf){ .ifc_len = sizeof list, .ifc_req = list };
    expect("SIOCGIFCONF", ioctl(fd, SIOCGIFCONF, &conf), 0);
    for (int i = 0; i < conf.ifc_len / (int)sizeof list[0]; i++)
        printf("%s %08x\n", list[i].ifr_name, ntohl(((struct sockaddr_in *)&list[i].ifr_addr)->sin_addr.s_addr));
    strcpy(r.ifr_name, "no-such");
    expect_error("SIOCGIFFLAGS of none", ioctl(fd, SIOCGIFFLAGS, &r), ENODEV);
    close(fd);
}

/* The same message to itself, with so much room for what comes beside it. */
static struct msghdr *arrives(int from, int to, struct cmsghdr *control, size_t send_len, void *room, size_t len, int flags)
{
    static struct msghdr m;
    static char byte;
    struct iovec v = { "x", 1 }, r = { &byte, 1 };
    m = (struct msghdr){ .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = send_len };
    expect("sendmsg", sendmsg(from, &m, 0), 1);
    m = (struct msghdr){ .msg_iov = &r, .msg_iovlen = 1, .msg_control = room, .msg_controllen = len };
    expect("recvmsg", recvmsg(to, &m, flags), 1);
    return &m;
}

static int descriptors_there(void)
{
    int n = 0;
    for (int fd = 0; fd < 100; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Credentials, descriptors of which a part finds no room, both at once. */
static void beside_messages(void)
{
    int sv[2], on = 1, fds[3];
    union { char bytes[256]; struct cmsghdr head; } out = { 0 }, in = { 0 };
    expect("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
    struct ucred me = { getpid(), getuid(), getgid() }, who = { 0 };
    out.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS, .cmsg_len = CMSG_LEN(sizeof me) };
    memcpy(CMSG_DATA(&out.head), &me, sizeof me);
    expect("SO_PASSCRED", setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    struct msghdr *m = arrives(sv[0], sv[1], &out.head, CMSG_SPACE(sizeof me), in.bytes, sizeof in.bytes, 0);
    expect("what came beside it", m->msg_controllen, CMSG_SPACE(sizeof me));
    expect("credentials", in.head.cmsg_type, SCM_CREDENTIALS);
    memcpy(&who, CMSG_DATA(&in.head), sizeof who);
    expect("they are ours", who.pid == getpid() && who.uid == getuid() && who.gid == getgid(), 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(sv[0], "y", 1) != 1);
    memset(&in, 0, sizeof in);
    struct iovec r = { out.bytes + 200, 1 };
    *m = (struct msghdr){ .msg_iov = &r, .msg_iovlen = 1, .msg_control = in.bytes, .msg_controllen = sizeof in.bytes };
    expect("recvmsg of what a child wrote", recvmsg(sv[1], m, 0), 1);
    memcpy(&who, CMSG_DATA(&in.head), sizeof who);
    expect("the child's credentials", who.pid == pid, 1);
    expect("the child", wait_status(pid), 0);

    for (int i = 0; i < 3; i++)
        fds[i] = open("/dev/null", O_RDONLY);
    int before = descriptors_there();
    out.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fds) };
    memcpy(CMSG_DATA(&out.head), fds, sizeof fds);
    memset(&in, 0, sizeof in);
    m = arrives(sv[0], sv[1], &out.head, CMSG_SPACE(sizeof fds), in.bytes, CMSG_SPACE(sizeof me) + CMSG_LEN(sizeof(int)), 0);
    expect("MSG_CTRUNC", m->msg_flags, MSG_CTRUNC);
    struct cmsghdr *second = CMSG_NXTHDR(m, &in.head);
    expect("descriptors after credentials", second && second->cmsg_type == SCM_RIGHTS ? (long)second->cmsg_len : -1, CMSG_LEN(sizeof(int)));
    expect("one more is there", descriptors_there(), before + 1);
    memcpy(fds, CMSG_DATA(second), sizeof(int));
    expect("it is not close-on-exec", fcntl(fds[0], F_GETFD), 0);
    expect("close", close(fds[0]), 0);
    on = 0;
    setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    fds[0] = fds[1];
    memcpy(CMSG_DATA(&out.head), fds, sizeof fds);
    m = arrives(sv[0], sv[1], &out.head, CMSG_SPACE(sizeof fds), NULL, 0, 0);
    expect("no room at all", m->msg_flags, MSG_CTRUNC);
    expect("none more is there", descriptors_there(), before);
    memset(&in, 0, sizeof in);
    m = arrives(sv[0], sv[1], &out.head, CMSG_SPACE(sizeof fds), in.bytes, sizeof in.bytes, MSG_CMSG_CLOEXEC);
    expect("MSG_CMSG_CLOEXEC alone", m->msg_flags, MSG_CMSG_CLOEXEC);
    expect("three more are there", descriptors_there(), before + 3);
    memcpy(fds, CMSG_DATA(&in.head), sizeof fds);
    expect("each is close-on-exec", fcntl(fds[0], F_GETFD) & fcntl(fds[1], F_GETFD) & fcntl(fds[2], F_GETFD), FD_CLOEXEC);
    close(sv[0]), close(sv[1]);
    close_range(3, ~0U, 0);
}

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
    expect("sendmmsg of two", sendmmsg(sv[0], mm, 2, 0), 2);
    struct timespec soon = { 0, 50000000 };
    mm[0].msg_len = mm[1].msg_len = mm[2].msg_len = 99;
    expect("recvmmsg with a time", recvmmsg(sv[1], mm, 3, MSG_WAITFORONE, &soon), 2);
    expect("what it took", mm[0].msg_len * 10000 + mm[1].msg_len * 100 + mm[2].msg_len, 150399);
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
    static char hidden[32];
    int p[2];
    expect("pipe", pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(p[1]);
        strcpy(hidden, "in a child");
        if (read(p[0], &c, 1) != 0)
            _exit(4);
        expect_text("what came to the child", hidden, "by others!");
        _exit(surprises ? 5 : 3);
    }
    close(p[0]);
    memset(to, 0, sizeof to);
    r = (struct iovec){ hidden, 11 };
    struct iovec both[2] = { { to, 4 }, { to + 16, 7 } };
    for (int i = 0; i < 5000 && !to[0]; i++) { /* until it is there */
        if (process_vm_readv(pid, both, 2, &r, 1, 0) != 11)
            break;
        sleep_ms(1);
    }
    expect("process_vm_readv of a child", to[0] == 'i' && !memcmp(to, "in a", 4), 1);
    expect_text("the rest", to + 16, " child");
    l = (struct iovec){ "by others!", 11 };
    expect("process_vm_writev to a child", process_vm_writev(pid, &l, 1, &r, 1, 0), 11);
    expect_text("not to ourselves", hidden, "");
    r.iov_base = (void *)8;
    expect_error("of what is not there", process_vm_readv(pid, &l, 1, &r, 1, 0), EFAULT);
    close(p[1]);
    expect("the child", wait_status(pid), 3);
    expect_error("of nobody", process_vm_readv(pid, &l, 1, &r, 1, 0), ESRCH);
}

int main(void)
{
    vectors();
    transfers();
    ioctls();
    by_size();
    interfaces();
    messages();
    beside_messages();
    process_vm();
    return done();
}
