/* copier.c - see copier.h. */
#define _GNU_SOURCE
#include "monitor/copier.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "monitor/store.h"

/* What the thread copies between two looks at whether it still should. */
#define STEP (256u << 10)
/* How much of the stream it touches at once. */
#define TOUCH (2u << 20)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* One for each slot of the ring's head. The monitor takes off at the end, the thread at the beginning. */
static struct job {
	bool queued;
	bool busy;                     /* the thread is copying done..busy_to */
	bool failed;
	pid_t tid;
	uint32_t space, store;
	uint64_t dev, ino;
	uint64_t addr, from;           /* where the offset `from` is mapped */
	uint64_t done, busy_to, to;    /* offsets */
} jobs[RING_COPIES];
static struct { char *at; uint64_t len; } to_touch;
static struct monitor *the_monitor;
static int queued;                     /* read without the lock by the monitor, which alone makes it grow */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* By way of a buffer that stays in the cache: writing to a fresh mapping would fault for each page. */
static bool copy(const struct job *j, char *buffer, uint64_t at, uint64_t to)
{
	for (ssize_t got; at < to; at += got) {
		struct iovec here = {buffer, min_of(to - at, (uint64_t)STEP)};
		struct iovec there = {(void *)(j->addr + (at - j->from)), here.iov_len};

		got = process_vm_readv(j->tid, &here, 1, &there, 1, 0);
		if (got <= 0 || pwrite(j->store, buffer, got, at) != got)
			return false;
	}
	return true;
}

/* With the lock held. */
static void finish_if_done(struct job *j)
{
	if (!j->queued || j->busy || (j->done < j->to && !j->failed))
		return;
	j->queued = false;
	__atomic_sub_fetch(&queued, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&the_monitor->s->ring.h->copying[j - jobs], j->failed ? j->store | RING_LOST : 0, __ATOMIC_RELEASE);
}

static struct job *next_job(void)
{
	for (int i = 0; i < RING_COPIES; i++)
		if (jobs[i].queued)
			return &jobs[i];
	return NULL;
}

/* With the lock held. Kernels before 5.14 can't: the producer touches by itself then. */
static void touch(void)
{
	char *at = to_touch.at;
	uint64_t len = to_touch.len;

	to_touch.len = 0;
	pthread_mutex_unlock(&lock);
	madvise(at, len, MADV_POPULATE_WRITE);
	pthread_mutex_lock(&lock);
}

static void *copier_main(void *arg)
{
	static char buffer[STEP];
	const struct config *cfg = the_monitor->cfg;
	struct job *j;
	bool ok;

	(void)arg;
	/* The leader keeps its core. */
	sched_setaffinity(0, sizeof(cfg->cpus), &cfg->cpus);
	pthread_mutex_lock(&lock);
	for (;;) {
		if (to_touch.len) {
			touch();
			continue;
		}
		if (!(j = next_job())) {
			pthread_cond_wait(&changed, &lock);
			continue;
		}
		j->busy = true;
		j->busy_to = min_of(j->done + STEP, j->to);
		pthread_mutex_unlock(&lock);
		ok = copy(j, buffer, j->done, j->busy_to);
		pthread_mutex_lock(&lock);
		j->busy = false;
		j->done = j->busy_to;
		j->failed |= !ok;
		finish_if_done(j);
		pthread_cond_broadcast(&changed);
	}
	return NULL;
}

/* Signals are the monitor's own. */
static bool start_thread(void)
{
	static int state; /* 0: not tried, 1, -1 */
	sigset_t all, old;
	pthread_t thread;

	if (state)
		return state > 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	state = pthread_create(&thread, NULL, copier_main, NULL) ? -1 : 1;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return state > 0;
}

