/* race-calls.c - nobody computes long, yet the order is open: which thread does a call of the kernel's come back to, and when
 * does it change memory that others look at? The argument says which. */
#include "race.h"
#include <aio.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *what;
static uint64_t digest;
static volatile int over;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void came(uint64_t n)
{
    pthread_mutex_lock(&lock);
    digest = mix(digest, n);
    pthread_mutex_unlock(&lock);
}

static void nap(long us)
{
    struct timespec t = { 0, us * 1000 };
    nanosleep(&t, NULL);
}

/* --- a mutex with priority inheritance is wanted by a thread while its owner sleeps, or makes quick calls --- */

static pthread_mutex_t pi;

static void *wants_pi(void *arg)
{
    pthread_mutex_lock(&pi);
    came(1);
    pthread_mutex_unlock(&pi);
    return arg;
}

static void inherits(void)
{
    pthread_mutexattr_t a;
    pthread_t t;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pi, &a);
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&pi);
        must(pthread_create(&t, NULL, wants_pi, NULL) == 0);
        for (int k = 0; k < i % 40; k++)
            getppid();
        if (i % 2)
            nap(i * 3);
        came(0);
        pthread_mutex_unlock(&pi);
        came(2);
        pthread_join(t, NULL);
    }
}

/* --- a buffer that a sleeping call fills is looked at meanwhile --- */

static char box;
static int ends[2];

static void *fills(void *arg)
{
    must(read(ends[0], &box, 1) == 1);
    return arg;
}

static void looks(void)
{
    for (int i = 0; i < 50; i++) {
        pthread_t t;
        pid_t pid = fork();
        if (pid == 0) {
            nap(1000);
            _exit(write(ends[1], "x", 1) != 1);
        }
        *(volatile char *)&box = 0;
        must(pthread_create(&t, NULL, fills, NULL) == 0);
        long n = 0;
        while (*(volatile char *)&box == 0) {
            sched_yield();
            n++;
        }
        digest = mix(digest, n);
        pthread_join(t, NULL);
        must(wait_status(pid) == 0);
    }
}

/* --- the kernel clears a thread's id when it has ended --- */

static void *ends_soon(void *arg)
{
    work((intptr_t)arg);
    return arg;
}

static void joins(void)
{
    for (int i = 0; i < 300; i++) {
        pthread_t t;
        long n = 0;
        must(pthread_create(&t, NULL, ends_soon, (void *)(intptr_t)(i * 300)) == 0);
        while (pthread_tryjoin_np(t, NULL) == EBUSY) {
            sched_yield();
            n++;
        }
        digest = mix(digest, n);
    }
}

/* --- three threads wait for any child, read one pipe, or accept from one socket --- */

static int listener;
static struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "race-calls.socket" };

static void waits(int id)
{
    int status;
    while (waitpid(-1, &status, 0) > 0)
        came(id * 1000 + WEXITSTATUS(status));
}

static void wait_for_any(void)
{
    for (int i = 0; i < 60; i++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            nap(i % 20 * 500);
            _exit(i);
        }
    }
    race(3, waits);
}

static void reads(int id)
{
    char c;
    if (id == 3) {
        for (int i = 0; i < 1000; i++) {
            c = i;
            must(write(ends[1], &c, 1) == 1);
            if (i % 10 == 0)
                nap(50);
        }
        close(ends[1]);
    }
    while (id != 3 && read(ends[0], &c, 1) == 1)
        came(id * 1000 + c);
}

static void accepts(int id)
{
    if (id == 3) {
        for (int i = 0; i < 300; i++) {
            int s = socket(AF_UNIX, SOCK_STREAM, 0);
            must(connect(s, (struct sockaddr *)&name, sizeof name) == 0);
            char c = i;
            must(write(s, &c, 1) == 1);
            close(s);
        }
        over = 1;
        shutdown(listener, SHUT_RDWR);
        return;
    }
    for (int s; (s = accept(listener, NULL, NULL)) >= 0; close(s)) {
        char c;
        must(read(s, &c, 1) == 1);
        came(id * 1000 + c);
    }
    must(over);
}

static void listens(void)
{
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 10) == 0);
    race(4, accepts);
    unlink(name.sun_path);
}

/* --- a thread is cancelled: in a call, or while it computes --- */

static volatile long counted;

static void *is_cancelled(void *arg)
{
    int old;
    pthread_setcanceltype(arg ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, &old);
    for (;;) {
        counted++;
        if (!arg)
            nap(counted % 100);
        else if (counted % 1000 == 0)
            getppid();
    }
    return arg;
}

