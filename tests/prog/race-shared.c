/* race-shared.c - three processes change memory that they share, without a lock. The argument says which memory: anon, shm,
 * memfd, file, sysv; with a second one, "read", somebody reads the file beside them. */
#include "race.h"
#include <sys/mman.h>
#include <sys/shm.h>

#define N 20000000

struct area {
    atomic_int arrived, done;
    volatile uint64_t digest;
    volatile long count[3];
};

static struct area *area;

static void run(int id)
{
    for (int i = 0; i < N; i++) {
        area->digest = mix(area->digest, id);
        area->count[id]++;
    }
    atomic_fetch_add(&area->done, 1);
}

static struct area *map(const char *kind, int *ret_fd)
{
    if (!strcmp(kind, "sysv")) {
        int id = shmget(IPC_PRIVATE, sizeof *area, IPC_CREAT | 0600);
        void *p = shmat(id, NULL, 0);
        shmctl(id, IPC_RMID, NULL);
        return p;
    }
    int fd = -1;
    if (!strcmp(kind, "shm")) {
        char name[32];
        sprintf(name, "/race.%d", getpid());
        fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        shm_unlink(name);
    } else if (!strcmp(kind, "memfd")) {
        fd = memfd_create("race", 0);
    } else if (!strcmp(kind, "file")) {
        fd = open("race.shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
        unlink("race.shared");
    }
    if (fd >= 0)
        must(ftruncate(fd, sizeof *area) == 0);
    *ret_fd = fd;
    return mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
}

/* What the file's bytes are while they change. */
static void reads(int fd)
{
    struct area now;
    uint64_t digest = 0;
    do {
        sleep_ms(2);
        must(pread(fd, &now, sizeof now, 0) == sizeof now);
        digest = mix(digest, now.digest);
    } while (atomic_load(&now.done) < 3);
    printf("%016lx ", digest);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int fd = -1, status = 0;
    area = map(argc > 1 ? argv[1] : "anon", &fd);
    must(area && area != MAP_FAILED);
    pid_t reader = argc > 2 ? fork() : 0;
    if (argc > 2 && !reader) {
        reads(fd);
        _exit(0);
    }
    race_processes(3, run, &area->arrived);
    if (reader)
        status = wait_status(reader);
    must(status == 0);
    for (int i = 0; i < 3; i++)
        must(area->count[i] == N);
    return print_digest(area->digest);
}
