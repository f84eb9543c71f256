/* outside.c - the world that must not notice a follower.
 *
 *   port              print a TCP port that is free on loopback
 *   bind PORT         take the port, without SO_REUSEADDR
 *   fin PORT          accept one connection, read it to its end, print what came
 *   share FILE MS     map FILE, shared and writable, and sleep
 *   watch FILE        print the inotify events of FILE, one a line, until SIGTERM */
#include "expect.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int bound(int port, struct sockaddr_in *sa)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *sa = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(fd, (void *)sa, sizeof *sa)) {
        perror("bind");
        exit(1);
    }
    return fd;
}

static int fin(int port)
{
    struct sockaddr_in sa;
    char buf[100];
    ssize_t n;
    int fd = bound(port, &sa);
    listen(fd, 5);
    puts("listening");
    fflush(stdout);
    int c = accept(fd, NULL, NULL);
    while ((n = read(c, buf, sizeof buf)) > 0)
        fwrite(buf, 1, n, stdout);
    puts(n == 0 ? "end" : strerrorname_np(errno));
    return n != 0;
}

static int share(const char *file, long ms)
{
    int fd = open(file, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096) || mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED) {
        perror(file);
        return 1;
    }
    puts("mapped");
    fflush(stdout);
    sleep_ms(ms);
    return 0;
}

static const char *const names[] = { "ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM", "MOVED_TO",
                                     "CREATE", "DELETE", "DELETE_SELF", "MOVE_SELF" };
static volatile sig_atomic_t stop;

static void on_term(int sig)
{
    stop = sig;
}

/* The same event twice in a row is one line: the kernel merges them or not, as it likes. */
static int watch(const char *file)
{
    char buf[4096] __attribute__((aligned(8)));
    uint32_t last = 0;
    struct sigaction sa = { .sa_handler = on_term };
    sigaction(SIGTERM, &sa, NULL);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (inotify_add_watch(fd, file, IN_ALL_EVENTS) < 0)
        return 1;
    puts("watching");
    fflush(stdout);
    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);
        for (char *p = buf; p < buf + (n > 0 ? n : 0); p += sizeof(struct inotify_event) + ((struct inotify_event *)p)->len) {
            uint32_t mask = ((struct inotify_event *)p)->mask;
            for (unsigned i = 0; mask != last && i < 12; i++)
                if (mask & 1U << i)
                    puts(names[i]);
            last = mask;
        }
        fflush(stdout);
        if (n <= 0 && stop)
            return 0;
        if (n <= 0)
            usleep(5000);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in sa;
    socklen_t len = sizeof sa;
    if (argc == 4 && !strcmp(argv[1], "share"))
        return share(argv[2], atol(argv[3]));
    if (argc == 2 && !strcmp(argv[1], "port")) {
        getsockname(bound(0, &sa), (void *)&sa, &len);
        printf("%d\n", ntohs(sa.sin_port));
        return 0;
    }
    if (argc != 3)
        return 2;
    if (!strcmp(argv[1], "bind"))
        return listen(bound(atoi(argv[2]), &sa), 5) != 0;
    if (!strcmp(argv[1], "fin"))
        return fin(atoi(argv[2]));
    if (!strcmp(argv[1], "watch"))
        return watch(argv[2]);
    return 2;
}
