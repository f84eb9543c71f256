/* show-rseq.c - source rseq: the kernel keeps the number of the CPU in the thread's own memory, where it is registered. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/rseq.h>
#include <unistd.h>

int main(void)
{
    char line[64];
    int len;
    const volatile struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    if (__rseq_size == 0)
        len = snprintf(line, sizeof line, "rseq is not registered\n");
    else
        len = snprintf(line, sizeof line, "cpu %d\n", (int)area->cpu_id);
    return write(1, line, len) != len; /* shown */
}
