/* align.c - see align.h.
 *
 * A common beginning and a common end are taken off first; of most pairs nothing is left. Of what is left, the tokens that
 * are there once in each are anchors, as far as their order is the same (patience): so a block of a hundred thousand calls that
 * only one has does not spoil what comes behind it. Between anchors goes Myers' O(ND) in linear space, by halves, which gives up the
 * shortest answer where it would take more than ALIGN_EFFORT differences to each side, and goes on from the farthest point
 * that it reached.
 */
#define _GNU_SOURCE
#include "why/align.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN_EFFORT = 512 };

struct aligning {
	const uint64_t *a, *b;
	uint32_t *match;
	/* How far each diagonal was followed, from the beginning and from the end. */
	int32_t forth[2 * ALIGN_EFFORT + 3], back[2 * ALIGN_EFFORT + 3];
};

/* ---- Myers ---- */

/* One direction of the search. `from_end`: both sequences are read backwards. */
struct front {
	int32_t *reach;                /* by diagonal, the middle is 0 */
	int low, high;                 /* diagonals that have left the rectangle, on either side */
	bool from_end;
};

static bool same(const struct aligning *s, const struct align_range *r, bool from_end, int32_t x, int32_t y)
{
	return from_end ? s->a[r->a1 - 1 - x] == s->b[r->b1 - 1 - y] : s->a[r->a0 + x] == s->b[r->b0 + y];
}

/* Diagonal `k` with `d` differences: as far as it goes. */
static int32_t follow(const struct aligning *s, const struct align_range *r, struct front *f, int d, int k)
{
	int32_t n = r->a1 - r->a0, m = r->b1 - r->b0, *reach = f->reach, x, y;

	x = k == -d || (k != d && reach[k - 1] < reach[k + 1]) ? reach[k + 1] : reach[k - 1] + 1;
	for (y = x - k; x < n && y < m && same(s, r, f->from_end, x, y); x++)
		y++;
	reach[k] = x;
	if (x > n)
		f->high += 2;
	else if (y > m)
		f->low += 2;
	return x > n || y > m ? -1 : x;
}

/* Whether the other direction has come as far as `x` on that diagonal, its `facing`. */
static bool meets(const struct align_range *r, const struct front *other, int facing, int limit, int32_t x)
{
	int32_t n = r->a1 - r->a0, m = r->b1 - r->b0, theirs;

	if (facing < -limit || facing > limit)
		return false;
	theirs = other->reach[facing];
	return theirs >= 0 && theirs <= n && theirs - facing <= m && x + theirs >= n;
}

/* One round of one direction; true where it met the other one: *ret_x, *ret_y. On which of the two that can happen, the lengths'
 * difference tells. */
static bool advance(const struct aligning *s, const struct align_range *r, struct front *f, const struct front *other, int d,
                    int limit, int32_t *ret_x, int32_t *ret_y)
{
	int32_t n = r->a1 - r->a0, m = r->b1 - r->b0, delta = n - m;
	bool looks = (delta & 1) != f->from_end;

	for (int k = -d + f->low; k <= d - f->high; k += 2) {
		int32_t x = follow(s, r, f, d, k);

		if (!looks || x < 0 || !meets(r, other, delta - k, limit, x))
			continue;
		*ret_x = f->from_end ? n - x : x;
		*ret_y = f->from_end ? m - (x - k) : x - k;
		return true;
	}
	return false;
}

/* Where the search from the beginning has come farthest. */
static void farthest(const struct align_range *r, const struct front *f, int limit, int32_t *ret_x, int32_t *ret_y)
{
	int32_t n = r->a1 - r->a0, m = r->b1 - r->b0, best = -1;

	for (int k = -limit; k <= limit; k++) {
		int32_t x = f->reach[k], y = x - k;

		if (x < 0 || x > n || y < 0 || y > m || x + y <= best)
			continue;
		best = x + y;
		*ret_x = x;
		*ret_y = y;
	}
}

/* A point that a short way through the rectangle passes, not one of its corners. */
static bool middle(struct aligning *s, const struct align_range *r, int32_t *ret_x, int32_t *ret_y)
{
	uint32_t n = r->a1 - r->a0, m = r->b1 - r->b0, half = (n + m + 1) / 2;
	int limit = min_of(half, (uint32_t)ALIGN_EFFORT);
	struct front forth = {s->forth + ALIGN_EFFORT + 1, 0, 0, false}, back = {s->back + ALIGN_EFFORT + 1, 0, 0, true};
	bool met = false;

	memset(s->forth, -1, sizeof(s->forth));
	memset(s->back, -1, sizeof(s->back));
	forth.reach[1] = back.reach[1] = 0;
	for (int d = 0; d <= limit && !met; d++)
		met = advance(s, r, &forth, &back, d, limit, ret_x, ret_y) || advance(s, r, &back, &forth, d, limit, ret_x, ret_y);
	if (!met)
		farthest(r, &forth, limit, ret_x, ret_y);
	return (*ret_x || *ret_y) && ((uint32_t)*ret_x < n || (uint32_t)*ret_y < m);
}

