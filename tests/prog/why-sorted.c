/* why-sorted.c - the files of a directory are sorted before they are printed, so that their order does not matter. */
/* no cause */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(void)
{
    static const char *const paths[] = {"trees/oak", "trees/ash", "trees/fir", "trees/elm", "trees/yew", "trees/box"};
    struct dirent **list;

    mkdir("trees", 0755);
    for (int i = 0; i < 6; i++)
        close(open(paths[i], O_CREAT | O_WRONLY, 0644));
    int count = scandir("trees", &list, visible, alphasort); /* harmless: directory */
    for (int i = 0; i < count; i++)
        printf("%s\n", list[i]->d_name);
    return 0;
}