static void cancels(int async)
{
    for (int i = 0; i < 60; i++) {
        pthread_t t;
        must(pthread_create(&t, NULL, is_cancelled, (void *)(intptr_t)async) == 0);
        nap(700);
        pthread_cancel(t);
        pthread_join(t, NULL);
        digest = mix(digest, counted);
    }
}

/* --- asynchronous I/O of libc's, with threads of its own --- */

static void transfers(void)
{
    static char bufs[8][4096];
    struct aiocb cbs[8] = { 0 }, *list[8];
    int fd = open("race-calls.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 8; i++) {
            memset(bufs[i], round + i, sizeof bufs[i]);
            cbs[i] = (struct aiocb){ .aio_fildes = fd, .aio_buf = bufs[i], .aio_nbytes = sizeof bufs[i], .aio_offset = i * 4096,
                                     .aio_lio_opcode = i % 2 ? LIO_WRITE : LIO_READ };
            list[i] = &cbs[i];
        }
        must(lio_listio(LIO_NOWAIT, list, 8, NULL) == 0 || errno == EIO);
        for (int i = 0; i < 8; i++) {
            long n = 0;
            for (; aio_error(&cbs[i]) == EINPROGRESS; n++)
                aio_suspend((const struct aiocb *const *)&list[i], 1, NULL);
            digest = mix(digest, n * 10000 + aio_return(&cbs[i]));
            for (int k = 0; k < 8; k++)
                digest = mix(digest, aio_error(&cbs[k]));
        }
    }
    close(fd);
    unlink("race-calls.file");
}

/* --- a signal tells that there is something to read, to one of three threads --- */

static volatile long told;
static __thread int me;

static void tells(int sig)
{
    told++;
    digest = mix(digest, sig * 4 + me);
}

static void is_told(int id)
{
    me = id;
    for (int i = 0; i < 200; i++) {
        char c = i;
        nap(300);
        if (id == 0)
            must(write(ends[1], &c, 1) == 1);
        else
            while (read(ends[0], &c, 1) == 1)
                came(c);
    }
}

static void sigio(void)
{
    struct sigaction sa = { .sa_handler = tells, .sa_flags = SA_RESTART };
    sigaction(SIGIO, &sa, NULL);
    fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    fcntl(ends[0], F_SETOWN, getpid());
    race(3, is_told);
    must(told > 0);
}

/* --- a message queue, whose notification is a thread --- */

static mqd_t queue;

static void notified(union sigval v)
{
    struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified };
    char text[64];
    unsigned prio;
    (void)v;
    if (!over)
        mq_notify(queue, &e);
    while (mq_receive(queue, text, sizeof text, &prio) > 0) {
        came(prio * 256 + text[0]);
        pthread_mutex_lock(&lock);
        told++;
        pthread_mutex_unlock(&lock);
    }
}

static void queues(void)
{
    struct mq_attr attr = { .mq_maxmsg = 8, .mq_msgsize = 64 };
    char path[32], c;
    sprintf(path, "/race-calls-%d", getpid());
    queue = mq_open(path, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);
    must(queue >= 0);
    mq_unlink(path);
    notified((union sigval){ 0 });
    for (int i = 0; i < 200; i++) {
        c = i;
        while (mq_send(queue, &c, 1, i % 5) < 0)
            nap(100);
        if (i % 7 == 0)
            nap(500);
    }
    while (told < 200) {
        nap(200);
        notified((union sigval){ 0 });
    }
    over = 1;
}

int main(int argc, char **argv)
{
    what = argc > 1 ? argv[1] : "pi";
    must(pipe(ends) == 0);
    if (!strcmp(what, "pi"))
        inherits();
    else if (!strcmp(what, "buffer"))
        looks();
    else if (!strcmp(what, "join"))
        joins();
    else if (!strcmp(what, "wait"))
        wait_for_any();
    else if (!strcmp(what, "read"))
        race(4, reads);
    else if (!strcmp(what, "accept"))
        listens();
    else if (!strcmp(what, "cancel"))
        cancels(0);
    else if (!strcmp(what, "cancel-async"))
        cancels(1);
    else if (!strcmp(what, "aio"))
        transfers();
    else if (!strcmp(what, "sigio"))
        sigio();
    else if (!strcmp(what, "mq"))
        queues();
    else
        return 1;
    return print_digest(digest);
}
