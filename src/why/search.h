/* search.h - which origins make the outcome another one: by trials, each of which gives some of them other values.
 *
 * A place is one in the program, with all the origins that it brings in; what is of a whole run (another layout, other garbage)
 * is a place with none. A cause is a set of places, nearly always of one, of which none can be left out.
 */
#ifndef TANDEM_WHY_SEARCH_H
#define TANDEM_WHY_SEARCH_H

#include "why/origins.h"

struct place {
	uint64_t id;            /* origin.place */
	uint8_t kind;           /* enum cause_kind */
	uint32_t *origin, n;    /* indices, ascending */
	bool own;               /* in the program itself, or of a whole run; else in a library of its */
	bool found;             /* it is (a part of) a cause */
};

struct trial {
	bool differs;           /* the outcome was another one */
	uint64_t digest;        /* ... which */
	bool early;             /* it could not be followed to its end, and until there the outcome was the same */
	bool rough;             /* it has made calls that could only be answered with an error: what came of them is not like a run */
	bool failed;            /* there is no result: the search ends */
};

struct cause {
	uint32_t *place, nplaces; /* indices: together they change the outcome */
	uint32_t *origin, n;    /* ... with these of their origins, and no fewer */
	int amount;
	uint32_t *with, nwith;  /* it does where these places, causes by themselves, have other values already; mostly none */
	bool early;
};

/* The origins `which` get other values, by `amount`; `exposed`: a bit for each enum cause_kind of a whole run. */
typedef struct trial search_try(void *ctx, const uint32_t *which, uint32_t n, int amount, unsigned exposed);

struct search {
	struct place *place;
	uint32_t nplaces;
	search_try *attempt;
	void *ctx;
	struct cause *cause;
	uint32_t ncauses, room;
	uint32_t trials;
	bool failed;
	uint32_t *unclear, nunclear; /* places whose other values lead where no replay can follow, with the outcome the same until there */
};

/* All causes, into x->cause. */
void search(struct search *x);
void search_free(struct search *x);

#endif
