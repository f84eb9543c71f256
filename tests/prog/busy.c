/* busy.c - threads that make calls all the time, until SIGTERM: something to be killed in the middle of a call, of a mapping, of
 * a birth. The arguments: how many threads beside the first; a directory for files that children make and their parent
 * removes. */
#include "race.h"
#include <sys/mman.h>

static atomic_int over;

static void on_term(int sig)
{
    over = sig;
}

static void *sleeps(void *arg)
{
    while (!over)
        sleep_ms(1);
    return arg;
}

static void *born(void *arg)
{
    return arg;
}

static int maps(int i)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return 1;
    *page = i;
    return munmap(page, 4096) != 0;
}

/* Whoever finds such a file afterwards has met a child that nobody watched. */
static int child_makes(const char *dir, int i)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/%d", dir, i);
    pid_t pid = fork();
    if (pid == 0)
        _exit(open(name, O_CREAT | O_EXCL | O_WRONLY, 0666) < 0);
    return wait_status(pid) != 0 || unlink(name) != 0;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 4, bad = 0;
    pthread_t threads[64], thread;
    must(n <= 64);
    signal(SIGTERM, on_term);
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < n; i++)
        must(pthread_create(&threads[i], NULL, sleeps, NULL) == 0);
    for (int i = 0; !over; i++) {
        bad += maps(i) + (write(-1, "", 1) != -1);
        if (argc > 2)
            bad += child_makes(argv[2], i);
        if (i % 16)
            continue;
        must(pthread_create(&thread, NULL, born, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
    for (int i = 0; i < n; i++)
        must(pthread_join(threads[i], NULL) == 0);
    printf("bad: %d\n", bad);
    return 42;
}
