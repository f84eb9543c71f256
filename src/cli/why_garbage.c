/* why_garbage.c - which bytes of memory that was never written matter, and who reads them first. */
#include <stdlib.h>

#include "cli/why.h"
#include "monitor/experiment.h"

/* Bytes of one piece of garbage that are told apart at last; and of the largest piece that is looked at. */
enum { FEW = 8, LARGEST = 1 << 20 };

static bool matters(struct why *w, uint64_t first, uint64_t last, uint64_t from, uint64_t to)
{
	struct experiment x = why_experiment(w);
	json_t *j;
	bool yes;

	x.spoil_first = first;
	x.spoil_last = last;
	x.spoil_from = from;
	x.spoil_to = to;
	j = why_replay(w, &x, SRC_UNINIT);
	yes = json_integer_value(json_object_get(why_told(j, "end"), "leaving")) > 0;
	json_decref(j);
	return yes;
}

/* How often garbage is put somewhere in all. */
static uint64_t count(struct why *w)
{
	struct experiment x = why_experiment(w);
	json_t *j = why_replay(w, &x, SRC_UNINIT);
	uint64_t n = json_integer_value(json_object_get(why_told(j, "end"), "spoils"));

	json_decref(j);
	return n;
}

json_t *why_reader(struct why *w)
{
	uint64_t first = 1, last = count(w), from = 0, to = LARGEST;
	struct experiment x;
	json_t *j, *reader;

	/* The later one, where either matters: the way from there to who reads it is shorter. */
	while (first < last) {
		uint64_t mid = first + (last - first) / 2;

		if (matters(w, mid + 1, last, 0, 0))
			first = mid + 1;
		else if (matters(w, first, mid, 0, 0))
			last = mid;
		else
			return NULL;
	}
	while (last && to - from > FEW) {
		uint64_t mid = from + (to - from) / 2;

		if (matters(w, first, last, from, mid))
			to = mid;
		else if (matters(w, first, last, mid, to))
			from = mid;
		else
			break;
	}
	if (!last || to - from == LARGEST)
		return NULL;
	x = why_experiment(w);
	x.spoil_first = first;
	x.spoil_last = last;
	x.spoil_from = from;
	x.spoil_to = to;
	x.spoil_find = true;
	j = why_replay(w, &x, SRC_UNINIT);
	reader = why_told(j, "reader");
	if (reader)
		json_incref(reader);
	json_decref(j);
	return reader;
}
