/* call-files.c - a program that overwrites, truncates and removes files which it or its child has mapped, and its own file. */
#include "expect.h"
#include <sys/mman.h>
#include <sys/sendfile.h>
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

/* The same by calls that move bytes from descriptor to descriptor. */
static void overwrite_by_moving(void)
{
    char page[PAGE];
    loff_t at = 100, to = 200;
    off_t off = 0;
    int p[2], fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644), from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0644);
    memset(page, 'o', PAGE);
    expect("write", write(fd, page, PAGE), PAGE);
    for (int i = 0; i < PAGE; i++)
        page[i] = 'a' + i % 26;
    expect("write", write(from, page, PAGE), PAGE);
    char *m = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    expect("it is mapped", m[0] + m[200] + m[4000], 3 * 'o');
    expect("copy_file_range over it", copy_file_range(from, &at, fd, &to, 50, 0), 50);
    expect("it shows", m[200] * 256 + m[249], page[100] * 256 + page[149]);
    expect("no more of it", m[199] + m[250], 2 * 'o');
    expect("lseek", lseek(fd, 300, SEEK_SET) + lseek(from, 7, SEEK_SET), 307);
    expect("copy_file_range without offsets", copy_file_range(from, NULL, fd, NULL, 20, 0), 20);
    expect("it shows", m[300] * 256 + m[319], page[7] * 256 + page[26]);
    expect("sendfile over it", sendfile(fd, from, &off, 30), 30);
    expect("it shows", m[320] * 256 + m[349], page[0] * 256 + page[29]);
    expect("sendfile without an offset", sendfile(fd, from, NULL, 10), 10);
    expect("it shows", m[350] * 256 + m[359], page[27] * 256 + page[36]);
    expect("pipe", pipe(p), 0);
    expect("into the pipe", write(p[1], "spliced", 7), 7);
    to = 1000;
    expect("splice over it", splice(p[0], NULL, fd, &to, 7, 0), 7);
    expect("it shows", m[1000] * 256 + m[1006], 's' * 256 + 'd');
    int only = open("mapped", O_WRONLY);
    off = 5;
    expect("sendfile by a descriptor that cannot be read", sendfile(only, from, &off, 3), 3);
    expect("it shows", m[0] * 256 + m[2], page[5] * 256 + page[7]);
    expect("the rest is as it was", m[3] + m[199] + m[250] + m[360] + m[4095], 5 * 'o');
    close(only), close(fd), close(from), close(p[0]), close(p[1]);
    munmap(m, PAGE);
    expect("unlink", unlink("from"), 0);
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
    overwrite_by_moving();
    overwrite_running(argv[0]);
    delete_self(argv[0]);
    return done();
}
