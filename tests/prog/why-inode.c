/* why-inode.c - the inode number of a file just made is printed. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    struct stat st;
    int fd = open("made", O_CREAT | O_WRONLY, 0644);

    if (fd < 0 || close(fd) != 0)
        return 1;
    if (stat("made", &st) != 0) /* cause: inode */
        return 1;
    printf("inode %lu, %ld bytes\n", (unsigned long)st.st_ino, (long)st.st_size);
    return 0;
}
