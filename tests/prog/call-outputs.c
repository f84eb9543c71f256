/* call-outputs.c - what calls write that sleep, in a process with threads: all of it gets there, nothing else is touched,
 * and where it cannot be written nothing is lost. A second thread makes each call sleep. */
#include "expect.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <ucontext.h>

static int ends[2], pair[2], order[2], lost;
static struct pollfd *polled;

/* Does what it is told, 5 ms after it was. */
static void *helper(void *arg)
{
    char what;
    while (read(order[0], &what, 1) == 1) {
        sleep_ms(5);
        if (what == 'p')
            lost += write(ends[1], "0123456789", 10) != 10;
        if (what == 's')
            lost += send(pair[1], "0123456789", 10, 0) != 10;
        if (what == 'k')
            kill(getpid(), SIGUSR1);
        if (what == 'e') {
            polled[1].events = POLLOUT;
            polled[1].fd = -7;
            lost += write(ends[1], "0123456789", 10) != 10;
        }
    }
    return arg;
}

static void soon(char what)
{
    expect("soon", write(order[1], &what, 1), 1);
}

static int filled(const char *at, size_t len, char with)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != with)
            return 0;
    return 1;
}

static void reads(void)
{
    char a[100], b[100], c[100];
    memset(a, 'a', 100), memset(b, 'b', 100), memset(c, 'c', 100);
    soon('p');
    expect("read", read(ends[0], a + 10, 50), 10);
    expect("... its bytes", !memcmp(a + 10, "0123456789", 10), 1);
    expect("... and no others", filled(a, 10, 'a') && filled(a + 20, 80, 'a'), 1);
    struct iovec v[4] = { { b, 3 }, { c, 0 }, { b + 50, 4 }, { c + 20, 30 } };
    soon('p');
    expect("readv", readv(ends[0], v, 4), 10);
    expect("... first", !memcmp(b, "012", 3) && filled(b + 3, 47, 'b'), 1);
    expect("... second", !memcmp(b + 50, "3456", 4) && filled(b + 54, 46, 'b'), 1);
    expect("... third", !memcmp(c + 20, "789", 3) && filled(c, 20, 'c') && filled(c + 23, 77, 'c'), 1);
    expect("... the vector", v[0].iov_base == b && v[3].iov_base == c + 20 && v[3].iov_len == 30, 1);
    struct iovec same[2] = { { a, 4 }, { a, 90 } };
    memset(a, 'a', 100);
    soon('p');
    expect("readv to one place", readv(ends[0], same, 2), 10);
    expect("... the last bytes stay", !memcmp(a, "456789", 6) && filled(a + 6, 94, 'a'), 1);
    char *large = malloc(3000000);
    soon('p');
    expect("read with much room", read(ends[0], large, 3000000), 10);
    expect("... its bytes", !memcmp(large, "0123456789", 10), 1);
    free(large);
}

/* poll writes one field of each element: what another thread has done to the others meanwhile stays. */
static void polls(void)
{
    struct pollfd p[2] = { { ends[0], POLLIN, 0 }, { order[0], 0, 0x55 } };
    char text[10];
    polled = p;
    soon('e');
    expect("poll", poll(p, 2, 5000), 1);
    expect("... what came", p[0].revents, POLLIN);
    expect("... nothing", p[1].revents, 0);
    expect("... changed meanwhile, events", p[1].events, POLLOUT);
    expect("... and the descriptor", p[1].fd, -7);
    expect("read", read(ends[0], text, 10), 10);
}

/* Memory that cannot be written, or not all of it. */
static void faults(void)
{
    char *page = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    soon('p');
    expect("read to a page", read(ends[0], page, 4096), 10);
    mprotect(page, 4096, PROT_READ);
    expect("write", write(ends[1], "abc", 3), 3);
    expect_error("read to a page that may be read only", read(ends[0], page, 4096), EFAULT);
    expect("... which keeps its bytes", !memcmp(page, "0123456789", 10), 1);
    char *volatile nowhere = (void *)8;
    expect_error("read to nowhere", read(ends[0], nowhere, 4096), EFAULT);
    soon('p');
    expect_error("... with a vector", readv(ends[0], &(struct iovec){ page + 100, 10 }, 1), EFAULT);
    expect_error("... at the end of all addresses", syscall(SYS_read, ends[0], -1L, 4096), EFAULT);
    sleep_ms(20);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    expect("nothing is lost", read(ends[0], page, 4096), 13);
    expect("...", !memcmp(page, "abc0123456789", 13), 1);
    munmap(page + 8192, 4096);
    expect("send", send(pair[1], "0123456789", 10, 0), 10);
    expect("recv to the end of a page", recv(pair[0], page + 8182, 10, 0), 10);
    expect("... and beyond", send(pair[1], "0123456789", 10, 0), 10);
    expect_error("recv", recv(pair[0], page + 8190, 10, 0), EFAULT);
    munmap(page, 8192);
    while (recv(pair[0], ends + 1, 0, MSG_DONTWAIT | MSG_TRUNC) > 0)
        ;
}

