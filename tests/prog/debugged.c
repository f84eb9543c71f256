/* debugged.c - for a debugger: a function that is called often, variables, a watched word, threads, children, an end by choice.
 *
 *   debugged [exit|abort|crash|exec]
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int total;
static volatile int handled;
static volatile long watched;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int mine;

static void __attribute__((noinline)) count_up(int i)
{
	total += i;                                     /* step */
	getppid();
}

static void __attribute__((noinline)) add(int who, int value)
{
	pthread_mutex_lock(&lock);
	watched += who * value;                         /* watched */
	pthread_mutex_unlock(&lock);
}

static void *thread(void *arg)
{
	int who = (int)(long)arg;

	for (int i = 1; i <= 20; i++) {
		mine += i;
		add(who, i);
		if (i % 5 == 0)
			usleep(100);
	}
	return NULL;
}

static void on_signal(int sig)
{
	handled += sig;                                 /* handler */
}

static void __attribute__((noinline)) in_child(int n)
{
	total += n;                                     /* child */
}

static void __attribute__((noinline)) end(const char *how, char **argv)
{
	int *nowhere = NULL;

	if (!strcmp(how, "abort"))
		abort();                                /* abort */
	if (!strcmp(how, "crash"))
		*nowhere = total;                       /* crash */
	if (!strcmp(how, "exec"))
		execv(argv[0], (char *[]){argv[0], (char *)"exit", NULL});
}

int main(int argc, char **argv)
{
	struct timespec now;
	pthread_t t[3];
	int status;

	for (int i = 0; i < 1200; i++)
		count_up(i);
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, thread, (void *)(i + 1));
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	if (!fork()) {
		in_child(1);
		_exit(4);
	}
	wait(&status);
	in_child(2);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	clock_gettime(CLOCK_REALTIME, &now);
	printf("%d %ld %d %d %ld\n", total, watched, handled, WEXITSTATUS(status), (long)now.tv_nsec);
	fflush(stdout);
	end(argc > 1 ? argv[1] : "exit", argv);
	return 5;
}
