/* ring.h - the stream in shared memory: one producer, up to RING_CONSUMERS consumers.
 *
 * The ring is a header page and a power-of-two buffer that is mapped twice, back to back, so that a
 * record never wraps. Positions are 64-bit and only grow; position modulo size is the place.
 *
 * The producer waits for nobody but for space. Consumers sleep on the futex word `bell` of their
 * own slot after they have spun for a while; the producer wakes only those that say they sleep.
 * A full fence per event would cost the leader up to 120 ns, so there is none: a consumer that
 * goes to sleep announces it, fences, and looks once more; and it never sleeps longer than
 * RING_NAP_MS, so that a wake lost to the missing fence costs a nap, not a hang.
 *
 * A ring of megabytes that is walked through from end to end misses every cache, and faults for every page
 * of its first round. So when all consumers have caught up, and the head is past RING_HOT, the producer
 * publishes an EV_PAD that reaches to the end of the buffer, and goes on at its beginning: as long as nobody
 * lags, only that beginning is ever touched.
 *
 * Freestanding: the waiting itself is the caller's.
 */
#ifndef TANDEM_RING_H
#define TANDEM_RING_H

#include "abi/event.h"

#define RING_MAGIC     0x676e697264746e74u     /* "tntdring" */
#define RING_CONSUMERS 16
#define RING_NAP_MS    50
#define RING_HOT       (512u << 10)
#define RING_COPIES    8
#define RING_LOST      (1u << 31)

enum consumer_state { CONSUMER_NONE, CONSUMER_ACTIVE, CONSUMER_GONE };

struct ring_consumer {
	uint64_t tail;          /* written by the consumer, release: everything before is free; see ring_rewind */
	uint32_t state;         /* written by the coordinator and the consumer: enum consumer_state */
	uint32_t sleeping;      /* written by the consumer: wants the bell */
	uint32_t bell;          /* written by whoever wakes the consumer: futex word */
	uint32_t pid;           /* of the consumer, written by the coordinator */
	uint64_t events;        /* consumed, written by the consumer, for progress */
	uint8_t  pad[32];
};
_Static_assert(sizeof(struct ring_consumer) == 64, "a cache line per consumer");

struct ring_head {
	uint64_t magic;
	uint64_t size;          /* of the buffer, bytes */
	uint32_t version;
	uint32_t producer;      /* pid of the producer, whose store the events name */
	/* written by the producer: stores whose bytes are still being copied, 0 for none; with RING_LOST: it
	 * could not be done. Set before an event names the store. */
	uint32_t copying[RING_COPIES];
	uint8_t  pad0[8];
	uint64_t head;          /* written by the producer, release: everything before may be read */
	uint64_t seq;           /* written by the producer: last sequence number */
	uint32_t waiting;       /* written by the producer: it waits for space; futex word */
	uint32_t closed;        /* written by the producer: no more events will come */
	uint8_t  pad1[40];
	struct ring_consumer consumer[RING_CONSUMERS];
};
_Static_assert(offsetof(struct ring_head, head) == 64, "head has a cache line of its own");
_Static_assert(sizeof(struct ring_head) <= 4096, "the header is one page");

struct ring {
	struct ring_head *h;
	char *data;             /* size bytes, mapped twice */
	uint64_t size;
};

/* The slowest live consumer's position; `head` when there is none. */
static inline uint64_t ring_slowest(const struct ring *r, uint64_t head, int *ret_who)
{
	uint64_t min = head;

	*ret_who = -1;
	for (int i = 0; i < RING_CONSUMERS; i++) {
		const struct ring_consumer *c = &r->h->consumer[i];

		if (__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != CONSUMER_ACTIVE)
			continue;
		uint64_t tail = __atomic_load_n(&c->tail, __ATOMIC_ACQUIRE);
		if (tail < min || *ret_who < 0) {
			min = tail < min ? tail : min;
			*ret_who = i;
		}
	}
	return min;
}

/* Back to the beginning of the buffer, if nobody minds. Who has caught up is moved over the rest of it: or that would be
 * taken until a consumer looks again, which on a busy machine may be much later than the producer needs it. */
static inline void ring_rewind(struct ring *r)
{
	uint64_t head = r->h->head, at = head & (r->size - 1), tail;
	struct event *pad = (struct event *)(r->data + at);
	int who;

	if (at < RING_HOT || r->size - at < sizeof(*pad) || r->size - at > UINT32_MAX ||
	    ring_slowest(r, head, &who) != head)
		return;
	*pad = (struct event){.type = EV_PAD, .size = (uint32_t)(r->size - at)};
	__atomic_store_n(&r->h->head, head + (r->size - at), __ATOMIC_RELEASE);
	for (int i = 0; i < RING_CONSUMERS; i++) {
		tail = head;
		__atomic_compare_exchange_n(&r->h->consumer[i].tail, &tail, head + (r->size - at), 0, __ATOMIC_ACQ_REL,
		                            __ATOMIC_RELAXED);
	}
}

/* Place for a record of `size` bytes at the head, or NULL while the ring is full. */
static inline struct event *ring_reserve(struct ring *r, uint64_t size, int *ret_who)
{
	uint64_t head = r->h->head;

	if (head + size - ring_slowest(r, head, ret_who) > r->size)
		return NULL;
	return (struct event *)(r->data + (head & (r->size - 1)));
}

/* Make the record at the head visible. Whoever sleeps is to be woken by the caller. */
static inline void ring_publish(struct ring *r, const struct event *e)
{
	__atomic_store_n(&r->h->head, r->h->head + e->size, __ATOMIC_RELEASE);
}

/* The event at a consumer's tail, or NULL. It stays valid until ring_release. */
static inline struct event *ring_peek(const struct ring *r, struct ring_consumer *c)
{
	struct event *e;
	uint64_t tail;
	uint32_t size;
	uint16_t type;

	for (;;) {
		tail = __atomic_load_n(&c->tail, __ATOMIC_ACQUIRE);
		if (__atomic_load_n(&r->h->head, __ATOMIC_ACQUIRE) == tail)
			return NULL;
		e = (struct event *)(r->data + (tail & (r->size - 1)));
		type = __atomic_load_n(&e->type, __ATOMIC_RELAXED);
		size = __atomic_load_n(&e->size, __ATOMIC_RELAXED);
		/* Moved meanwhile: what was read may be something else by now. */
		if (__atomic_load_n(&c->tail, __ATOMIC_ACQUIRE) != tail)
			continue;
		if (type != EV_PAD)
			return e;
		__atomic_compare_exchange_n(&c->tail, &tail, tail + size, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
}

static inline void ring_release(struct ring *r, struct ring_consumer *c, const struct event *e)
{
	(void)r;
	c->events++;
	__atomic_store_n(&c->tail, c->tail + e->size, __ATOMIC_RELEASE);
}

#endif
