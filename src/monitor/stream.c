/* stream.c - see stream.h; the layout and the order of memory accesses are in abi/ring.h. */
#define _GNU_SOURCE
#include "monitor/stream.h"

#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A consumer looks this often before it sleeps: a sleep costs the waker 8 µs, a look 5 ns. Then it naps for a
 * while and looks again, by itself, which costs the producer nothing; only then does it ask to be woken. */
#define SPINS 400
#define NAPS  20
#define NAP_NS 50000
/* A producer that has waited for so long tells why. */
#define PATIENCE_NS 1000000000u

static int futex_wait(uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec t = {ns / 1000000000u, ns % 1000000000u};

	return syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0) < 0 ? -errno : 0;
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Map the buffer twice, back to back: a record never wraps. */
static int map_twice(struct stream *s, int fd, uint64_t size)
{
	char *at = mmap(NULL, 4096 + 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	if (mmap(at, 4096 + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(at + 4096 + size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 4096) == MAP_FAILED) {
		int err = -errno;

		munmap(at, 4096 + 2 * size);
		return err;
	}
	s->ring.h = (struct ring_head *)at;
	s->ring.data = at + 4096;
	s->ring.size = size;
	return 0;
}

int stream_create(struct stream *s, uint64_t size)
{
	uint64_t want = 1u << 20;
	int fd, err;

	while (want < size)
		want *= 2;
	memset(s, 0, sizeof(*s));
	fd = memfd_create("tandem-stream", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, 4096 + want) < 0)
		err = -errno;
	else
		err = map_twice(s, fd, want);
	close(fd);
	if (err)
		return err;
	s->ring.h->magic = RING_MAGIC;
	s->ring.h->version = EVENT_VERSION;
	s->ring.h->size = want;
	return 0;
}

void stream_destroy(struct stream *s)
{
	if (s->ring.h)
		munmap(s->ring.h, 4096 + 2 * s->ring.size);
	s->ring.h = NULL;
}

int stream_add_consumer(struct stream *s)
{
	for (int i = 0; i < RING_CONSUMERS; i++) {
		struct ring_consumer *c = &s->ring.h->consumer[i];

		if (c->state != CONSUMER_NONE)
			continue;
		c->tail = s->ring.h->head;
		__atomic_store_n(&c->state, CONSUMER_ACTIVE, __ATOMIC_RELEASE);
		return i;
	}
	return -ENOSPC;
}

void stream_drop_consumer(struct stream *s, int who)
{
	__atomic_store_n(&s->ring.h->consumer[who].state, CONSUMER_GONE, __ATOMIC_RELEASE);
	futex_wake(&s->ring.h->waiting);
}

uint64_t stream_max(const struct stream *s)
{
	return s->ring.size / 4;
}

void stream_begin(struct stream *s)
{
	ring_rewind(&s->ring);
}

void stream_wait(struct stream *s, const char *why, int slowest, uint64_t *since)
{
	uint64_t t = now_mono(), tail = 0, *at = slowest < 0 ? &tail : &s->ring.h->consumer[slowest].tail;

	*since = *since ? *since : t;
	if (s->on_full && t - *since > PATIENCE_NS)
		s->on_full(s, why, slowest);
	tail = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	__atomic_store_n(&s->ring.h->waiting, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(at, __ATOMIC_SEQ_CST) == tail)
		futex_wait(&s->ring.h->waiting, 1, 20000000);
	s->full_ns += now_mono() - t;
}

struct event *stream_reserve(struct stream *s, uint64_t size)
{
	struct event *e;
	uint64_t since = 0;
	int slowest;

	must(size <= stream_max(s) && size % 8 == 0);
	while (!(e = ring_reserve(&s->ring, size, &slowest)))
		stream_wait(s, "the stream is full", slowest, &since);
	s->bytes += size;
	return e;
}

static void wake_sleepers(struct stream *s)
{
	for (int i = 0; i < RING_CONSUMERS; i++) {
		struct ring_consumer *c = &s->ring.h->consumer[i];

		if (!__atomic_load_n(&c->sleeping, __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&c->sleeping, 0, __ATOMIC_RELAXED);
		__atomic_add_fetch(&c->bell, 1, __ATOMIC_RELEASE);
		futex_wake(&c->bell);
	}
}

void stream_publish(struct stream *s, struct event *e)
{
	e->seq = ++s->ring.h->seq;
	ring_publish(&s->ring, e);
	wake_sleepers(s);
	if (s->on_ahead && s->ahead < s->ring.size &&
	    (s->ring.h->head & (s->ring.size - 1)) + STREAM_AHEAD > s->ahead)
		s->on_ahead(s);
}

void stream_close(struct stream *s)
{
	__atomic_store_n(&s->ring.h->closed, 1, __ATOMIC_RELEASE);
	wake_sleepers(s);
}

/* Say that we sleep, then look once more: the producer may have published in between. */
static void consumer_sleep(struct stream *s, struct ring_consumer *c, uint64_t ns)
{
	uint32_t bell = __atomic_load_n(&c->bell, __ATOMIC_ACQUIRE);

	__atomic_store_n(&c->sleeping, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!ring_peek(&s->ring, c) && !__atomic_load_n(&s->ring.h->closed, __ATOMIC_ACQUIRE))
		futex_wait(&c->bell, bell, min_of(ns, RING_NAP_MS * 1000000ull));
	__atomic_store_n(&c->sleeping, 0, __ATOMIC_RELAXED);
}

struct event *stream_next(struct stream *s, int who, uint64_t ns)
{
	struct ring_consumer *c = &s->ring.h->consumer[who];
	struct event *e = ring_peek(&s->ring, c);
	uint64_t start;

	if (e || !ns)
		return e;
	for (int i = 0; i < SPINS; i++) {
		if ((e = ring_peek(&s->ring, c)))
			return e;
		__builtin_ia32_pause();
	}
	for (int i = 0; i < NAPS && ns > NAP_NS; i++) {
		nap_ns(NAP_NS);
		if ((e = ring_peek(&s->ring, c)))
			return e;
	}
	start = now_mono();
	do {
		consumer_sleep(s, c, ns);
		if ((e = ring_peek(&s->ring, c)))
			return e;
	} while (!stream_ended(s, who) && c->state == CONSUMER_ACTIVE && now_mono() - start < ns);
	return NULL;
}

int stream_kept(struct stream *s, int who, uint32_t store)
{
	for (int i = 0; i < RING_COPIES; i++) {
		uint32_t *slot = &s->ring.h->copying[i], v;

		while ((v = __atomic_load_n(slot, __ATOMIC_ACQUIRE)) == store) {
			if (s->ring.h->consumer[who].state != CONSUMER_ACTIVE)
				return -ECANCELED;
			nap_ns(NAP_NS);
		}
		if (v == (store | RING_LOST))
			return -ENODATA;
	}
	return 0;
}

void stream_release(struct stream *s, int who, const struct event *e)
{
	ring_release(&s->ring, &s->ring.h->consumer[who], e);
	if (__atomic_load_n(&s->ring.h->waiting, __ATOMIC_RELAXED) || stream_ended(s, who)) {
		__atomic_store_n(&s->ring.h->waiting, 0, __ATOMIC_RELAXED);
		futex_wake(&s->ring.h->waiting);
	}
}

bool stream_ended(const struct stream *s, int who)
{
	return __atomic_load_n(&s->ring.h->closed, __ATOMIC_ACQUIRE) &&
	       !ring_peek(&s->ring, (struct ring_consumer *)&s->ring.h->consumer[who]);
}

/* A consumer wakes us at the end, and when it is dropped; not for each event, since nobody says that he waits. */
void stream_drain(struct stream *s)
{
	uint64_t head = s->ring.h->head;
	int slowest;

	__atomic_store_n(&s->ring.h->waiting, 0, __ATOMIC_RELAXED);
	while (ring_slowest(&s->ring, head, &slowest) < head)
		futex_wait(&s->ring.h->waiting, 0, 5000000);
}

