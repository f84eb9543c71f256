/* test_ring.c - one producer, two consumers, and a ring that starts over and fills up: nobody misses an event, and each has
 * the bytes that it was given. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "monitor/stream.h"
#include "tap.h"

#define EVENTS 200000u

static struct stream s;
static uint64_t wrong[2], got[2];

static uint64_t dice(uint64_t *state)
{
	return rng_next(state) >> 33;
}

static void *consume(void *arg)
{
	int who = (int)(intptr_t)arg;
	uint64_t state = who + 1, next = 1;
	struct event *e;

	while (!stream_ended(&s, who)) {
		if (!(e = stream_next(&s, who, 10000000)))
			continue;
		wrong[who] += e->seq != next++ || e->result != (int64_t)(e->seq * 7);
		if (e->size > sizeof(*e))
			wrong[who] += *(uint64_t *)((char *)e + e->size - 8) != e->seq;
		got[who]++;
		if (dice(&state) % 5000 == 0)
			nap_ns(dice(&state) % 3000000);
		stream_release(&s, who, e);
	}
	return NULL;
}

static void produce(void)
{
	uint64_t state = 42;

	for (uint64_t i = 1; i <= EVENTS; i++) {
		uint64_t size = sizeof(struct event) + dice(&state) % 64 * 8;
		struct event *e;

		if (dice(&state) % 1000 == 0)
			size += dice(&state) % 25000 * 8;
		e = stream_reserve(&s, size);
		memset(e, 0, sizeof(*e));
		e->type = EV_CALL;
		e->size = size;
		e->result = i * 7;
		if (size > sizeof(*e))
			*(uint64_t *)((char *)e + size - 8) = i;
		stream_publish(&s, e);
		/* Time to catch up: then it starts over. */
		if (dice(&state) % 300 == 0)
			nap_ns(dice(&state) % 100000);
	}
	stream_close(&s);
}

int main(void)
{
	pthread_t t[2];

	ok(stream_create(&s, 1 << 20) == 0, "a stream");
	for (int i = 0; i < 2; i++)
		ok(stream_add_consumer(&s) == i, "a consumer");
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, consume, (void *)(intptr_t)i);
	produce();
	stream_drain(&s);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		ok(got[i] == EVENTS && !wrong[i], "consumer %d has had all events, %llu of them wrong", i, (unsigned long long)wrong[i]);
	}
	/* Who has caught up does not keep the end of the buffer when the producer starts over. */
	struct event *e;
	stream_destroy(&s);
	ok(stream_create(&s, 1 << 20) == 0 && stream_add_consumer(&s) == 0, "another one");
	for (uint64_t done = 0; done < RING_HOT; done += 4096) {
		e = stream_reserve(&s, 4096);
		memset(e, 0, sizeof(*e));
		e->type = EV_CALL;
		e->size = 4096;
		stream_publish(&s, e);
		stream_release(&s, 0, stream_next(&s, 0, 1));
	}
	for (uint64_t done = 0; done < (1 << 20) - 4096; done += 4096) {
		e = stream_reserve(&s, 4096);
		memset(e, 0, sizeof(*e));
		e->type = EV_CALL;
		e->size = 4096;
		stream_publish(&s, e);
	}
	ok(s.full_ns == 0, "the whole ring is free after it has started over");
	stream_destroy(&s);
	return tap_end();
}
