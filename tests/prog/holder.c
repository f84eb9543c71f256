/* holder.c - takes something that the world outside can see, lets it go, says so, and lives on for a while.
 *
 *   fifo PATH | tcp PORT | listen PORT | flock FILE | posix FILE | pipe | lease FILE */
#include "expect.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>

static void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static struct sockaddr_in at(const char *port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(atoi(port)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int hold(const char *what, const char *arg)
{
    struct sockaddr_in sa = at(arg);
    int fd = -1;
    if (!strcmp(what, "fifo")) {
        must((fd = open(arg, O_WRONLY)) >= 0, "open");
        must(write(fd, "data\n", 5) == 5, "write");
    } else if (!strcmp(what, "tcp")) {
        must((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0, "socket");
        must(!connect(fd, (void *)&sa, sizeof sa), "connect");
        must(write(fd, "data\n", 5) == 5, "write");
    } else if (!strcmp(what, "listen")) {
        must((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0, "socket");
        must(!bind(fd, (void *)&sa, sizeof sa), "bind");
        must(!listen(fd, 5), "listen");
    } else if (!strcmp(what, "flock")) {
        must((fd = open(arg, O_RDWR)) >= 0, "open");
        must(!flock(fd, LOCK_EX), "flock");
    } else if (!strcmp(what, "posix")) {
        must((fd = open(arg, O_RDWR)) >= 0, "open");
        must(!lockf(fd, F_LOCK, 0), "lockf");
    } else if (!strcmp(what, "lease")) {
        int map = open(arg, O_RDONLY);
        char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, map, 0);
        must(p != MAP_FAILED && p[0], "mmap");
        munmap(p, 4096);
        close(map);
        must((fd = open(arg, O_RDWR)) >= 0, "open");
        must(!fcntl(fd, F_SETLEASE, F_WRLCK), "F_SETLEASE");
    }
    return fd;
}

/* A pipe to a child that reads until the end. */
static void feed_child(void)
{
    int p[2];
    char buf[16];
    must(!pipe(p), "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(p[1]);
        while (read(p[0], buf, sizeof buf) > 0)
            ;
        _exit(0);
    }
    close(p[0]);
    must(write(p[1], "data", 4) == 4, "write");
    close(p[1]);
    must(wait_status(pid) == 0, "child");
}

int main(int argc, char **argv)
{
    must(argc > 1, "usage");
    if (!strcmp(argv[1], "pipe")) {
        feed_child();
    } else {
        int fd = hold(argv[1], argc > 2 ? argv[2] : "0");
        must(write(1, "held\n", 5) == 5, "write");
        sleep_ms(200);
        close(fd);
    }
    must(write(1, "released\n", 9) == 9, "write");
    sleep_ms(300);
    return 0;
}