static void messages(void)
{
    char data[20], control[64], name[10] = "nnnnnnnnn";
    struct iovec v[2] = { { data, 4 }, { data + 10, 3 } };
    struct msghdr h = { name, 9, v, 2, control, sizeof control, 77 };
    memset(data, 'd', 20);
    memset(control, 'c', 64);
    soon('s');
    expect("recvmsg", recvmsg(pair[0], &h, MSG_TRUNC), 10);
    expect("... bytes", !memcmp(data, "0123dddddd456", 13) && filled(data + 13, 7, 'd'), 1);
    expect("... flags", h.msg_flags, MSG_TRUNC);
    expect("... name", h.msg_namelen, 0);
    expect("... control", h.msg_controllen, 0);
    expect("... its pointers", h.msg_name == name && h.msg_iov == v && h.msg_control == control && v[1].iov_base == data + 10, 1);
    struct { struct cmsghdr c; int fd; } right = { { CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS }, order[0] };
    struct msghdr s = { NULL, 0, &(struct iovec){ "right", 5 }, 1, &right, CMSG_SPACE(4), 0 };
    expect("sendmsg", sendmsg(pair[1], &s, 0), 5);
    h.msg_controllen = sizeof control;
    expect("recvmsg", recvmsg(pair[0], &h, 0), 5);
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    expect("... control", c && c->cmsg_type == SCM_RIGHTS && h.msg_controllen == CMSG_SPACE(4), 1);
    expect("close what came", close(*(int *)CMSG_DATA(c)), 0);
    struct mmsghdr mm[3] = { { h, 5 }, { h, 6 }, { h, 7 } };
    char more[3][4];
    struct iovec vv[3] = { { more[0], 4 }, { more[1], 4 }, { more[2], 4 } };
    for (int i = 0; i < 3; i++) {
        mm[i].msg_hdr = (struct msghdr){ NULL, 0, &vv[i], 1, NULL, 0, 0 };
        expect("send", send(pair[1], "xyz" + i, 3 - i, 0), 3 - i);
    }
    expect("recvmmsg", recvmmsg(pair[0], mm, 3, 0, NULL), 3);
    expect("... lengths", mm[0].msg_len * 100 + mm[1].msg_len * 10 + mm[2].msg_len, 321);
    expect("... bytes", more[0][0] == 'x' && more[1][0] == 'y' && more[2][0] == 'z', 1);
    expect("... pointers", mm[1].msg_hdr.msg_iov == &vv[1] && vv[1].iov_base == more[1], 1);
}

static void addresses(void)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "outputs.socket" }, from;
    struct sockaddr_storage space;
    int l = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int to = socket(AF_UNIX, SOCK_DGRAM, 0);
    expect("bind", bind(l, (void *)&un, sizeof un), 0);
    expect("listen", listen(l, 5), 0);
    expect("connect", connect(client, (void *)&un, sizeof un), 0);
    memset(&space, 'x', sizeof space);
    socklen_t len = sizeof space;
    int a = accept(l, (void *)&space, &len);
    expect("accept", a >= 0, 1);
    expect("... length", len, 2);
    expect("... family, and no more", space.ss_family == AF_UNIX && ((char *)&space)[2] == 'x', 1);
    strcpy(un.sun_path, "outputs.to");
    expect("bind", bind(to, (void *)&un, sizeof un), 0);
    strcpy(from.sun_path, "outputs.from");
    from.sun_family = AF_UNIX;
    expect("bind", bind(d, (void *)&from, sizeof from), 0);
    expect("sendto", sendto(d, "hello", 5, 0, (void *)&un, sizeof un), 5);
    char text[10];
    len = 8;
    memset(&from, 'x', sizeof from);
    expect("recvfrom", recvfrom(to, text, 10, 0, (void *)&from, &len), 5);
    expect("... whole length", len > 8, 1);
    expect("... cut address", !memcmp(from.sun_path, "outputxxx", 6) && from.sun_path[6] == 'x', 1);
    close(l), close(d), close(client), close(to), close(a);
    unlink("outputs.socket"), unlink("outputs.to"), unlink("outputs.from");
}