static void touch_ahead(struct stream *s)
{
	uint64_t len = min_of(s->ring.size - s->ahead, (uint64_t)TOUCH);

	if (start_thread()) {
		pthread_mutex_lock(&lock);
		to_touch.at = s->ring.data + s->ahead;
		to_touch.len = len;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	s->ahead += len;
}

void copier_start(struct monitor *m)
{
	the_monitor = m;
	m->s->on_ahead = touch_ahead;
	m->s->ahead = RING_HOT;
}

bool copier_add(struct task *t, const struct file_id *id, uint64_t addr, uint64_t from, uint64_t to)
{
	uint32_t *slot = the_monitor->s->ring.h->copying;
	int i = 0;

	while (i < RING_COPIES && __atomic_load_n(&slot[i], __ATOMIC_ACQUIRE))
		i++;
	if (i == RING_COPIES || !start_thread())
		return false;
	pthread_mutex_lock(&lock);
	jobs[i] = (struct job){.queued = true, .tid = t->tid, .space = t->p->mm->space, .store = id->store,
	                       .dev = id->dev, .ino = id->ino, .addr = addr, .from = from, .done = from, .to = to};
	__atomic_add_fetch(&queued, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&slot[i], id->store, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return true;
}

bool copier_busy(uint32_t store)
{
	for (int i = 0; i < RING_COPIES; i++)
		if (__atomic_load_n(&the_monitor->s->ring.h->copying[i], __ATOMIC_ACQUIRE) == store)
			return true;
	return false;
}

/* What is mapped at start..end will be lost, of what is still to be copied. The end is taken off the job, and
 * copied here; a hole in the middle takes all behind it along. With the lock held. */
static void help(struct job *j, uint64_t start, uint64_t end)
{
	static char buffer[STEP];
	uint64_t first = start > j->addr ? j->from + (start - j->addr) : j->from;

	if (end <= j->addr)
		return;
	while (j->queued && j->busy && j->busy_to > first)
		pthread_cond_wait(&changed, &lock);
	first = max_of(first, j->busy ? j->busy_to : j->done);
	if (!j->queued || first >= j->to || end - j->addr <= j->done - j->from)
		return;
	j->failed |= !copy(j, buffer, first, j->to);
	j->to = first;
	finish_if_done(j);
}

static bool pending(void)
{
	return __atomic_load_n(&queued, __ATOMIC_ACQUIRE);
}

void copier_settle(struct task *t, uint64_t start, uint64_t end)
{
	if (!pending() || !t->in_mm)
		return;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < RING_COPIES; i++)
		if (jobs[i].queued && jobs[i].space == t->in_mm->space)
			help(&jobs[i], start, end);
	pthread_mutex_unlock(&lock);
}

/* A loader maps a library whole, and then its segments over that, from the same offsets of the same file: where
 * such a segment cannot be written to, the bytes stay. */
static bool same_bytes(struct task *t, const struct job *j)
{
	const uint64_t *a = t->args;
	struct stat st;

	if (a[2] & PROT_WRITE || a[3] & MAP_ANONYMOUS || a[5] - j->from != a[0] - j->addr)
		return false;
	return task_stat_fd(t, a[4], &st) && st.st_dev == j->dev && st.st_ino == j->ino;
}

static void before_fixed_mapping(struct task *t)
{
	uint64_t start = t->args[0], end = page_up(start + t->args[1]);

	pthread_mutex_lock(&lock);
	for (int i = 0; i < RING_COPIES; i++) {
		struct job *j = &jobs[i];

		if (j->queued && j->space == t->in_mm->space && start < j->addr + (j->to - j->from) && end > j->addr &&
		    !same_bytes(t, j))
			help(j, start, end);
	}
	pthread_mutex_unlock(&lock);
}

static void before_change(const struct stat *st)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < RING_COPIES; i++)
		if (jobs[i].queued && jobs[i].dev == st->st_dev && jobs[i].ino == st->st_ino)
			help(&jobs[i], 0, ~0ull);
	pthread_mutex_unlock(&lock);
}

void copier_before_call(struct task *t)
{
	const uint64_t *a = t->args;
	char path[4200];
	struct stat st;

	if (!pending() || !t->in_mm)
		return;
	switch (t->nr) {
	case SYS_mmap:
		if (a[3] & MAP_FIXED)
			before_fixed_mapping(t);
		return;
	case SYS_munmap: case SYS_mprotect: case SYS_pkey_mprotect: case SYS_madvise:
		copier_settle(t, a[0], page_up(a[0] + a[1]));
		return;
	case SYS_mremap: case SYS_remap_file_pages: case SYS_execve: case SYS_execveat:
		copier_settle(t, 0, ~0ull);
		return;
	}
	if (t->row->who & (WRITES | WRITES3) && task_stat_fd(t, a[t->row->who & WRITES3 ? 2 : 0], &st))
		before_change(&st);
	if (call_truncates(t) && call_truncates_path(t, path, sizeof(path)) && stat(path, &st) == 0)
		before_change(&st);
}
