/* cookies.c - epoll's cookies are a version's own pointers: in another layout they are translated.
 *
 * Per process, from what the leader gave to epoll_ctl to what this version gave. Descriptors play no part: they are
 * duplicated, closed and used again, while a pointer stands for the same object in both versions.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "monitor/follower.h"

struct cookies {
	size_t n, room;                /* a power of two, at least twice n */
	struct cookie { uint64_t leader, own; bool used; } *at;
};

static struct cookie *slot(const struct cookies *c, uint64_t leader)
{
	size_t i = (leader * 0x9e3779b97f4a7c15ull) >> 32 & (c->room - 1);

	while (c->at[i].used && c->at[i].leader != leader)
		i = (i + 1) & (c->room - 1);
	return &c->at[i];
}

static void grow(struct cookies *c)
{
	struct cookies old = *c;

	c->room = old.room ? 2 * old.room : 32;
	c->at = xcalloc(c->room, sizeof(*c->at));
	for (size_t i = 0; i < old.room; i++)
		if (old.at[i].used)
			*slot(c, old.at[i].leader) = old.at[i];
	free(old.at);
}

void cookie_learn(struct task *t, const struct event *e)
{
	struct part *p = event_part(e, PART_IN, 4);
	struct cookies *c = t->p->cookies;
	struct epoll_event leader, own;
	struct cookie *to;

	if (e->result || !p || p->len < sizeof(leader) || guest_read(t, t->args[3], &own, sizeof(own)))
		return;
	memcpy(&leader, part_data(p), sizeof(leader));
	if (!c)
		c = t->p->cookies = xcalloc(1, sizeof(*c));
	if (2 * c->n >= c->room)
		grow(c);
	to = slot(c, leader.data.u64);
	c->n += !to->used;
	*to = (struct cookie){leader.data.u64, own.data.u64, true};
}

void cookies_translate(struct task *t, int64_t n)
{
	const struct cookies *c = t->p->cookies;
	struct epoll_event ev;

	for (int64_t i = 0; i < n && c; i++) {
		uint64_t at = t->args[1] + i * sizeof(ev);
		const struct cookie *k;

		if (guest_read(t, at, &ev, sizeof(ev)))
			return;
		k = slot(c, ev.data.u64);
		if (!k->used)
			continue;
		ev.data.u64 = k->own;
		guest_write(t, at, &ev, sizeof(ev));
	}
}

struct cookies *cookies_copy(const struct cookies *from)
{
	struct cookies *c;

	if (!from)
		return NULL;
	c = xmalloc(sizeof(*c));
	*c = *from;
	c->at = xmalloc(c->room * sizeof(*c->at));
	memcpy(c->at, from->at, c->room * sizeof(*c->at));
	return c;
}

void cookies_free(struct cookies *c)
{
	if (c)
		free(c->at);
	free(c);
}
