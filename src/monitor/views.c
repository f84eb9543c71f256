/* views.c - see views.h. */
#define _GNU_SOURCE
#include "monitor/views.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

struct mm *view_new(void)
{
	struct mm *mm = xcalloc(1, sizeof(*mm));

	mm->refs = 1;
	mm->mem = -1;
	return mm;
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
	struct mapping map = {.start = e->result, .end = page_up(e->result + e->args[1]),
	                      .offset = e->args[5], .leader = e->result};

	if (!view || e->flags & EVF_SKIPPED || (e->result < 0 && e->result > -4096))
		return;
	if (e->call == SYS_munmap)
		mm_unmap(view, e->args[0], page_up(e->args[0] + e->args[1]));
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

static struct mm *find(struct views *v, uint32_t space)
{
	for (int i = 0; i < v->n; i++)
		if (v->view[i].space == space)
			return v->view[i].mm;
	return NULL;
}

static struct mm *add(struct views *v, uint32_t space)
{
	v->view = xrealloc(v->view, (v->n + 1) * sizeof(*v->view));
	v->view[v->n] = (struct view){space, view_new()};
	return v->view[v->n++].mm;
}

static void note_birth(struct views *v, const struct event *e)
{
	v->born_in = xgrow(v->born_in, &v->room, e->other, sizeof(*v->born_in));
	v->born_in[e->other] = e->space;
}

/* A newborn process starts with what its parent has mapped. */
static struct mm *first_seen(struct views *v, const struct event *e)
{
	struct mm *from = e->task < v->room && v->born_in[e->task] ? find(v, v->born_in[e->task]) : NULL;
	struct mm *mm = add(v, e->space);

	for (int i = 0; from && i < from->nmap; i++)
		mm_map(mm, &from->map[i]);
	return mm;
}

struct mm *views_event(struct views *v, const struct event *e)
{
	struct mm *mm;

	if (!e->space)
		return NULL;
	mm = find(v, e->space);
	if (!mm)
		mm = first_seen(v, e);
	if (e->type == EV_CALL && e->flags & EVF_BIRTH)
		note_birth(v, e);
	if (e->type == EV_CALL && e->flags & EVF_EXEC)
		view_exec(mm, e);
	else if (e->type == EV_CALL)
		view_call(mm, e);
	return mm;
}

void views_free(struct views *v)
{
	for (int i = 0; i < v->n; i++)
		mm_put(v->view[i].mm);
	free(v->view);
	free(v->born_in);
	*v = (struct views){0};
}
