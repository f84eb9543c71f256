/* test_search.c - the search for causes: against programs that are a formula, what is found is exactly what matters. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tap.h"
#include "why/search.h"

enum { PLACES = 12 };

/* What a program makes of its values: bit i of `moved` is set where that of place i is another one. */
struct program {
	uint64_t (*outcome)(uint64_t moved, int amount, unsigned exposed);
	uint32_t tries;
	uint32_t early;         /* a place whose other value leads nowhere, from 1 */
};

static struct trial attempt(void *ctx, const uint32_t *which, uint32_t n, int amount, unsigned exposed)
{
	struct program *p = ctx;
	uint64_t moved = 0, now;

	for (uint32_t i = 0; i < n; i++)
		moved |= 1ull << which[i];
	p->tries++;
	if (p->early && moved >> (p->early - 1) & 1)
		return (struct trial){.early = true};
	now = p->outcome(moved, amount, exposed);
	return (struct trial){.differs = now != p->outcome(0, amount, 0), .digest = now != p->outcome(0, amount, 0) ? now | 1ull << 63 : 0};
}

static void begin(struct search *x, struct program *p, int kind)
{
	*x = (struct search){.attempt = attempt, .ctx = p, .nplaces = PLACES};
	x->place = xcalloc(PLACES, sizeof(*x->place));
	for (uint32_t i = 0; i < PLACES; i++) {
		x->place[i] = (struct place){.id = i, .kind = kind, .n = 1, .own = true};
		x->place[i].origin = xmalloc(sizeof(uint32_t));
		*x->place[i].origin = i;
	}
}

/* Causes as text: "3 5+7 8(3)": place 3; 5 and 7 together; 8 where 3 is moved, too. */
static char *found(const struct search *x)
{
	struct buf b = {0};

	for (uint32_t i = 0; i < x->ncauses; i++) {
		const struct cause *c = &x->cause[i];

		if (i)
			buf_putc(&b, ' ');
		for (uint32_t k = 0; k < c->nplaces; k++)
			buf_printf(&b, "%s%u", k ? "+" : "", c->place[k]);
		if (c->nwith)
			buf_printf(&b, "(%u)", c->with[0]);
	}
	return b.at ? b.at : xstrdup("");
}

static void expect(const char *what, uint64_t (*outcome)(uint64_t, int, unsigned), int kind, const char *want, uint32_t most)
{
	struct program p = {.outcome = outcome};
	struct search x;
	char *got;

	begin(&x, &p, kind);
	search(&x);
	got = found(&x);
	ok(!strcmp(got, want), "%s: %s", what, *want ? want : "nothing");
	if (strcmp(got, want))
		printf("# got: %s\n", got);
	ok(p.tries <= most, "... in %u trials, at most %u", p.tries, most);
	free(got);
	search_free(&x);
}

static bool bit(uint64_t moved, int i)
{
	return moved >> i & 1;
}

static uint64_t nothing(uint64_t moved, int amount, unsigned exposed)
{
	(void)moved, (void)amount, (void)exposed;
	return 7;
}
static uint64_t one(uint64_t moved, int amount, unsigned exposed)
{
	(void)amount, (void)exposed;
	return bit(moved, 3);
}
static uint64_t xored(uint64_t moved, int amount, unsigned exposed)
{
	(void)amount, (void)exposed;
	return bit(moved, 2) ^ bit(moved, 9);
}
static uint64_t both(uint64_t moved, int amount, unsigned exposed)
{
	(void)amount, (void)exposed;
	return bit(moved, 1) && bit(moved, 10);
}
static uint64_t three(uint64_t moved, int amount, unsigned exposed)
{
	(void)amount, (void)exposed;
	return bit(moved, 1) && bit(moved, 5) && bit(moved, 10);
}
static uint64_t hidden(uint64_t moved, int amount, unsigned exposed)
{
	(void)amount, (void)exposed;
	return bit(moved, 4) ? 1 + bit(moved, 6) : 0;
}
static uint64_t a_day(uint64_t moved, int amount, unsigned exposed)
{
	(void)exposed;
	return amount == 2 && bit(moved, 0);
}
/* They differ from each other by what is moved: all of them together do not. */
static uint64_t agree(uint64_t moved, int amount, unsigned exposed)
{
	(void)amount, (void)exposed;
	return bit(moved, 0) != bit(moved, 1);
}

static void test_library(void)
{
	struct program p = {.outcome = a_day};
	struct search x;
	char *got;

	begin(&x, &p, CAUSE_TIME);
	for (uint32_t i = 0; i < PLACES; i++)
		x.place[i].own = false;
	search(&x);
	got = found(&x);
	ok(!strcmp(got, "0"), "a place in a library: found among all others");
	ok(p.tries <= 40, "... in %u trials", p.tries);
	free(got);
	search_free(&x);
}

static void test_many_times(void)
{
	struct program p = {.outcome = xored};
	struct search x;

	/* All are passed at one place. */
	begin(&x, &p, CAUSE_RANDOM);
	x.place[0].origin = xrealloc(x.place[0].origin, PLACES * sizeof(uint32_t));
	for (uint32_t i = 0; i < PLACES; i++)
		x.place[0].origin[i] = i;
	x.place[0].n = PLACES;
	for (uint32_t i = 1; i < PLACES; i++)
		x.place[i].n = 0;
	p.outcome = one;
	search(&x);
	ok(x.ncauses == 1 && x.cause[0].n == 1 && x.cause[0].origin[0] == 3, "twelve times the same place: the fourth is enough");
	search_free(&x);
}

static void test_early(void)
{
	struct program p = {.outcome = one, .early = 6};
	struct search x;
	char *got;

	begin(&x, &p, CAUSE_TIME);
	search(&x);
	got = found(&x);
	ok(!strcmp(got, "3") && x.nunclear == 1 && x.unclear[0] == 5, "what leads where no replay follows is unclear, and no cause");
	free(got);
	search_free(&x);
}

int main(void)
{
	expect("no cause", nothing, CAUSE_TIME, "", 60);
	expect("one", one, CAUSE_TIME, "3", 70);
	expect("two that cancel out", xored, CAUSE_TIME, "2 9", 80);
	expect("two that matter only together", both, CAUSE_TIME, "1+10", 100);
	expect("three", three, CAUSE_TIME, "1+5+10", 130);
	expect("one that another one hides", hidden, CAUSE_TIME, "4 6(4)", 90);
	expect("one that takes a whole day", a_day, CAUSE_TIME, "0", 70);
	expect("ids of which only some are others than before", agree, CAUSE_PID, "", 20);
	expect("... numbers of files", agree, CAUSE_INODE, "", 20);
	expect("... times are no such thing", agree, CAUSE_TIME, "0 1", 80);
	test_library();
	test_many_times();
	test_early();
	return tap_end();
}
