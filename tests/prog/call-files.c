/* call-files.c - a program that overwrites, truncates and removes files which it or its child has mapped, and its own file. */
#include "expect.h"
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096

static void overwrite_mapped(void)
{
    char page[PAGE];
    int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
    memset(page, 'o', PAGE);
    expect("write", write(fd, page, PAGE), PAGE);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(p[100] == 'n' ? 0 : p[100]);
    }
    memset(page, 'n', PAGE);
    expect("pwrite over it", pwrite(fd, page, PAGE, 0), PAGE);
    expect("it shows", p[5], 'n');
    expect("it shows in the child", wait_status(pid), 0);
    int again = open("mapped", O_WRONLY | O_TRUNC);
    expect("open with O_TRUNC", again >= 0, 1);
    expect("write anew", write(again, "fresh", 5), 5);
    expect("it shows", p[0], 'f');
    expect("zeros after it", p[5], 0);
    close(again), close(fd);
    munmap(p, PAGE);
}

/* A copy of our own program is run, and may not be written meanwhile; when it has ended it may. */
static void overwrite_running(const char *self)
{
    char cmd[600];
    snprintf(cmd, sizeof cmd, "cp '%s' copy", self);
    expect("cp", system(cmd), 0);
    int p[2], ready[2];
    expect("pipes", pipe(p) + pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[0], 0);
        dup2(ready[1], 1);
        close(p[0]), close(p[1]), close(ready[0]), close(ready[1]);
        execl("./copy", "./copy", "wait", (char *)NULL);
        _exit(127);
    }
    char c = 0;
    close(p[0]), close(ready[1]);
    expect("it runs", read(ready[0], &c, 1), 1);
    expect_error("open of a running program for writing", open("copy", O_WRONLY), ETXTBSY);
    close(p[1]);
    expect("the copy", wait_status(pid), 5);
    int fd = open("copy", O_WRONLY | O_TRUNC);
    expect("open afterwards", fd >= 0, 1);
    expect("write", write(fd, "#!/bin/sh\nexit 6\n", 17), 17);
    close(fd);
    expect("the new program", WEXITSTATUS(system("./copy")), 6);
    expect("unlink", unlink("copy"), 0);
}

static void delete_self(const char *self)
{
    char cmd[600];
    snprintf(cmd, sizeof cmd, "cp '%s' deleted", self);
    expect("cp", system(cmd), 0);
    expect("a program that deletes itself", WEXITSTATUS(system("./deleted delete")), 7);
    struct stat st;
    expect_error("it is gone", stat("deleted", &st), ENOENT);
}

int main(int argc, char **argv)
{
    char c;
    if (argc > 1 && !strcmp(argv[1], "wait"))
        return write(1, "r", 1) == 1 && read(0, &c, 1) == 0 ? 5 : 99;
    if (argc > 1 && !strcmp(argv[1], "delete")) {
        if (unlink(argv[0]))
            return 98;
        void *(*volatile late)(size_t) = malloc;
        free(late(100000));
        return system("exit 0") == 0 ? 7 : 97;
    }
    overwrite_mapped();
    overwrite_running(argv[0]);
    delete_self(argv[0]);
    return done();
}
