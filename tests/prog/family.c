/* family.c - a tree of as many processes as the argument says, all of which live at the same time. Each tells the root that it is
 * there, waits for the root's word, computes, gathers what its children have sent it by a pipe, and sends that on to its
 * parent. In what order they came, and their numbers, are in the digest. */
#include "race.h"

static int size, there[2], go[2];

static void write_all(int fd, const void *what, size_t len)
{
    must(write(fd, what, len) == (ssize_t)len);
}

/* Member `id`, whose children are 3 * id + 1 to 3 * id + 3. Returns what it and those below it have to say. */
static uint64_t live(int id)
{
    pid_t child[3];
    int from[3][2], n = 0;
    uint64_t digest = mix(id, getpid()), theirs;
    char c;
    for (int i = 3 * id + 1; i <= 3 * id + 3 && i < size; i++, n++) {
        must(pipe(from[n]) == 0 && (child[n] = fork()) >= 0);
        if (child[n] == 0) {
            for (int k = 0; k <= n; k++)
                close(from[k][0]);
            close(go[1]);
            digest = live(i);
            write_all(from[n][1], &digest, sizeof digest);
            _exit(id % 100);
        }
        close(from[n][1]);
    }
    if (id) {
        write_all(there[1], &id, sizeof id);
        must(read(go[0], &c, 1) == 0);
    } else {
        for (int i = 1, who; i < size; i++) {
            must(read(there[0], &who, sizeof who) == sizeof who);
            digest = mix(digest, who);
        }
        close(go[1]); /* all of them live now */
    }
    work(10000);
    for (int i = 0; i < n; i++) {
        must(read(from[i][0], &theirs, sizeof theirs) == sizeof theirs);
        digest = mix(digest, theirs);
        must(wait_status(child[i]) == id % 100);
    }
    return digest;
}

int main(int argc, char **argv)
{
    size = argc > 1 ? atoi(argv[1]) : 100;
    must(pipe(there) == 0 && pipe(go) == 0);
    return print_digest(live(0));
}
