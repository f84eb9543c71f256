/* call-cpus.c - checklist 16: on which cores a program may run is what it would be without tandem, which keeps each version on one. */
#include "expect.h"
#include <pthread.h>
#include <sched.h>

static const char *list(const cpu_set_t *set)
{
    static char text[4096];
    text[0] = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, set))
            sprintf(text + strlen(text), "%d ", i);
    return text;
}

static int equal(pid_t pid, const cpu_set_t *want)
{
    cpu_set_t now;
    CPU_ZERO(&now);
    return sched_getaffinity(pid, sizeof now, &now) == 0 && CPU_EQUAL(&now, want);
}

static void *asks(void *arg)
{
    return (void *)(intptr_t)equal(0, arg);
}

int main(void)
{
    cpu_set_t all, one, none;
    CPU_ZERO(&all);
    CPU_ZERO(&one);
    CPU_ZERO(&none);
    expect("sched_getaffinity", sched_getaffinity(0, sizeof all, &all), 0);
    printf("cores: %s\n", list(&all));
    printf("their number: %d, online: %ld\n", CPU_COUNT(&all), sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all)) { /* the last one */
            CPU_ZERO(&one);
            CPU_SET(i, &one);
        }
    pthread_t t;
    void *same;
    pthread_create(&t, NULL, asks, &all);
    pthread_join(t, &same);
    expect("a thread's", (intptr_t)same, 1);
    expect("sched_setaffinity to one", sched_setaffinity(0, sizeof one, &one), 0);
    expect("it is", equal(0, &one), 1);
    pthread_create(&t, NULL, asks, &one);
    pthread_join(t, &same);
    expect("a new thread's", (intptr_t)same, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(equal(0, &one) ? 3 : 4);
    expect("a child's", wait_status(pid), 3);
    expect_error("to none", sched_setaffinity(0, sizeof none, &none), EINVAL);
    expect("it is still", equal(0, &one), 1);
    expect("back to all", sched_setaffinity(0, sizeof all, &all), 0);
    expect("they are", equal(0, &all), 1);
    int p[2];
    expect("pipe", pipe(p), 0);
    pid = fork();
    if (pid == 0) {
        char c;
        close(p[1]);
        _exit(read(p[0], &c, 1) == 0 && equal(0, &one) ? 5 : 6);
    }
    expect("another process", sched_setaffinity(pid, sizeof one, &one), 0);
    expect("it is there", equal(pid, &one), 1);
    expect("and not here", equal(0, &all), 1);
    close(p[1]);
    expect("it knows", wait_status(pid), 5);
    return done();
}
