/* differences.c - see differences.h.
 *
 * Steps are aligned twice. First as what the program did: call, arguments, bytes that it gave, without what differs by itself; so a call
 * that got another answer stands beside its like. Then, in the gaps that this leaves, as mere calls, so that one with other
 * arguments does, too. For one task at a time that takes 12 bytes a step beside the stories, and what align.h says.
 */
#define _GNU_SOURCE
#include "why/differences.h"

#include <stdlib.h>
#include <string.h>

#include "why/align.h"

struct comparing {
	struct differences *d;
	struct path_pair *p;
	const struct step *a, *b;
	uint32_t na, nb;
	uint32_t *match;
	bool all;
	uint32_t end_a, end_b;         /* what comes from there on has no like since the other one is cut off */
};

static uint64_t *tokens(const struct step *x, uint32_t n, bool keys)
{
	uint64_t *t = xmalloc(((size_t)n + 1) * sizeof(*t));

	for (uint32_t i = 0; i < n; i++)
		t[i] = keys ? x[i].key : x[i].did;
	return t;
}

/* The next pair from `*i` on, or the end of both. */
static struct align_range gap_at(const struct comparing *c, uint32_t i, uint32_t j)
{
	struct align_range r = {i, i, j, c->nb};

	while (r.a1 < c->na && c->match[r.a1] == ALIGN_NONE)
		r.a1++;
	if (r.a1 < c->na)
		r.b1 = c->match[r.a1];
	return r;
}

static void align_gaps(struct comparing *c, const uint64_t *a, const uint64_t *b)
{
	uint32_t i = 0, j = 0;

	for (;;) {
		struct align_range r = gap_at(c, i, j);

		if (r.a0 < r.a1 && r.b0 < r.b1)
			align(a, b, r, c->match);
		if (r.a1 == c->na)
			return;
		i = r.a1 + 1;
		j = r.b1 + 1;
	}
}

static void align_steps(struct comparing *c)
{
	for (int keys = 0; keys < 2; keys++) {
		uint64_t *a = tokens(c->a, c->na, keys), *b = tokens(c->b, c->nb, keys);

		if (keys)
			align_gaps(c, a, b);
		else
			align(a, b, (struct align_range){0, c->na, 0, c->nb}, c->match);
		free(a);
		free(b);
	}
}

/* ---- what differs ---- */

/* What only B has goes behind the step before it; a task that A does not have goes to the end. */
static uint64_t order_of(const struct comparing *c, uint32_t a, int kind)
{
	if (kind != CHANGE_ONLY_B)
		return 2 * (uint64_t)c->a[a].seq;
	if (a)
		return 2 * (uint64_t)c->a[a - 1].seq + 1;
	return c->na ? 2 * (uint64_t)c->a[0].seq - 1 : UINT64_MAX;
}

static struct change *add_change(struct comparing *c, int kind, uint32_t a, uint32_t b)
{
	struct differences *d = c->d;

	if (d->nchanges == d->room) {
		d->room = d->room ? d->room * 2 : 64;
		d->change = xrealloc(d->change, d->room * sizeof(*d->change));
	}
	d->change[d->nchanges] = (struct change){.order = order_of(c, a, kind), .pair = c->p - d->pair, .a = a, .b = b, .kind = kind};
	return &d->change[d->nchanges++];
}

static void add_pair(struct comparing *c, uint32_t i, uint32_t j)
{
	const struct step *a = &c->a[i], *b = &c->b[j];
	struct change_counts *n = &c->p->counts;
	bool did = a->did != b->did, got = a->got != b->got;
	bool itself = a->itself != b->itself || (c->all && a->addresses != b->addresses);
	struct change *x;

	n->did += did;
	n->got += got && !did;
	n->values += c->all && itself && !did && !got;
	n->itself += !c->all && itself && !did && !got;
	n->equal += !itself && !did && !got;
	if (!did && !got && !(c->all && itself))
		return;
	x = add_change(c, CHANGE_VALUES, i, j);
	x->did = did;
	x->got = got;
	x->itself = itself;
}

