/* call-epoll.c - checklist 10: pointers that epoll gives back, whatever became of the descriptors: in another layout they are others. */
#include "expect.h"
#include <sys/epoll.h>

struct thing { long filler[3]; int id; };

static struct thing *thing(int id)
{
    struct thing *t = calloc(1, sizeof(*t));
    t->id = id;
    return t;
}

static int add(int ep, int fd, struct thing *t)
{
    struct epoll_event e = { EPOLLIN, { .ptr = t } };
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int next_in(int ep, int ms)
{
    struct epoll_event e = { 0 };
    return epoll_wait(ep, &e, 1, ms) == 1 ? ((struct thing *)e.data.ptr)->id : -1;
}

static int next(int ep)
{
    return next_in(ep, 1000);
}

/* Ready once, and silent until it is armed again; with another thing then. */
static void once(void)
{
    int p[2], ep = epoll_create1(0);
    char c;
    expect("pipe", pipe(p), 0);
    struct epoll_event e = { EPOLLIN | EPOLLONESHOT, { .ptr = thing(10) } };
    expect("EPOLLONESHOT", epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
    write(p[1], "12", 2);
    expect("it comes", next(ep), 10);
    expect("and not again", next_in(ep, 20), -1);
    expect("read", read(p[0], &c, 1), 1);
    expect("still not", next_in(ep, 20), -1);
    e.data.ptr = thing(11);
    expect("armed again", epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
    expect("it comes as another", next(ep), 11);
    expect("and not again", next_in(ep, 20), -1);
    e = (struct epoll_event){ EPOLLIN | EPOLLET, { .ptr = thing(12) } };
    expect("EPOLLET", epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
    expect("it comes", next(ep), 12);
    expect("and not again", next_in(ep, 20), -1);
    write(p[1], "3", 1);
    expect("with more it does", next(ep), 12);
    expect("removed", epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
    expect("it is gone", next_in(ep, 20), -1);
    expect_error("once more", epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
    close(ep), close(p[0]), close(p[1]);
}

/* Two levels: each has things of its own. */
static void nested(void)
{
    int p[2], q[2], outer = epoll_create1(0), inner = epoll_create1(0), other = epoll_create1(0);
    char c;
    expect("pipes", pipe(p) + pipe(q), 0);
    expect("add", add(inner, p[0], thing(20)) + add(other, q[0], thing(21)), 0);
    expect("epoll in epoll", add(outer, inner, thing(22)) + add(outer, other, thing(23)), 0);
    expect_error("a circle", add(inner, outer, thing(24)), ELOOP);
    expect("nothing", next_in(outer, 20), -1);
    write(p[1], "x", 1);
    expect("the inner one is ready", next(outer), 22);
    expect("its own thing", next(inner), 20);
    read(p[0], &c, 1);
    expect("no longer", next_in(outer, 20), -1);
    write(q[1], "yy", 2), write(p[1], "x", 1);
    struct epoll_event e[4];
    expect("both", epoll_wait(outer, e, 4, 1000), 2);
    int sum = 0;
    for (int i = 0; i < 2; i++)
        sum += ((struct thing *)e[i].data.ptr)->id;
    expect("their things", sum, 45);
    expect("those inside", next(inner) * 100 + next(other), 2021);
    struct timespec ts = { 1, 0 };
    expect("epoll_pwait2", epoll_pwait2(other, e, 4, &ts, NULL), 1);
    expect("its thing", ((struct thing *)e[0].data.ptr)->id, 21);
    close(other);
    expect("one is closed: the other", next(outer), 22);
    close(outer), close(inner), close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

int main(void)
{
    int p[2], q[2], ep = epoll_create1(0), other = epoll_create1(0);
    expect("pipes", pipe(p) + pipe(q), 0);
    write(p[1], "a", 1);
    expect("add", add(ep, p[0], thing(1)), 0);
    expect("its thing", next(ep), 1);
    expect_error("add it again", add(ep, p[0], thing(2)), EEXIST);
    expect("still the first thing", next(ep), 1);
    int twice = dup(ep);
    expect("by another descriptor", next(twice), 1);
    expect("dup2", dup2(other, ep) == ep, 1);
    expect("by that, as before", next(twice), 1);
    expect("none in the other", next(ep), -1);
    int kept = dup(p[0]), old = p[0];
    close(p[0]);
    expect("the number again", dup2(q[0], old) == old, 1);
    expect("add what has it now", add(twice, old, thing(3)), 0);
    expect("the first thing is ready", next(twice), 1);
    char c;
    read(kept, &c, 1);
    write(q[1], "b", 1);
    expect("now the third", next(twice), 3);
    pid_t pid = fork();
    if (pid == 0) {
        int r[2], mine = epoll_create1(0);
        pipe(r);
        add(mine, r[0], thing(4));
        write(r[1], "c", 1);
        _exit(next(mine) == 4 && next(twice) == 3 ? 5 : 6);
    }
    int st;
    waitpid(pid, &st, 0);
    expect("in a child", WEXITSTATUS(st), 5);
    expect("here", next(twice), 3);
    struct epoll_event e = { EPOLLIN, { .ptr = thing(7) } };
    expect("another thing for it", epoll_ctl(twice, EPOLL_CTL_MOD, old, &e), 0);
    expect("it comes", next(twice), 7);
    once();
    nested();
    return done();
}