static void trim(struct aligning *s, struct align_range *r)
{
	while (r->a0 < r->a1 && r->b0 < r->b1 && s->a[r->a0] == s->b[r->b0])
		s->match[r->a0++] = r->b0++;
	while (r->a0 < r->a1 && r->b0 < r->b1 && s->a[r->a1 - 1] == s->b[r->b1 - 1])
		s->match[--r->a1] = --r->b1;
}

/* The depth is that of halving ALIGN_EFFORT: what lies behind the point is done by the loop. */
static void align_shortest(struct aligning *s, struct align_range r)
{
	int32_t x = 0, y = 0;

	for (;;) {
		trim(s, &r);
		if (r.a0 == r.a1 || r.b0 == r.b1 || !middle(s, &r, &x, &y))
			return;
		align_shortest(s, (struct align_range){r.a0, r.a0 + x, r.b0, r.b0 + y});
		r.a0 += x;
		r.b0 += y;
	}
}

/* ---- anchors ---- */

struct place { uint64_t token; uint32_t at; };
struct anchor { uint32_t a, b, before; };      /* the one before it in the longest row that it ends */

static int by_token(const void *x, const void *y)
{
	const struct place *p = x, *q = y;

	if (p->token != q->token)
		return p->token < q->token ? -1 : 1;
	return p->at < q->at ? -1 : p->at > q->at;
}

static int by_place(const void *x, const void *y)
{
	const struct anchor *p = x, *q = y;

	return p->a < q->a ? -1 : p->a > q->a;
}

static struct place *places(const uint64_t *token, uint32_t from, uint32_t to)
{
	struct place *p = xmalloc((to - from) * sizeof(*p));

	for (uint32_t i = from; i < to; i++)
		p[i - from] = (struct place){token[i], i};
	qsort(p, to - from, sizeof(*p), by_token);
	return p;
}

/* How many are equal to p[i], from there on. */
static uint32_t run_of(const struct place *p, uint32_t i, uint32_t n)
{
	uint32_t end = i + 1;

	while (end < n && p[end].token == p[i].token)
		end++;
	return end - i;
}

static uint32_t unique_in_both(const struct aligning *s, const struct align_range *r, struct anchor **ret)
{
	uint32_t n = r->a1 - r->a0, m = r->b1 - r->b0, count = 0, ri, rj;
	struct place *p = places(s->a, r->a0, r->a1), *q = places(s->b, r->b0, r->b1);
	struct anchor *found = xmalloc(min_of(n, m) * sizeof(*found));

	for (uint32_t i = 0, j = 0; i < n && j < m;) {
		ri = run_of(p, i, n);
		rj = run_of(q, j, m);
		if (p[i].token == q[j].token && ri == 1 && rj == 1)
			found[count++] = (struct anchor){p[i].at, q[j].at, ALIGN_NONE};
		if (p[i].token <= q[j].token) {
			j += p[i].token == q[j].token ? rj : 0;
			i += ri;
		} else {
			j += rj;
		}
	}
	free(p);
	free(q);
	qsort(found, count, sizeof(*found), by_place);
	*ret = found;
	return count;
}

/* The longest row of anchors whose places rise in both: patience sorting. Returns its length; they come first in `x`. */
static uint32_t rising(struct anchor *x, uint32_t n)
{
	uint32_t *top = xmalloc((n + 1) * sizeof(*top)), longest = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t low = 0, high = longest;

		while (low < high) {
			uint32_t mid = (low + high) / 2;

			if (x[top[mid]].b < x[i].b)
				low = mid + 1;
			else
				high = mid;
		}
		x[i].before = low ? top[low - 1] : ALIGN_NONE;
		top[low] = i;
		longest = max_of(longest, low + 1);
	}
	for (uint32_t i = longest, at = longest ? top[longest - 1] : 0; i--; at = x[at].before)
		top[i] = at;
	for (uint32_t i = 0; i < longest; i++)
		x[i] = x[top[i]];
	free(top);
	return longest;
}

void align(const uint64_t *a, const uint64_t *b, struct align_range r, uint32_t *match)
{
	struct aligning *s = xmalloc(sizeof(*s));
	struct anchor *anchor;
	uint32_t n;

	s->a = a;
	s->b = b;
	s->match = match;
	for (uint32_t i = r.a0; i < r.a1; i++)
		match[i] = ALIGN_NONE;
	trim(s, &r);
	if (r.a0 < r.a1 && r.b0 < r.b1) {
		n = unique_in_both(s, &r, &anchor);
		n = rising(anchor, n);
		for (uint32_t i = 0; i < n; i++) {
			align_shortest(s, (struct align_range){r.a0, anchor[i].a, r.b0, anchor[i].b});
			match[anchor[i].a] = anchor[i].b;
			r.a0 = anchor[i].a + 1;
			r.b0 = anchor[i].b + 1;
		}
		align_shortest(s, r);
		free(anchor);
	}
	free(s);
}
