/* differences.h - two recordings side by side: for each task which steps are the same in both, and which are not. */
#ifndef TANDEM_WHY_DIFFERENCES_H
#define TANDEM_WHY_DIFFERENCES_H

#include "why/story.h"

enum change_kind {
	CHANGE_VALUES,          /* the same call in both, with other values */
	CHANGE_ONLY_A,
	CHANGE_ONLY_B
};

/* What lies between two changes of a task are pairs, one after the other in both: so a change tells where all the rest is. */
struct change {
	uint64_t order;         /* its place in A's stream */
	uint32_t pair;          /* index of its struct path_pair */
	uint32_t a, b;          /* steps; of the one that does not have it, what comes next there */
	uint8_t kind;           /* enum change_kind */
	bool did, got, itself;  /* CHANGE_VALUES: what differs */
	bool told;              /* the caller's */
};

struct change_counts {
	uint64_t equal, itself; /* pairs: the same (but for addresses), or but for what differs by itself */
	uint64_t did, got;      /* pairs: what the program did differs, or only what it got */
	uint64_t values;        /* ... only what differs by itself, where that is asked for */
	uint64_t only_a, only_b;
	uint64_t beyond;        /* of one, behind the end of the other one, which is cut off: no differences */
};

struct path_pair {
	uint32_t task;
	const struct path *a, *b;      /* one may be NULL */
	uint32_t first, n;             /* its changes */
	struct change_counts counts;
};

struct differences {
	struct path_pair *pair;
	uint32_t npairs;
	struct change *change;         /* by task, in the order of its steps */
	uint32_t nchanges, room;
	uint32_t *order;               /* indices of changes, the first in A's stream first */
	struct change_counts counts;
};

/* `all`: what differs by itself is a difference, too, and so are addresses. */
void differences_find(struct differences *d, const struct story *a, const struct story *b, bool all);
void differences_free(struct differences *d);

/* How many pairs stand before the change in its task, back to the change before it. */
uint32_t pairs_before(const struct differences *d, const struct change *c);

#endif
