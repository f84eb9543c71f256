/* show-rdpid.c - source cpu: rdpid, the number of the CPU without a call. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    unsigned long id;
    __asm__ volatile(".byte 0xf3, 0x0f, 0xc7, 0xf8" : "=a"(id)); /* rdpid %rax */
    char line[64];
    int len = snprintf(line, sizeof line, "cpu %lu\n", id & 0xfff);
    return write(1, line, len) != len; /* shown */
}