static void add_only(struct comparing *c, int kind, uint32_t i, uint32_t j)
{
	struct change_counts *n = &c->p->counts;
	bool beyond = kind == CHANGE_ONLY_A ? i >= c->end_a : j >= c->end_b;

	if (beyond) {
		n->beyond++;
		return;
	}
	n->only_a += kind == CHANGE_ONLY_A;
	n->only_b += kind == CHANGE_ONLY_B;
	add_change(c, kind, i, j);
}

/* Behind the last pair the longer one has its like only as far as the one that is cut off goes. */
static void find_ends(struct comparing *c, const struct story *a, const struct story *b)
{
	uint32_t i = c->na, j, rest_a, rest_b;

	while (i && c->match[i - 1] == ALIGN_NONE)
		i--;
	j = i ? c->match[i - 1] + 1 : 0;
	rest_a = c->na - i;
	rest_b = c->nb - j;
	c->end_a = b->whole ? c->na : i + min_of(rest_a, rest_b);
	c->end_b = a->whole ? c->nb : j + min_of(rest_a, rest_b);
}

static void add_steps(struct comparing *c)
{
	for (uint32_t i = 0, j = 0; i < c->na || j < c->nb;) {
		if (i < c->na && c->match[i] == ALIGN_NONE)
			add_only(c, CHANGE_ONLY_A, i++, j);
		else if (i < c->na && c->match[i] == j)
			add_pair(c, i++, j++);
		else
			add_only(c, CHANGE_ONLY_B, i, j++);
	}
}

static void compare_paths(struct comparing *c, const struct story *a, const struct story *b)
{
	c->a = c->p->a ? c->p->a->step : NULL;
	c->b = c->p->b ? c->p->b->step : NULL;
	c->na = c->p->a ? c->p->a->n : 0;
	c->nb = c->p->b ? c->p->b->n : 0;
	c->match = xmalloc(((size_t)c->na + 1) * sizeof(*c->match));
	c->p->first = c->d->nchanges;
	align_steps(c);
	find_ends(c, a, b);
	add_steps(c);
	c->p->n = c->d->nchanges - c->p->first;
	free(c->match);
}

/* ---- */

static void list_pairs(struct differences *d, const struct story *a, const struct story *b)
{
	uint32_t most = max_of(a->slots, b->slots);

	d->pair = xcalloc((size_t)a->npaths + b->npaths + 1, sizeof(*d->pair));
	for (uint32_t task = 0; task < most; task++) {
		const struct path *x = story_path(a, task), *y = story_path(b, task);

		if (x || y)
			d->pair[d->npairs++] = (struct path_pair){.task = task, .a = x, .b = y};
	}
}

static int by_order(const void *x, const void *y, void *ctx)
{
	const struct differences *d = ctx;
	uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;

	if (d->change[i].order != d->change[j].order)
		return d->change[i].order < d->change[j].order ? -1 : 1;
	return i < j ? -1 : i > j;
}

static void add_counts(struct change_counts *to, const struct change_counts *n)
{
	to->equal += n->equal;
	to->itself += n->itself;
	to->did += n->did;
	to->got += n->got;
	to->values += n->values;
	to->only_a += n->only_a;
	to->only_b += n->only_b;
	to->beyond += n->beyond;
}

void differences_find(struct differences *d, const struct story *a, const struct story *b, bool all)
{
	struct comparing c = {.d = d, .all = all};

	*d = (struct differences){0};
	list_pairs(d, a, b);
	for (uint32_t i = 0; i < d->npairs; i++) {
		c.p = &d->pair[i];
		compare_paths(&c, a, b);
		add_counts(&d->counts, &c.p->counts);
	}
	d->order = xmalloc(((size_t)d->nchanges + 1) * sizeof(*d->order));
	for (uint32_t i = 0; i < d->nchanges; i++)
		d->order[i] = i;
	qsort_r(d->order, d->nchanges, sizeof(*d->order), by_order, d);
}

void differences_free(struct differences *d)
{
	free(d->pair);
	free(d->change);
	free(d->order);
}

uint32_t pairs_before(const struct differences *d, const struct change *c)
{
	const struct change *before = c - 1;

	if (c == &d->change[d->pair[c->pair].first])
		return min_of(c->a, c->b);
	return c->a - before->a - (before->kind != CHANGE_ONLY_B);
}
