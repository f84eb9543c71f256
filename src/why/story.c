/* story.c - see story.h. */
#define _GNU_SOURCE
#include "why/story.h"

#include <stdlib.h>
#include <string.h>

/* More tasks than a kernel counts before it begins anew; a slot each is bearable. */
#define TASKS_MAX (1u << 24)

static struct path *path_of(struct story *s, uint32_t task)
{
	if (task >= s->slots) {
		uint32_t n = max_of(2 * s->slots, task + 64);

		s->slot = xrealloc(s->slot, n * sizeof(*s->slot));
		memset(s->slot + s->slots, 0, (n - s->slots) * sizeof(*s->slot));
		s->slots = n;
	}
	if (!s->slot[task]) {
		if (s->npaths == s->room) {
			s->room = s->room ? s->room * 2 : 16;
			s->path = xrealloc(s->path, s->room * sizeof(*s->path));
		}
		s->path[s->npaths] = (struct path){.task = task};
		s->slot[task] = ++s->npaths;
	}
	return &s->path[s->slot[task] - 1];
}

static uint32_t folded(const struct digest *d, int nature)
{
	uint64_t both = d->hash[VALUE_DID][nature] * 31 + d->hash[VALUE_GOT][nature];

	return both ^ both >> 32;
}

static void digest(const struct story *s, struct step *x, const struct event *e)
{
	struct digest d;

	values_digest(e, &s->ids, &d);
	x->did = d.hash[VALUE_DID][VALUE_STEADY];
	x->got = d.hash[VALUE_GOT][VALUE_STEADY];
	x->itself = folded(&d, VALUE_ITSELF);
	x->addresses = folded(&d, VALUE_ADDRESS);
	x->key = event_key(e);
}

static uint32_t add_step(const struct story *s, struct path *p, const struct event *e)
{
	if (p->n == p->room) {
		p->room = p->room ? p->room * 2 : 64;
		p->step = xrealloc(p->step, p->room * sizeof(*p->step));
	}
	p->step[p->n] = (struct step){.seq = e->seq};
	digest(s, &p->step[p->n], e);
	return p->n++;
}

/* A futex call with priority inheritance that the kernel makes anew is entered again, without having returned. */
static void enter(const struct story *s, struct path *p, const struct event *e)
{
	if (p->in_call && p->step[p->entered].key == event_key(e))
		return;
	p->entered = add_step(s, p, e);
	p->in_call = true;
	buf_clear(&p->enter);
	buf_add(&p->enter, e, e->size);
}

static uint32_t leave(struct story *s, struct path *p, const struct event *e)
{
	struct step *x;

	if (!p->in_call || p->step[p->entered].key != event_key(e))
		return add_step(s, p, e);
	p->in_call = false;
	x = &p->step[p->entered];
	x->left = e->seq;
	digest(s, x, join_events(&s->joined, (const struct event *)p->enter.at, e));
	return p->entered;
}

static void add_fragment(struct path *p, const struct event *e)
{
	const struct part *part = event_part(e, PART_OUT, 0);
	struct step *x;

	if (!p->fragments_of || !part)
		return;
	x = &p->step[p->fragments_of - 1];
	if (part->arg && p->varying >> (part->arg - 1) & 1)
		x->itself = hash_bytes(part_data(part), part->len, x->itself);
	else
		x->got = hash_bytes(part_data(part), part->len, x->got);
}

static void add_event(struct story *s, const struct event *e)
{
	struct path *p = path_of(s, e->task);
	uint32_t i;

	ids_add(&s->ids, e->tid);
	if (e->flags & EVF_BIRTH && e->result > 0)
		ids_add(&s->ids, e->result);
	switch (e->type) {
	case EV_ENTER:
		enter(s, p, e);
		break;
	case EV_CALL: case EV_LEAVE:
		i = e->type == EV_CALL ? add_step(s, p, e) : leave(s, p, e);
		p->fragments_of = e->flags & EVF_MORE ? i + 1 : 0;
		p->varying = varying_outputs(e);
		break;
	case EV_FRAGMENT:
		add_fragment(p, e);
		break;
	case EV_INSN: case EV_SIGNAL: case EV_DEATH: case EV_STOPPED:
		add_step(s, p, e);
		break;
	}
}

/* How the calls go on that were not back at the damage is not known. */
static void forget_unfinished(struct story *s)
{
	for (uint32_t i = 0; i < s->npaths; i++)
		if (s->path[i].in_call)
			s->path[i].n = s->path[i].entered;
}

int story_read(struct story *s, struct log_reader *r)
{
	const struct event *e;

	*s = (struct story){.r = r, .status = -1};
	log_rewind(r);
	while ((e = log_next(r))) {
		if (e->seq >= UINT32_MAX || e->task >= TASKS_MAX)
			return -EFBIG;
		s->events = e->seq;
		s->first_ns = s->first_ns ? s->first_ns : e->entered;
		if (e->type == EV_END)
			s->status = e->result;
		else if (e->task)
			add_event(s, e);
	}
	s->whole = !r->damage;
	if (!s->whole)
		forget_unfinished(s);
	for (uint32_t i = 0; i < s->npaths; i++)
		buf_free(&s->path[i].enter);
	return 0;
}

void story_free(struct story *s)
{
	for (uint32_t i = 0; i < s->npaths; i++) {
		free(s->path[i].step);
		buf_free(&s->path[i].enter);
	}
	free(s->path);
	free(s->slot);
	ids_free(&s->ids);
	buf_free(&s->again);
	buf_free(&s->joined);
}

const struct path *story_path(const struct story *s, uint32_t task)
{
	return task < s->slots && s->slot[task] ? &s->path[s->slot[task] - 1] : NULL;
}

const struct event *story_event(struct story *s, const struct step *x)
{
	const struct event *e = log_seek(s->r, x->seq);

	if (!e || !x->left)
		return e;
	buf_clear(&s->again);
	buf_add(&s->again, e, e->size);
	e = log_seek(s->r, x->left);
	return e ? join_events(&s->joined, (const struct event *)s->again.at, e) : NULL;
}
