/* fuzz_decode.c - whatever passes event_valid must be shown without a crash, and without endless text.
 *
 * Events are made at random around what calls really look like (numbers, addresses that lead into
 * parts, structures with lengths that lie), and then bytes of them are changed.
 *
 *   fuzz_decode [SEED [ROUNDS]]     TAP; the seed is printed, so that a failure can be had again
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/event.h"
#include "base/base.h"
#include "show/decode.h"
#include "show/filter.h"
#include "show/summary.h"

enum { ROOM = 4096, MAX_PARTS = 12, TEXT_LIMIT = 1 << 22 };
static union { struct event e; uint8_t bytes[ROOM]; } made;
static uint64_t seed;

static uint64_t below(uint64_t n)
{
	return rng_next(&seed) % n;
}

/* Small numbers, addresses near each other, and what is at the edge of a type. */
static uint64_t number(void)
{
	static const uint64_t edges[] = {
		0, 1, 0x7fffffff, 0x80000000, 0xffffffff, ~0ull, ~0ull - 4095, 1ull << 63, 1ull << 32, -100};

	switch (below(4)) {
	case 0: return below(64);
	case 1: return 0x1000 + below(16) * 16;
	case 2: return edges[below(countof(edges))];
	default: return rng_next(&seed) >> below(64);
	}
}

static void add_part(void)
{
	uint64_t space = ROOM - made.e.size - sizeof(struct part), len = below(below(8) ? 128 : 1500) & ~7ull;
	struct part *p = (struct part *)(made.bytes + made.e.size);

	if (made.e.size + sizeof(*p) + 8 > ROOM || len > space)
		return;
	p->kind = below(4) ? (below(2) ? PART_IN : PART_OUT) : 1 + below(PART_KINDS - 1);
	p->arg = below(7);
	p->flags = below(2);
	p->len = len;
	p->addr = number();
	p->whole = below(2) ? len : number();
	for (uint64_t i = 0; i < len; i += 8) {
		uint64_t word = number();

		memcpy((uint8_t *)part_data(p) + i, &word, 8);
	}
	made.e.size += part_space(len);
	made.e.nparts++;
}

static void make_event(void)
{
	memset(&made, 0, sizeof(made));
	made.e.size = sizeof(made.e);
	made.e.type = below(2) ? EV_CALL : 1 + below(EV_TYPES - 1);
	made.e.call = below(16) ? below(480) : number();
	made.e.flags = below(4) ? 0 : rng_next(&seed);
	made.e.result = below(2) ? below(200) : number();
	made.e.entered = number();
	made.e.left = number();
	for (int i = 0; i < 6; i++)
		made.e.args[i] = number();
	for (uint64_t n = below(MAX_PARTS); n; n--)
		add_part();
}

/* `size`: as it was made, for the bytes that say so may be changed as well. */
static void mutate(uint64_t size)
{
	for (uint64_t n = below(8); n; n--)
		made.bytes[below(size)] = rng_next(&seed);
}

static struct show_options random_options(void)
{
	return (struct show_options){
		.string_max = below(3) ? 32 : number(), .fd_paths = below(2), .syscall_times = below(2),
		.timestamps = below(4), .task_ids = below(3), .verbose = below(2), .abbreviate = below(2),
		.align = below(64),
	};
}

/* The event is shown from memory of exactly its size, so that a sanitizer sees a step outside. */
static bool show_one(struct buf *out, struct summary *s)
{
	struct show_options o = random_options();
	struct call_filter f = {0};
	struct event *e;

	if (!event_valid(&made.e, ROOM))
		return false;
	e = xmalloc(made.e.size);
	memcpy(e, &made, made.e.size);
	buf_clear(out);
	show_event(out, e, &o);
	for (int i = -1; i < 7; i++)
		show_one_argument(out, e, i, &o);
	show_result(out, e, &o);
	summary_add(s, e);
	filter_wants(&f, e);
	free(e);
	must(out->len < TEXT_LIMIT);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : now_wall(), shown = 0;
	long rounds = argc > 2 ? atol(argv[2]) : 200000;
	static struct summary s;
	struct buf out = {0};

	printf("# seed %llu\n1..1\n", (unsigned long long)first);
	fflush(stdout);
	seed = first;
	for (long i = 0; i < rounds; i++) {
		uint64_t size;

		make_event();
		size = made.e.size;
		for (uint64_t n = 1 + below(3); n; n--) {
			shown += show_one(&out, &s);
			mutate(size);
		}
	}
	buf_clear(&out);
	summary_show(&out, &s);
	buf_free(&out);
	printf("%sok 1 - %llu events shown\n", shown ? "" : "not ", (unsigned long long)shown);
	return !shown;
}
