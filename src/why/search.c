/* search.c - see search.h.
 *
 * First each place by itself, by one amount after the other: so what cancels out together is found. Then all that had no effect at
 * once: so what matters only together is found, and is narrowed down by delta debugging (Zeller and Hildebrandt, "Simplifying and
 * isolating failure-inducing input", 2002). Then the same where the causes have other values already: what they have hidden shows.
 */
#include "why/search.h"

#include <stdlib.h>
#include <string.h>

enum {
	SINGLES = 64,           /* so many places are tried one by one; where there are more... */
	GROUPS = 16             /* ... so many groups of them */
};

/* What a set of places is tried with. */
struct setting {
	struct search *x;
	int amount;
	const uint32_t *base;   /* places that have other values, too */
	uint32_t nbase;
	uint64_t digest;        /* what comes of those alone: an effect is another outcome than that */
};

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static struct trial try_origins(struct search *x, uint32_t *list, uint32_t n, int amount, unsigned exposed)
{
	struct trial r;

	if (n)
		qsort(list, n, sizeof(*list), by_number);
	r = x->attempt(x->ctx, list, n, amount, exposed);
	x->trials++;
	x->failed |= r.failed;
	return r;
}

static uint32_t *gather(const struct search *x, const uint32_t *places, uint32_t n, uint32_t *list, uint32_t *count, unsigned *exposed)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct place *s = &x->place[places[i]];

		list = xrealloc(list, (*count + s->n + 1) * sizeof(*list));
		if (s->n)
			memcpy(list + *count, s->origin, s->n * sizeof(*list));
		*count += s->n;
		*exposed |= s->kind >= CAUSE_AUXV ? 1u << s->kind : 0;
	}
	return list;
}

static bool has_effect(const struct setting *w, const struct trial *r)
{
	return w->nbase ? !r->early && !r->rough && r->digest != w->digest : r->differs;
}

/* All origins of these places. */
static struct trial try_places(const struct setting *w, const uint32_t *places, uint32_t n)
{
	uint32_t count = 0, *list;
	unsigned exposed = 0;
	struct trial r;

	list = gather(w->x, places, n, NULL, &count, &exposed);
	list = gather(w->x, w->base, w->nbase, list, &count, &exposed);
	r = try_origins(w->x, list, count, w->amount, exposed);
	free(list);
	return r;
}

/* ---- delta debugging ---- */

typedef bool still_fails(void *ctx, const uint32_t *item, uint32_t n);

/* Leaves of item[0..n) a set of which nothing can be left out (one by one); returns how many. */
static uint32_t minimize(uint32_t *item, uint32_t n, still_fails *fails, void *ctx)
{
	uint32_t *rest = xmalloc((n + 1) * sizeof(*rest));

	for (uint32_t parts = 2; n > 1; ) {
		bool smaller = false;

		for (uint32_t i = 0; i < parts && !smaller; i++) {
			uint32_t from = (uint64_t)n * i / parts, to = (uint64_t)n * (i + 1) / parts, k = 0;

			for (uint32_t j = 0; j < n; j++)
				if (j < from || j >= to)
					rest[k++] = item[j];
			if (to - from > 1 && fails(ctx, item + from, to - from)) {
				memmove(item, item + from, (to - from) * sizeof(*item));
				n = to - from;
				parts = 2;
				smaller = true;
			} else if (to > from && k && fails(ctx, rest, k)) {
				memcpy(item, rest, k * sizeof(*item));
				n = k;
				parts = max_of(parts - 1, 2u);
				smaller = true;
			}
		}
		if (smaller)
			continue;
		if (parts >= n)
			break;
		parts = min_of(parts * 2, n);
	}
	free(rest);
	return n;
}

static bool places_fail(void *ctx, const uint32_t *place, uint32_t n)
{
	struct setting *w = ctx;
	struct trial r = try_places(w, place, n);

	return !r.failed && has_effect(w, &r);
}

