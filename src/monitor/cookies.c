/* cookies.c - what differs by nature between a leader and a follower in another layout, and is known of both:
 * epoll's cookies, and where files are mapped.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

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

void view_exec(struct mm *view, const struct event *e)
{
	struct part *image = event_part(e, PART_IMAGE, 0), *p = event_parts(e), *file[64];
	const struct image_map *x;
	uint32_t nfile = 0;

	if (!image)
		return;
	mm_unmap(view, 0, ~0ull);
	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p))
		if (p->kind == PART_FILE && nfile < countof(file))
			file[nfile++] = p;
	x = part_data(image);
	for (size_t i = 0; i < image->len / sizeof(*x); i++) {
		struct mapping map = {.start = x[i].start, .end = x[i].end, .offset = x[i].offset, .leader = x[i].start};

		if (x[i].kind == MAPK_FILE && x[i].file < nfile) {
			const struct file_id *id = part_data(file[x[i].file]);

			map.dev = id->dev;
			map.ino = id->ino;
			map.path = (char *)(id + 1);
		} else if (x[i].kind == MAPK_VDSO) {
			map.path = (char *)"[vdso]";
		} else {
			continue;
		}
		mm_map(view, &map);
	}
}

void view_call(struct mm *view, const struct event *e)
{
	struct part *p = event_part(e, PART_FILE, 5);
	const struct file_id *id = p ? part_data(p) : NULL;
	struct mapping map = {.start = e->result, .end = (e->result + e->args[1] + 4095) & ~4095ull,
	                      .offset = e->args[5], .leader = e->result};

	if (!view || (e->result < 0 && e->result > -4096))
		return;
	if (e->call == SYS_munmap)
		mm_unmap(view, e->args[0], (e->args[0] + e->args[1] + 4095) & ~4095ull);
	if (e->call != SYS_mmap)
		return;
	mm_unmap(view, map.start, map.end);
	if (!id)
		return;
	map.dev = id->dev;
	map.ino = id->ino;
	map.path = (char *)(id + 1);
	mm_map(view, &map);
}
