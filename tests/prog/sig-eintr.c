/* sig-eintr.c - a call that waits about a millisecond, eighty times, while a thread sends a signal every 300 us: how often is it
 * interrupted? The first argument is the call; with a second one, the handler has SA_RESTART. */
#include "race.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *call;
static volatile int over;
static volatile long handled;
static pthread_t caller;
static int fds[2], listener, event, epoll;
static struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "sig-eintr.socket" };
static char buf[65536];

static int is(const char *what)
{
    return !strcmp(call, what);
}

static void handler(int sig)
{
    (void)sig;
    handled++;
}

static void nap(long us)
{
    struct timespec t = { 0, us * 1000 };
    nanosleep(&t, NULL);
}

static void *storms(void *arg)
{
    while (!over) {
        nap(300);
        pthread_kill(caller, SIGUSR1);
    }
    return arg;
}

/* The other end, which lets the call go on about every millisecond. */
static void *helps(void *arg)
{
    uint64_t one = 1;
    while (!over) {
        nap(1000);
        if (is("read") || is("recv")) {
            must(write(fds[1], "x", 1) == 1);
        } else if (is("write") || is("send")) {
            static char taken[32768];
            must(read(fds[0], taken, sizeof taken) > 0 || errno == EAGAIN);
        } else if (is("accept")) {
            int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
            connect(s, (struct sockaddr *)&name, sizeof name);
            close(s);
        } else if (is("connect")) {
            close(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
        } else if (is("epoll_wait") || is("poll") || is("select")) {
            must(write(event, &one, 8) == 8);
        } else if (is("futex")) {
            syscall(SYS_futex, &event, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        } else if (is("sigwaitinfo")) {
            pthread_kill(caller, SIGUSR2);
        }
    }
    return arg;
}

static long do_call(void)
{
    static struct timespec left;
    struct timespec ms = { 0, 1000000 }, five = { 0, 5000000 };
    uint64_t count;
    long r;
    int s;
    if (is("read"))
        return read(fds[0], buf, 100);
    if (is("recv"))
        return recv(fds[0], buf, 1, 0);
    if (is("write"))
        return write(fds[1], buf, sizeof buf);
    if (is("send"))
        return send(fds[1], buf, sizeof buf, 0);
    if (is("accept")) {
        r = accept(listener, NULL, NULL);
        if (r >= 0)
            close(r);
        return r;
    }
    if (is("connect")) {
        s = socket(AF_UNIX, SOCK_STREAM, 0);
        r = connect(s, (struct sockaddr *)&name, sizeof name);
        int e = errno;
        close(s);
        errno = e;
        return r;
    }
    if (is("epoll_wait")) {
        struct epoll_event ev;
        r = epoll_wait(epoll, &ev, 1, 5);
        return r > 0 ? read(event, &count, 8) : r;
    }
    if (is("poll")) {
        struct pollfd p = { event, POLLIN, 0 };
        r = poll(&p, 1, 5);
        return r > 0 ? read(event, &count, 8) : r;
    }
    if (is("select")) {
        fd_set set;
        struct timeval t = { 0, 5000 };
        FD_ZERO(&set);
        FD_SET(event, &set);
        r = select(event + 1, &set, NULL, NULL, &t);
        return r > 0 ? read(event, &count, 8) : r;
    }
    if (is("nanosleep")) {
        r = nanosleep(left.tv_nsec ? &left : &ms, &left);
        if (r == 0)
            left.tv_nsec = 0;
        return r;
    }
    if (is("futex")) {
        r = syscall(SYS_futex, &event, FUTEX_WAIT_PRIVATE, event, &five, NULL, 0);
        return r < 0 && errno == ETIMEDOUT ? 0 : r;
    }
    if (is("wait4")) {
        static pid_t pid;
        if (pid == 0 && (pid = fork()) == 0) {
            nap(1000);
            _exit(0);
        }
        r = waitpid(pid, NULL, 0);
        if (r > 0)
            pid = 0;
        return r > 0;
    }
    if (is("sigwaitinfo")) {
        sigset_t set;
        siginfo_t info;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        return sigwaitinfo(&set, &info);
    }
    fprintf(stderr, "no call %s\n", call);
    _exit(1);
}

static void prepare(void)
{
    struct epoll_event ev = { .events = EPOLLIN };
    if (is("recv") || is("send"))
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    else
        must(pipe(fds) == 0);
    event = eventfd(0, 0);
    epoll = epoll_create1(0);
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &ev) == 0);
    if (is("write") || is("send"))
        must(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    if (is("accept") || is("connect")) {
        unlink(name.sun_path);
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        must(bind(listener, (struct sockaddr *)&name, sizeof name) == 0);
        must(listen(listener, 0) == 0);
    }
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_handler = handler, .sa_flags = argc > 2 ? SA_RESTART : 0 };
    sigset_t usr2;
    pthread_t t[2];
    uint64_t digest = 0;
    long good = 0, interrupted = 0;
    call = argc > 1 ? argv[1] : "read";
    caller = pthread_self();
    sigaction(SIGUSR1, &sa, NULL);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    prepare();
    must(pthread_create(&t[0], NULL, storms, NULL) == 0);
    must(pthread_create(&t[1], NULL, helps, NULL) == 0);
    while (good < 80) {
        long r = do_call();
        must(r >= 0 || errno == EINTR);
        *(r < 0 ? &interrupted : &good) += 1;
        digest = mix(digest, r * 1000 + handled);
    }
    over = 1;
    if (is("connect")) /* the helper may wait for one more */
        connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&name, sizeof name);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    unlink(name.sun_path);
    printf("%ld %ld ", interrupted, handled);
    return print_digest(digest);
}
