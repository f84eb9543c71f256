/* changes.c - see changes.h. */
#include "log/changes.h"

#include <string.h>

void substitute(const struct substitution *list, size_t n, struct event *e)
{
	for (size_t from = first_at_least(list, n, sizeof(*list), e->seq); from < n && list[from].seq == e->seq; from++) {
		must(list[from].at <= e->size && list[from].len <= e->size - list[from].at);
		memcpy((char *)e + list[from].at, list[from].bytes, list[from].len);
	}
}
