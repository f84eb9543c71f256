/* test_align.c - two sequences side by side: against the plain quadratic way on small ones, and what it costs on large ones. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tap.h"
#include "why/align.h"

static uint64_t seed = 11;

static uint64_t below(uint64_t n)
{
	return (rng_next(&seed) >> 16) % n;
}

/* Matches are of equal tokens and never cross. Returns how many, or -1. */
static int matched(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb, const uint32_t *match)
{
	int n = 0;
	uint32_t last = 0;

	for (uint32_t i = 0; i < na; i++) {
		if (match[i] == ALIGN_NONE)
			continue;
		if (match[i] >= nb || a[i] != b[match[i]] || (n && match[i] <= last))
			return -1;
		last = match[i];
		n++;
	}
	return n;
}

static int longest_common(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb)
{
	static int row[2][101];

	memset(row, 0, sizeof(row));
	for (uint32_t i = 1; i <= na; i++)
		for (uint32_t j = 1; j <= nb; j++)
			row[i & 1][j] = a[i - 1] == b[j - 1] ? row[(i - 1) & 1][j - 1] + 1 : max_of(row[(i - 1) & 1][j], row[i & 1][j - 1]);
	return row[na & 1][nb];
}

/* Each token is there twice in a row, so that hardly an anchor decides: then the answer is the longest one. */
static void test_small(void)
{
	uint64_t a[100], b[100];
	uint32_t match[100];
	int bad = 0, crossed = 0;

	for (int round = 0; round < 20000; round++) {
		uint32_t na = 2 * below(50), nb = 2 * below(50), kinds = 1 + below(4);

		for (uint32_t i = 0; i < na; i += 2)
			a[i] = a[i + 1] = below(kinds);
		for (uint32_t i = 0; i < nb; i += 2)
			b[i] = b[i + 1] = below(kinds);
		align(a, b, (struct align_range){0, na, 0, nb}, match);
		crossed += matched(a, na, b, nb, match) < 0;
		bad += matched(a, na, b, nb, match) < longest_common(a, na, b, nb);
	}
	ok(!crossed, "20000 small pairs: matches are equal and in order (%d were not)", crossed);
	ok(!bad, "... as many as can be (fewer in %d)", bad);
}

static void test_range(void)
{
	const uint64_t a[] = {7, 1, 2, 3, 7}, b[] = {9, 9, 1, 3, 9};
	uint32_t match[5] = {77, 77, 77, 77, 77};

	align(a, b, (struct align_range){1, 4, 2, 4}, match);
	ok(match[0] == 77 && match[1] == 2 && match[2] == ALIGN_NONE && match[3] == 3 && match[4] == 77, "a part of both");
	align(a, b, (struct align_range){2, 2, 0, 5}, match);
	align(a, b, (struct align_range){0, 5, 3, 3}, match);
	ok(match[0] == ALIGN_NONE && match[4] == ALIGN_NONE, "nothing to stand beside");
}

/* Two blocks that only one has, far longer than the effort; what is behind them is found again. */
static void test_blocks(void)
{
	enum { N = 100000, BLOCK = 20000 };
	uint64_t *a = xmalloc((N + 2 * BLOCK) * sizeof(*a)), *b = xmalloc(N * sizeof(*b));
	uint32_t *match = xmalloc((N + 2 * BLOCK) * sizeof(*match)), na = 0;

	for (uint32_t i = 0; i < N; i++) {
		b[i] = i % 10 ? i % 7 : 1000 + i;
		if (i == N / 3 || i == N / 2)
			for (uint32_t k = 0; k < BLOCK; k++)
				a[na++] = k % 5;
		a[na++] = b[i];
	}
	align(a, b, (struct align_range){0, na, 0, N}, match);
	ok(matched(a, na, b, N, match) >= N - 20, "behind blocks of %d that only one has: %d of %d", BLOCK,
	   matched(a, na, b, N, match), N);
	free(a);
	free(b);
	free(match);
}

static void test_cost(void)
{
	enum { N = 300000 };
	uint64_t *a = xmalloc(N * sizeof(*a)), *b = xmalloc(N * sizeof(*b)), before;
	uint32_t *match = xmalloc(N * sizeof(*match));
	double seconds;

	for (uint32_t i = 0; i < N; i++) {
		a[i] = below(20);
		b[i] = below(20);
	}
	before = now_cpu();
	align(a, b, (struct align_range){0, N, 0, N}, match);
	seconds = (now_cpu() - before) / 1e9;
	ok(matched(a, N, b, N, match) > N / 3, "two that have nothing to do with each other: %d of %d", matched(a, N, b, N, match), N);
	ok(seconds < 20, "... in %.2f s", seconds);
	free(a);
	free(b);
	free(match);
}

int main(void)
{
	test_small();
	test_range();
	test_blocks();
	test_cost();
	return tap_end();
}
