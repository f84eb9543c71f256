/* why-time-call.c - the time in seconds, asked of the kernel by a real system call. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    long now = syscall(SYS_time, NULL); /* cause: time */

    printf("%ld seconds since 1970\n", now);
    return 0;
}
