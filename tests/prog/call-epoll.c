/* call-epoll.c - pointers that epoll gives back, whatever became of the descriptors: in another layout they are others. */
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

static int next(int ep)
{
    struct epoll_event e = { 0 };
    return epoll_wait(ep, &e, 1, 1000) == 1 ? ((struct thing *)e.data.ptr)->id : -1;
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
    return done();
}
