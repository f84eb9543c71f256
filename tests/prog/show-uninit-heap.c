/* show-uninit-heap.c - source uninit: a freed chunk keeps what stood in it, and the next owner of the chunk sees it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *volatile a = malloc(200);
    char *volatile guard = malloc(200);
    for (int i = 0; i < 199; i++)
        ((volatile char *)a)[i] = 'g' + i % 7;
    free(a);
    unsigned char *volatile b = malloc(200);
    unsigned long sum = 0;
    for (int i = 16; i < 199; i++) /* the first 16 bytes are the allocator's own */
        sum = sum * 31 + b[i];
    free(guard);
    char line[64];
    int len = snprintf(line, sizeof line, "%lx\n", sum);
    return write(1, line, len) != len; /* shown */
}
