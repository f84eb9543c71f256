/* why-pid-agrees.c - the process id is asked for twice and compared with itself: whatever it is, both are the same. */
/* no cause */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    pid_t first = getpid();             /* harmless: pid */
    pid_t second = syscall(SYS_getpid); /* harmless: pid */

    printf("%s\n", first == second ? "the same process" : "another process");
    return 0;
}
