/* cookies.c - epoll's cookies are a version's own pointers: in another layout they are translated. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "monitor/follower.h"

struct cookie { int epfd, fd; uint64_t leader, own; };

static struct cookie *cookies;
static int ncookies, room;

void cookie_learn(struct task *t, const struct event *e)
{
	struct part *p = event_part(e, PART_IN, 4);
	struct epoll_event leader, own;
	int i;

	if (!p || p->len < sizeof(leader) || guest_read(t, t->args[3], &own, sizeof(own)))
		return;
	memcpy(&leader, part_data(p), sizeof(leader));
	for (i = 0; i < ncookies; i++)
		if (cookies[i].epfd == (int)e->args[0] && cookies[i].fd == (int)e->args[2])
			break;
	if (i == room) {
		room = room ? 2 * room : 32;
		cookies = xrealloc(cookies, room * sizeof(*cookies));
	}
	cookies[i] = (struct cookie){e->args[0], e->args[2], leader.data.u64, own.data.u64};
	ncookies = max_of(ncookies, i + 1);
}

void cookies_translate(struct task *t, int64_t n)
{
	struct epoll_event ev;

	for (int64_t i = 0; i < n; i++) {
		uint64_t at = t->args[1] + i * sizeof(ev);

		if (guest_read(t, at, &ev, sizeof(ev)))
			return;
		for (int k = 0; k < ncookies; k++) {
			if (cookies[k].epfd != (int)t->args[0] || cookies[k].leader != ev.data.u64)
				continue;
			ev.data.u64 = cookies[k].own;
			guest_write(t, at, &ev, sizeof(ev));
			break;
		}
	}
}
