/* why-name.c - a random number shows in the name of a file, and nowhere else. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

int main(void)
{
    uint32_t number;
    char name[32];

    if (getrandom(&number, sizeof number, 0) != sizeof number) /* cause: random */
        return 1;
    snprintf(name, sizeof name, "job-%08x", number);
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0)
        return 1;
    if (write(fd, "job\n", 4) != 4)
        return 1;
    close(fd);
    printf("file written\n");
    return 0;
}
