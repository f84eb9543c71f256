/* parting.c - two builds that part in the way that the argument names: -DSIDE=0 is the leader's, -DSIDE=1 the follower's.
 * Every way has a function of its own, and the line that parts is marked. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(1);
}

static void another_call(void)
{
    if (SIDE == 0)
        getuid();
    else
        getgid(); /* call */
}

static void another_argument(void)
{
    close(100 + SIDE); /* argument */
}

static void another_output(void)
{
    char text[] = "the same but for the last: 0\n";
    text[sizeof text - 3] += SIDE;
    say(text); /* output */
}

static void another_path(void)
{
    int fd = open(SIDE ? "/etc/group" : "/etc/passwd", O_RDONLY); /* path */
    if (fd >= 0)
        close(fd);
}

static void early_exit(void)
{
    if (SIDE == 1)
        _exit(9); /* exit */
}

static void another_status(void)
{
    _exit(3 + SIDE); /* status */
}

static void crash(void)
{
    if (SIDE == 1)
        *(volatile int *)16 = 1; /* crash */
}

static void another_signal(void)
{
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    kill(getpid(), SIDE ? SIGUSR1 : SIGUSR2); /* signal */
}

static void *waits_in_vain(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void hang(void)
{
    pthread_t t;
    pthread_create(&t, NULL, waits_in_vain, NULL);
    usleep(50000); /* until it does */
    if (SIDE == 1)
        for (volatile unsigned long i = 0;; i++) /* hang */
            ;
}

static void another_timer(void)
{
    struct itimerval t = { { 0, 0 }, { 1000 + SIDE, 0 } };
    setitimer(ITIMER_REAL, &t, NULL); /* timer */
}

static void another_mapping(void)
{
    int a = open("/etc/passwd", O_RDONLY), b = open("/etc/group", O_RDONLY);
    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, SIDE ? b : a, 0); /* mapping */
}

static void another_end(void)
{
    kill(getpid(), SIDE ? SIGTERM : SIGKILL); /* end */
}

static void another_length(void)
{
    chdir(SIDE ? "/nowhere/at/all" : "/nowhere/at"); /* length */
}

/* An ip_mreqn without its last field, and its second address is the one that differs. */
static void another_group(void)
{
    struct in_addr group[2] = { { htonl(0xe0000101) }, { htonl(0x7f000001 + SIDE) } };
    setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_ADD_MEMBERSHIP, group, sizeof group); /* group */
}

static const struct { const char *name; void (*part)(void); } ways[] = {
    { "call", another_call },     { "argument", another_argument }, { "output", another_output }, { "path", another_path },
    { "exit", early_exit },       { "status", another_status },     { "crash", crash },           { "signal", another_signal },
    { "hang", hang },             { "timer", another_timer },       { "mapping", another_mapping }, { "end", another_end },
    { "length", another_length }, { "group", another_group },
};

int main(int argc, char **argv)
{
    say("before\n");
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
        if (argc > 1 && !strcmp(argv[1], ways[i].name))
            ways[i].part();
    if (argc > 2)
        usleep(atoi(argv[2]) * 1000); /* a leader that is still there when the follower has parted */
    say("after\n");
    return 0;
}
