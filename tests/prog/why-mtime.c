/* why-mtime.c - the time at which a file was written, just now, is printed. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    struct stat st;
    int fd = open("made", O_CREAT | O_TRUNC | O_WRONLY, 0644);

    if (fd < 0 || write(fd, "x", 1) != 1)
        return 1;
    if (fstat(fd, &st) != 0) /* cause: file-time */
        return 1;
    printf("written at %ld.%09ld\n", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    close(fd);
    return 0;
}
