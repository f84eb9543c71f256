/* article.c - the random number of the article, built once for each reason why two processes part.
 *
 *   -DVARIANT=1 vdso     the time, which comes without a system call
 *             2 pid      the process id
 *             3 tsc      the time stamp counter
 *             4 uninit   a variable that nobody set
 *             5 cache    the process id as glibc before 2.25 kept it: taken before main from set_tid_address
 *
 * Built without optimization: what stands on the dead stack is part of the program. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int cached_pid;
static int tid_word;

/* Before main, and with a call whose name says nothing about pids. */
__attribute__((constructor)) static void cache_pid(void)
{
    if (VARIANT == 5)
        cached_pid = syscall(SYS_set_tid_address, &tid_word);
}

static unsigned long article_tsc(void)
{
    unsigned lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (unsigned long)hi << 32 | lo;
}

/* Leaves garbage on the stack. */
__attribute__((noinline)) static unsigned long leave(unsigned char with)
{
    volatile unsigned char buf[2048];
    for (unsigned i = 0; i < sizeof buf; i++)
        buf[i] = with + i;
    return buf[17];
}

/* Finds it there: nothing in this frame was ever written by this function. */
__attribute__((noinline)) static unsigned long take(void)
{
    volatile unsigned long buf[2048 / sizeof(unsigned long)];
    unsigned long ret = 0;
    for (unsigned i = 0; i < 64; i++)
        ret = ret * 31 + buf[i];
    return ret;
}

static unsigned long random_number(void)
{
    unsigned long ret = 0;
    struct timeval t;
    struct timespec ns;
    if (VARIANT == 4) {
        leave(0x41);
        getpid();
        ret ^= take();
    }
    gettimeofday(&t, NULL);
    ret ^= t.tv_sec ^ t.tv_usec;
    clock_gettime(CLOCK_MONOTONIC, &ns);
    ret ^= ns.tv_nsec;
    if (VARIANT == 2)
        ret ^= (unsigned long)getpid() << 32;
    if (VARIANT == 5)
        ret ^= (unsigned long)cached_pid << 32;
    if (VARIANT == 3)
        ret ^= article_tsc();
    return ret;
}

static void print_number(unsigned long number)
{
    char line[64];
    int len = snprintf(line, sizeof line, "%016lx\n", number);
    if (write(1, line, len) != len) /* print */
        _exit(1);
}

int main(void)
{
    print_number(random_number());
    return 0;
}
