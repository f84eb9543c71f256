/* why-urandom.c - random bytes are read from /dev/urandom, once through stdio and once by read. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    uint32_t buffered, plain;
    FILE *file = fopen("/dev/urandom", "r");
    int fd = open("/dev/urandom", O_RDONLY);

    if (!file || fd < 0)
        return 1;
    if (fread(&buffered, sizeof buffered, 1, file) != 1) /* cause: random */
        return 1;
    if (read(fd, &plain, sizeof plain) != sizeof plain) /* cause: random */
        return 1;
    printf("%08x %08x\n", buffered, plain);
    fclose(file);
    close(fd);
    return 0;
}
