/* why-heap-garbage.c - a buffer is written to a file whole though only its head was set: the rest is old. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 200

int main(void)
{
    char *old = malloc(SIZE);
    if (!old)
        return 1;
    memset(old, 'x', SIZE);
    free(old);

    char *volatile buffer = malloc(SIZE);
    int fd = open("buffer", O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (!buffer || fd < 0)
        return 1;
    /* What is not set stands behind the two words that the allocator keeps in free memory. */
    strcpy(buffer, "the head of the buffer");
    if (write(fd, buffer, SIZE) != SIZE) /* cause: uninit */
        return 1;
    printf("written\n");
    return 0;
}
