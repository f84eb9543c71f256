/* story.h - a recording as what its tasks did: for each task its calls, instructions, signals and its death, a step each.
 *
 * A step is 40 bytes: where the event is, and hashes of its values (values.h). The event itself is read again when it is asked for.
 * What is there for followers only (turns, memory) is no step. A call that was published in two events is one step, at the place of
 * its EV_ENTER.
 */
#ifndef TANDEM_WHY_STORY_H
#define TANDEM_WHY_STORY_H

#include "log/reader.h"
#include "why/values.h"

struct step {
	uint64_t did, got;      /* VALUE_DID with the key, VALUE_GOT: what is steady */
	uint32_t itself;        /* what differs by itself */
	uint32_t addresses;     /* ... and is an address */
	uint32_t key;           /* event_key */
	uint32_t seq, left;     /* the event; of an EV_ENTER its EV_LEAVE, or 0 */
};

struct path {
	uint32_t task;          /* logical number */
	struct step *step;
	uint32_t n, room;
	/* While it is read. */
	bool in_call;           /* the step `entered` waits for its EV_LEAVE */
	uint32_t entered;
	struct buf enter;       /* ... of this */
	uint32_t fragments_of;  /* 1 + the step that EV_FRAGMENTs belong to */
	unsigned varying;       /* ... what they hold differs by itself: a bit for each argument */
};

struct story {
	struct log_reader *r;   /* the caller's, who keeps it open */
	struct path *path;      /* by number */
	uint32_t npaths, room;
	uint64_t events;
	uint64_t first_ns;      /* wall clock */
	int status;             /* of EV_END, or -1 */
	bool whole;             /* nothing is missing; else calls that have not returned are no steps */
	struct ids ids;         /* of its tasks */
	uint32_t *slot;         /* by task: 1 + index of its path */
	uint32_t slots;
	struct buf again, joined;
};

/* 0, or -EFBIG: it has more events or tasks than fit. Where the recording is damaged, what comes before. */
int story_read(struct story *s, struct log_reader *r);
void story_free(struct story *s);
/* The path of a task, or NULL. */
const struct path *story_path(const struct story *s, uint32_t task);
/* The step's event; of a call in two events both as one. Valid until the next call for the same story. NULL: it cannot be read any more. */
const struct event *story_event(struct story *s, const struct step *x);

#endif
