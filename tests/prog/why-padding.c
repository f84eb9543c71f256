/* why-padding.c - structures are written to a file with the padding between their members, which nobody set. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct record {
    char kind;
    long size;
    char last;
};

/* Always leaves the same bytes: natively they are there a call later, too. */
static __attribute__((noinline)) int leave(void)
{
    volatile char used[1024];

    for (int i = 0; i < 1024; i++)
        used[i] = 'x';
    return used[5] == 'x';
}

static __attribute__((noinline)) int save(int fd)
{
    struct record records[32];

    for (int i = 0; i < 32; i++) {
        records[i].kind = 'r';
        records[i].size = i;
        records[i].last = i == 31;
    }
    return write(fd, records, sizeof records) == sizeof records; /* cause: uninit */
}

int main(void)
{
    int fd = open("records", O_CREAT | O_TRUNC | O_WRONLY, 0644);

    if (fd < 0 || !leave() || lseek(fd, 0, SEEK_SET) != 0 || !save(fd))
        return 1;
    printf("saved\n");
    return 0;
}