static bool origins_fail(void *ctx, const uint32_t *origin, uint32_t n)
{
	struct setting *w = ctx;
	unsigned exposed = 0;
	uint32_t count = n, *list = xmalloc((n + 1) * sizeof(*list));
	struct trial r;

	memcpy(list, origin, n * sizeof(*list));
	list = gather(w->x, w->base, w->nbase, list, &count, &exposed);
	r = try_origins(w->x, list, count, w->amount, exposed);
	free(list);
	return !r.failed && has_effect(w, &r);
}

/* ---- causes ---- */

static void add_cause(const struct setting *w, const uint32_t *places, uint32_t n)
{
	struct search *x = w->x;
	struct cause *c;
	unsigned exposed = 0;

	x->cause = xgrow(x->cause, &x->room, x->ncauses, sizeof(*x->cause));
	c = &x->cause[x->ncauses++];
	*c = (struct cause){.amount = w->amount, .nplaces = n, .nwith = w->nbase};
	c->place = xmalloc(n * sizeof(*c->place));
	memcpy(c->place, places, n * sizeof(*c->place));
	if (w->nbase) {
		c->with = xmalloc(w->nbase * sizeof(*c->with));
		memcpy(c->with, w->base, w->nbase * sizeof(*c->with));
	}
	for (uint32_t i = 0; i < n; i++)
		x->place[places[i]].found = true;
	c->origin = gather(x, places, n, NULL, &c->n, &exposed);
	/* Garbage, layouts: there is nothing to leave out. */
	if (!exposed && c->n > 1)
		c->n = minimize(c->origin, c->n, origins_fail, (void *)w);
}

static void add_unclear(struct search *x, uint32_t place)
{
	for (uint32_t i = 0; i < x->nunclear; i++)
		if (x->unclear[i] == place)
			return;
	x->unclear = xrealloc(x->unclear, (x->nunclear + 1) * sizeof(*x->unclear));
	x->unclear[x->nunclear++] = place;
}

/* Numbers that name something: a run that gets others gets others everywhere. */
enum family { NO_FAMILY, IDS, FILE_NUMBERS, FAMILIES };

static enum family family_of(const struct place *s)
{
	return s->kind == CAUSE_PID || s->kind == CAUSE_TID ? IDS : s->kind == CAUSE_INODE ? FILE_NUMBERS : NO_FAMILY;
}

/* How places are tried. */
enum manner {
	SINGLY,                 /* by itself, by whatever amount: time may be compared with time, and then it matters which one moves */
	GROUPED,
	AS_A_RUN                /* another layout, other garbage: by itself, several times, since not every one of them shows */
};

static enum manner manner_of(const struct place *s)
{
	switch (s->kind) {
	case CAUSE_AUXV: case CAUSE_LAYOUT: case CAUSE_UNINIT:
		return AS_A_RUN;
	case CAUSE_FILE_TIME: case CAUSE_INODE: case CAUSE_DIRECTORY: case CAUSE_HOST: case CAUSE_FILE:
		return GROUPED;
	default:
		return s->own ? SINGLY : GROUPED;
	}
}

static bool is_one(const uint32_t *list, uint32_t n, uint32_t what)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == what)
			return true;
	return false;
}

/* Places without an effect so far, and of which that could be seen; of families only those that matter. */
static uint32_t list_untried(const struct search *x, enum manner manner, const bool *matter, uint32_t *list)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->nplaces; i++)
		if (!x->place[i].found && manner_of(&x->place[i]) == manner && matter[family_of(&x->place[i])] &&
		    !is_one(x->unclear, x->nunclear, i))
			list[n++] = i;
	return n;
}

/* Whether other numbers of a family matter at all. Where a program only sees that two of them agree, they still do when all are
 * others. */
static bool family_matters(const struct setting *w, enum family family, uint32_t *list)
{
	uint32_t n = 0;
	struct trial r;

	for (uint32_t i = 0; i < w->x->nplaces; i++)
		if (family_of(&w->x->place[i]) == family)
			list[n++] = i;
	if (!n || family == NO_FAMILY)
		return true;
	r = try_places(w, list, n);
	return r.differs || r.early;
}

