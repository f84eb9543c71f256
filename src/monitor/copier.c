/* copier.c - see copier.h. */
#define _GNU_SOURCE
#include "monitor/copier.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

/* One for each slot of the ring's head; all but the ring is under the lock. */
static struct job {
	bool queued;
	pid_t tid;
	uint32_t domain;
	uint64_t addr, from, to;
} jobs[RING_COPIES];
static int queued;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* By way of a buffer that stays in the cache: writing to a fresh mapping would fault for each page. */
static bool copy(const struct job *j, uint32_t store)
{
	static char buffer[512 * 1024];

	for (uint64_t done = 0, n; done < j->to - j->from; done += n) {
		struct iovec to = {buffer, min_of(j->to - j->from - done, sizeof(buffer))};
		struct iovec from = {(void *)(j->addr + done), to.iov_len};
		ssize_t got = process_vm_readv(j->tid, &to, 1, &from, 1, 0);

		if (got <= 0 || pwrite(store, buffer, got, j->from + done) != got)
			return false;
		n = got;
	}
	return true;
}

static int next_job(void)
{
	for (int i = 0; i < RING_COPIES; i++)
		if (jobs[i].queued)
			return i;
	return -1;
}

static void *copier_main(void *arg)
{
	struct monitor *m = arg;
	uint32_t *slot = m->s->ring.h->copying;

	/* The leader keeps its core. */
	sched_setaffinity(0, sizeof(m->cfg->cpus), &m->cfg->cpus);
	pthread_mutex_lock(&lock);
	for (;;) {
		int i = next_job();
		struct job j;
		bool ok;

		if (i < 0) {
			pthread_cond_wait(&changed, &lock);
			continue;
		}
		j = jobs[i];
		pthread_mutex_unlock(&lock);
		ok = copy(&j, slot[i]);
		pthread_mutex_lock(&lock);
		jobs[i].queued = false;
		queued--;
		__atomic_store_n(&slot[i], ok ? 0 : slot[i] | RING_LOST, __ATOMIC_RELEASE);
		pthread_cond_broadcast(&changed);
	}
	return NULL;
}

/* Signals are the monitor's own. */
static bool start_thread(struct monitor *m)
{
	static int state; /* 0: not tried, 1, -1 */
	sigset_t all, old;
	pthread_t thread;

	if (state)
		return state > 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	state = pthread_create(&thread, NULL, copier_main, m) ? -1 : 1;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return state > 0;
}

/* Linux 6.11 and 6.12 let a running program be written to. */
static bool kernel_protects(void)
{
	static int known; /* 0: not asked, 1, -1 */
	struct utsname u;

	if (!known)
		known = uname(&u) || !strncmp(u.release, "6.11", 4) || !strncmp(u.release, "6.12", 4) ? -1 : 1;
	return known > 0;
}

bool copier_add(struct monitor *m, struct task *t, uint32_t store, uint64_t addr, uint64_t from, uint64_t to)
{
	uint32_t *slot = m->s->ring.h->copying;
	int i = 0;

	while (i < RING_COPIES && slot[i])
		i++;
	if (i == RING_COPIES || !kernel_protects() || !start_thread(m))
		return false;
	pthread_mutex_lock(&lock);
	jobs[i] = (struct job){true, t->tid, t->p->mm->domain, addr, from, to};
	queued++;
	__atomic_store_n(&slot[i], store, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return true;
}

bool copier_busy(const struct monitor *m, uint32_t store)
{
	for (int i = 0; i < RING_COPIES; i++)
		if (__atomic_load_n(&m->s->ring.h->copying[i], __ATOMIC_ACQUIRE) == store)
			return true;
	return false;
}

static bool overlaps(const struct job *j, uint32_t domain, uint64_t start, uint64_t end)
{
	return j->queued && j->domain == domain && j->addr < end && start < j->addr + (j->to - j->from);
}

void copier_settle(struct monitor *m, struct task *t, uint64_t start, uint64_t end)
{
	(void)m;
	if (!__atomic_load_n(&queued, __ATOMIC_ACQUIRE) || !t->in_mm)
		return;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < RING_COPIES; i++)
		while (overlaps(&jobs[i], t->in_mm->domain, start, end))
			pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

void copier_before_call(struct monitor *m, struct task *t)
{
	const uint64_t *a = t->args;

	if (!__atomic_load_n(&queued, __ATOMIC_ACQUIRE))
		return;
	switch (t->nr) {
	case SYS_mmap:
		if (!(a[3] & MAP_FIXED))
			return;
		/* fall through */
	case SYS_munmap: case SYS_mprotect: case SYS_pkey_mprotect: case SYS_madvise:
		copier_settle(m, t, a[0], page_up(a[0] + a[1]));
		return;
	case SYS_mremap: case SYS_remap_file_pages: case SYS_execve: case SYS_execveat:
		copier_settle(m, t, 0, ~0ull);
	}
}
