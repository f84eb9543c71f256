/* show-auxv.c - source auxv: the 16 random bytes that the kernel puts on every stack. */
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(void)
{
    const unsigned char *random = (void *)getauxval(AT_RANDOM);
    char line[64];
    int len = 0;
    for (int i = 0; i < 16; i++)
        len += snprintf(line + len, sizeof line - len, "%02x", random[i]);
    line[len++] = '\n';
    return write(1, line, len) != len; /* shown */
}