/* A group without an effect has none that any of it has, unless they cancel out: groups are of one where there is time for that. */
static void try_group(const struct setting *w, const uint32_t *list, uint32_t n)
{
	struct trial r = try_places(w, list, n);

	if (w->x->failed || (!r.differs && !r.early))
		return;
	if (n > 1) {
		try_group(w, list, n / 2);
		try_group(w, list + n / 2, n - n / 2);
	} else if (r.differs) {
		add_cause(w, list, 1);
	} else {
		add_unclear(w->x, *list);
	}
}

static void try_groups(const struct setting *w, const uint32_t *list, uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n && !w->x->failed; i += size)
		try_group(w, list + i, min_of(size, n - i));
}

/* Of a program with so many places that there is no time to try each, groups are; and what has no effect is not tried again one by one with
 * larger changes, unless all of it together has an effect. */
static void try_singly(struct search *x, int amount)
{
	struct setting w = {.x = x, .amount = amount};
	uint32_t *list = xmalloc((x->nplaces + 1) * sizeof(*list)), n;
	bool matter[FAMILIES];

	for (int family = 0; family < FAMILIES; family++)
		matter[family] = family_matters(&w, family, list);
	n = list_untried(x, SINGLY, matter, list);
	try_groups(&w, list, n, n <= SINGLES ? 1 : amount ? n : n / GROUPS);
	n = list_untried(x, GROUPED, matter, list);
	try_groups(&w, list, n, amount ? max_of(n, 1u) : n <= SINGLES ? 1 : n / GROUPS);
	n = list_untried(x, AS_A_RUN, matter, list);
	try_groups(&w, list, n, 1);
	free(list);
}

/* Places that are to be tried in sets: what is of a whole run is not, since it is not the same twice. */
static uint32_t list_places(const struct search *x, bool found, uint32_t *list)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->nplaces; i++)
		if (x->place[i].found == found && x->place[i].kind < CAUSE_AUXV && !is_one(x->unclear, x->nunclear, i))
			list[n++] = i;
	return n;
}

/* Those without an effect, together; whatever set has one is a cause, and the rest is tried again. */
static void try_together(const struct setting *w)
{
	uint32_t *list = xmalloc((w->x->nplaces + 1) * sizeof(*list)), n;

	while (!w->x->failed && (n = list_places(w->x, false, list)) > !w->nbase && places_fail((void *)w, list, n)) {
		n = minimize(list, n, places_fail, (void *)w);
		add_cause(w, list, n);
	}
	free(list);
}

static void try_beside_causes(struct search *x, int amount)
{
	uint32_t *base = xmalloc((x->nplaces + 1) * sizeof(*base)), n = list_places(x, true, base);
	struct setting w = {.x = x, .amount = amount, .base = base, .nbase = n};
	struct trial r, again;

	if (n) {
		r = try_places(&w, NULL, 0);
		again = try_places(&w, NULL, 0);
		w.digest = r.digest;
		/* What comes out otherwise by itself tells nothing. */
		if (!r.early && !r.rough && !r.failed && again.digest == r.digest)
			try_together(&w);
	}
	free(base);
}

void search(struct search *x)
{
	for (int amount = 0; amount < AMOUNTS && !x->failed; amount++)
		try_singly(x, amount);
	for (int amount = 0; amount < AMOUNTS && !x->failed; amount++)
		try_together(&(struct setting){.x = x, .amount = amount});
	for (int amount = 0; amount < AMOUNTS && !x->failed; amount++)
		try_beside_causes(x, amount);
}

void search_free(struct search *x)
{
	for (uint32_t i = 0; i < x->ncauses; i++) {
		free(x->cause[i].place);
		free(x->cause[i].origin);
		free(x->cause[i].with);
	}
	for (uint32_t i = 0; i < x->nplaces; i++)
		free(x->place[i].origin);
	free(x->place);
	free(x->cause);
	free(x->unclear);
}
