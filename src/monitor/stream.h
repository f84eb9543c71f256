/* stream.h - the ring of a run, for processes with a libc: making it, waiting on it.
 *
 * The coordinator makes the stream and forks; producer and consumers inherit the mapping. No name
 * exists for it anywhere, so nothing stays behind however the processes end.
 */
#ifndef TANDEM_STREAM_H
#define TANDEM_STREAM_H

#include "abi/ring.h"
#include "base/base.h"

#define STREAM_AHEAD (256u << 10)

struct stream {
	struct ring ring;
	/* Called while the producer waits for longer than it has patience, with the reason; may drop a consumer. */
	void (*on_full)(struct stream *s, const char *why, int slowest);
	/* Called when less than STREAM_AHEAD bytes of memory that has been touched lie before the producer; may touch
	 * more, from `ahead` on. */
	void (*on_ahead)(struct stream *s);
	uint64_t ahead;         /* offset in the buffer */
	uint64_t bytes;         /* of all events so far */
	uint64_t full_ns;       /* time the producer has waited for space, ns */
	bool warned;
};

/* `size` is rounded up to a power of two of at least 1 MiB. Returns 0 or -errno. */
int stream_create(struct stream *s, uint64_t size);
void stream_destroy(struct stream *s);

/* A slot for a new consumer, which sees everything from now on. -ENOSPC when all are taken. */
int stream_add_consumer(struct stream *s);
void stream_drop_consumer(struct stream *s, int who);

/* An event is about to be built: from here on the ring's head is where it will be. */
void stream_begin(struct stream *s);
/* Wait a little, at most 20 ms, for consumer `slowest` (-1: for nobody) to go on; *since is 0 at first, and keeps when that began:
 * after a second on_full is called, each time, with `why` as the reason. */
void stream_wait(struct stream *s, const char *why, int slowest, uint64_t *since);
/* Place for `size` bytes; waits until there is room. Never NULL; `size` is at most a quarter of
 * the ring, which stream_max tells. */
struct event *stream_reserve(struct stream *s, uint64_t size);
uint64_t stream_max(const struct stream *s);

/* Publish the reserved event: gives it its number and wakes the consumers that sleep. */
void stream_publish(struct stream *s, struct event *e);
void stream_close(struct stream *s);

/* The next event for consumer `who`, or NULL. Waits up to `ns` (0: does not wait). */
struct event *stream_next(struct stream *s, int who, uint64_t ns);
void stream_release(struct stream *s, int who, const struct event *e);

/* Consumer `who` is about to use the store's descriptor `store`: waits until the producer has copied what
 * belongs there. 0, -ENODATA when it could not, -ECANCELED when the consumer is to end. */
int stream_kept(struct stream *s, int who, uint32_t store);
/* Whether the producer has closed the stream and `who` has consumed all of it. */
bool stream_ended(const struct stream *s, int who);
/* Wait until all consumers have caught up, or are gone. */
void stream_drain(struct stream *s);

#endif
