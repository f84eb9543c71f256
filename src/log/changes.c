/* changes.c - see changes.h. */
#include "log/changes.h"

#include <string.h>

void substitute(const struct substitution *list, size_t n, struct event *e)
{
	size_t from = 0, to = n;

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (list[mid].seq < e->seq)
			from = mid + 1;
		else
			to = mid;
	}
	for (; from < n && list[from].seq == e->seq; from++) {
		must(list[from].at <= e->size && list[from].len <= e->size - list[from].at);
		memcpy((char *)e + list[from].at, list[from].bytes, list[from].len);
	}
}