static void waits(void)
{
    struct pollfd p[2] = { { ends[0], POLLIN, 77 }, { -1, POLLIN, 77 } };
    char c[10];
    soon('p');
    expect("poll", poll(p, 2, 2000), 1);
    expect("... says why", p[0].revents == POLLIN && p[1].revents == 0 && p[0].fd == ends[0], 1);
    expect("read", read(ends[0], c, 10), 10);
    fd_set r, w;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(ends[0], &r);
    FD_SET(pair[0], &r);
    struct timeval tv = { 3, 0 };
    soon('p');
    expect("select", select(64, &r, &w, NULL, &tv), 1);
    expect("... says which", FD_ISSET(ends[0], &r) && !FD_ISSET(pair[0], &r), 1);
    expect("... time is left", tv.tv_sec == 2 && tv.tv_usec > 0, 1);
    expect("read", read(ends[0], c, 10), 10);
    int ep = epoll_create1(0);
    struct epoll_event e = { EPOLLIN, { .u64 = 4711 } }, got[3];
    memset(got, 'e', sizeof got);
    expect("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e), 0);
    soon('p');
    expect("epoll_wait", epoll_wait(ep, got, 3, 2000), 1);
    expect("... one event", got[0].data.u64 == 4711 && filled((char *)&got[1], 2 * sizeof e, 'e'), 1);
    expect("read", read(ends[0], c, 10), 10);
    expect("epoll_wait, too short", epoll_wait(ep, got, 3, 5), 0);
    close(ep);
}

static void children(void)
{
    int status = 0x5555;
    struct rusage ru;
    siginfo_t si;
    memset(&ru, 0x55, sizeof ru);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(10);
        _exit(7);
    }
    expect("wait4, too early", wait4(pid, &status, WNOHANG, &ru), 0);
    expect("... leaves the status", status, 0x5555);
    expect("wait4", wait4(pid, &status, 0, &ru) == pid, 1);
    expect("... the status", WEXITSTATUS(status), 7);
    expect("... the usage", ru.ru_nsignals, 0);
    if ((pid = fork()) == 0)
        _exit(9);
    expect("waitid", waitid(P_PID, pid, &si, WEXITED), 0);
    expect("... says who and how", si.si_pid == pid && si.si_status == 9 && si.si_code == CLD_EXITED, 1);
}

/* --- handlers, while a call sleeps --- */

static volatile uint64_t seen;

static void looks(int sig, siginfo_t *info, void *ctx)
{
    (void)sig, (void)info;
    seen = ((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RSI];
}

static void handlers(void)
{
    struct sigaction sa = { .sa_sigaction = looks, .sa_flags = SA_SIGINFO | SA_RESTART };
    struct timespec t = { 5, 0 }, left = { 77, 77 };
    char text[20] = "";
    sigaction(SIGUSR1, &sa, NULL);
    soon('k'), soon('p');
    expect("read, restarted", syscall(SYS_read, ends[0], text, 20), 10);
    expect("... its bytes", !memcmp(text, "0123456789", 11), 1);
    expect("... the handler saw the buffer", seen == (uint64_t)text, 1);
    soon('k');
    expect_error("nanosleep", nanosleep(&t, &left), EINTR);
    expect("... time is left", left.tv_sec, 4);
    sa.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &sa, NULL);
    strcpy(text, "untouched");
    soon('k');
    expect_error("read, interrupted", read(ends[0], text, 20), EINTR);
    expect_text("... its buffer", text, "untouched");
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    soon('k');
    expect("sigwaitinfo", sigwaitinfo(&set, &info), SIGUSR1);
    expect("... who sent it", info.si_pid == getpid() && info.si_code == SI_USER, 1);
}

int main(void)
{
    pthread_t t;
    expect("pipe", pipe(ends) | pipe(order), 0);
    expect("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    expect("thread", pthread_create(&t, NULL, helper, NULL), 0);
    sigemptyset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    reads();
    polls();
    faults();
    messages();
    addresses();
    waits();
    children();
    handlers();
    close(order[1]);
    pthread_join(t, NULL);
    expect("lost by the helper", lost, 0);
    return done();
}
