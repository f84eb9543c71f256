/* why-directory.c - the files of a directory are printed in the order in which the file system gives them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    static const char *const names[] = {"ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen"};
    struct dirent *entry;

    mkdir("animals", 0755);
    for (int i = 0; i < 8; i++) {
        char path[32];
        snprintf(path, sizeof path, "animals/%s", names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0644));
    }
    DIR *dir = opendir("animals");
    if (!dir)
        return 1;
    while ((entry = readdir(dir))) /* cause: directory */
        if (entry->d_name[0] != '.')
            printf("%s\n", entry->d_name);
    closedir(dir);
    return 0;
}
