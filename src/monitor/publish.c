/* publish.c - see publish.h. */
#define _GNU_SOURCE
#include "monitor/publish.h"

#include <string.h>
#include <sys/uio.h>

#include "abi/walk.h"
#include "monitor/given.h"
#include "monitor/shields/shields.h"
#include "monitor/store.h"

/* Extents of one call: what is to be read, and where in m->build it goes. */
#define MAX_EXTENTS 262144 /* the strings of an exec */

struct gather {
	struct monitor *m;
	struct task *t;
	struct iovec *to, *from;
	size_t *at;                    /* offset in build, of the bytes */
	int n, room;
	int kind;
	uint32_t nout;                 /* OUT extents so far */
	struct rest { uint64_t addr, done, len; uint32_t index; uint8_t arg; } *rest;
	int nrest, rest_room;          /* OUT extents of which more follows in fragments */
};

static struct gather gather;

/* What is as short as this always stays in its event: lengths, without which a follower with other addresses cannot
 * tell what they measure. */
#define CARRY_ALWAYS 256

/* How long the event in the making may become by what can also go elsewhere: into hashes, or into fragments. The other
 * half of what the stream takes is left for what cannot. */
static uint64_t room_left(const struct monitor *m)
{
	uint64_t limit = stream_max(m->s) / 2, taken = m->build.len + sizeof(struct part);

	return taken < limit ? (limit - taken) & ~7ull : 0;
}

struct event *publish_event(struct monitor *m)
{
	return (struct event *)m->build.at;
}

struct event *publish_begin(struct monitor *m, struct task *t, int type, uint32_t flags)
{
	static const struct event blank;
	struct event *e;

	stream_begin(m->s);
	buf_clear(&m->build);
	buf_add(&m->build, &blank, sizeof(blank));
	e = publish_event(m);
	e->type = type;
	e->flags = flags;
	e->task = t->id;
	e->domain = t->p->mm ? t->p->mm->dom->id : 0;
	e->space = t->p->mm ? t->p->mm->space : 0;
	e->tid = t->leader_tid;
	if (t->in_mm && t->in_mm->dom->ntasks > 1 && !t->in_mm->dom->free && type != EV_GOES)
		e->flags |= EVF_TURNS;
	e->left = now_wall();
	e->entered = e->left;
	e->cpu = task_cpu(t, e->left);
	return e;
}

/* Room for a part's bytes; returns their offset in the build buffer. */
static size_t part_room(struct monitor *m, int kind, int arg, uint64_t addr, uint32_t len, uint64_t whole)
{
	static const char zero[8];
	struct part p = {.kind = kind, .arg = arg, .addr = addr, .len = len, .whole = whole};
	size_t at;

	buf_add(&m->build, &p, sizeof(p));
	at = m->build.len;
	buf_reserve(&m->build, len);
	m->build.len += len;
	if (len % 8)
		buf_add(&m->build, zero, 8 - len % 8);
	publish_event(m)->nparts++;
	return at;
}

void *publish_part(struct monitor *m, int kind, int arg, uint64_t addr, const void *data, uint32_t len)
{
	size_t at = part_room(m, kind, arg, addr, len, len);

	if (data && len)
		memcpy(m->build.at + at, data, len);
	else
		memset(m->build.at + at, 0, len);
	return m->build.at + at;
}

void publish_zeros(struct monitor *m, uint64_t addr, uint64_t len)
{
	size_t at = part_room(m, PART_OUT, 0, addr, 0, len);

	((struct part *)(m->build.at + at) - 1)->flags = PARTF_ZERO;
}

void publish_guest(struct monitor *m, struct task *t, int kind, int arg, uint64_t addr, uint64_t len)
{
	size_t start = m->build.len, at;

	if (len > stream_max(m->s)) {
		publish_event(m)->flags |= EVF_UNKNOWN;
		return;
	}
	at = part_room(m, kind, arg, addr, len, len);
	if (guest_read(t, addr, m->build.at + at, len) == 0)
		return;
	m->build.len = start;
	publish_event(m)->nparts--;
}

void publish_other(struct monitor *m, struct task *to, uint64_t addr, uint64_t len)
{
	size_t at = m->build.len;

	publish_guest(m, to, PART_OUT, 0, addr, len);
	if (m->build.len > at)
		((struct part *)(m->build.at + at))->flags |= PARTF_OTHER;
}

/* Followers cannot go on with half of an event, and the leader's program must not suffer. */
static void leave_parts_out(struct monitor *m)
{
	struct event *e = publish_event(m);
	static bool told;

	if (!told)
		monitor_notef(m, NOTE_WARNING, e->call,
		              "event %llu is too large for the stream (%llu bytes of %llu): followers stop there; "
		              "a larger --ring=SIZE takes it",
		              (unsigned long long)m->s->ring.h->seq + 1, (unsigned long long)m->build.len,
		              (unsigned long long)stream_max(m->s));
	told = true;
	e->flags = (e->flags & ~EVF_MORE) | EVF_UNKNOWN;
	e->nparts = 0;
	m->build.len = sizeof(*e);
	gather.nrest = 0;
}

/* Copy the finished record out. */
void publish_end(struct monitor *m, struct task *t)
{
	struct event *e, *slot;

	must(m->build.len % 8 == 0);
	if (m->build.len > stream_max(m->s))
		leave_parts_out(m);
	e = publish_event(m);
	e->size = m->build.len;
	slot = stream_reserve(m->s, e->size);
	memcpy(slot, e, e->size);
	stream_publish(m->s, slot);
	if (m->given)
		given_event(m->given, e);
	if (!t)
		return;
	t->last_seq = m->s->ring.h->seq;
	t->last_at = e->left;
	if (!event_is_remark(e))
		t->held_back = e->flags & EVF_TURNS;
}

/* ---- gathering a call's memory ---- */

/* How much of an OUT extent travels in the event itself; the rest of it comes in fragments. */
static uint64_t carried(struct gather *g, const struct extent *x)
{
	uint64_t len = min_of(x->len, max_of(min_of(room_left(g->m), (uint64_t)CARRY_OUT), (uint64_t)CARRY_ALWAYS));

	if (len == x->len)
		return len;
	if (g->nrest == g->rest_room) {
		g->rest_room = g->rest_room ? 2 * g->rest_room : 64;
		g->rest = xrealloc(g->rest, g->rest_room * sizeof(*g->rest));
	}
	g->rest[g->nrest++] = (struct rest){x->addr, len, x->len, g->nout, x->arg};
	publish_event(g->m)->flags |= EVF_MORE;
	return len;
}

/* One more extent to be read. */
static void add_extent(struct gather *g, size_t at, uint64_t addr, uint64_t len)
{
	if (g->n == g->room) {
		g->room = g->room ? 2 * g->room : 64;
		g->to = xrealloc(g->to, g->room * sizeof(*g->to));
		g->from = xrealloc(g->from, g->room * sizeof(*g->from));
		g->at = xrealloc(g->at, g->room * sizeof(*g->at));
	}
	g->at[g->n] = at;
	g->from[g->n++] = (struct iovec){(void *)addr, len};
}

static int collect(void *ctx, const struct extent *x)
{
	struct gather *g = ctx;
	uint64_t len = x->len;

	if (!len && g->kind == PART_OUT)
		return 0;
	if (g->n >= MAX_EXTENTS) {
		/* A follower must not go on with half of a call's outputs. */
		publish_event(g->m)->flags |= EVF_UNKNOWN;
		return -E2BIG;
	}
	if (g->kind == PART_OUT) {
		len = carried(g, x);
		g->nout++;
	}
	add_extent(g, part_room(g->m, g->kind, x->arg, x->addr, len, x->len), x->addr, len);
	return 0;
}

/* Read what was collected: in one call where all of it can be read, else piece by piece; the bytes of
 * a piece that can't be read stay zero and it is marked as cut. */
static void gather_read(struct gather *g)
{
	struct monitor *m = g->m;
	size_t total = 0;

	for (int i = 0; i < g->n; i++) {
		g->to[i] = (struct iovec){m->build.at + g->at[i], g->from[i].iov_len};
		total += g->from[i].iov_len;
	}
	for (int i = 0; i < g->n; i += 1024) {
		int n = min_of(g->n - i, 1024);
		ssize_t got = process_vm_readv(g->t->tid, g->to + i, n, g->from + i, n, 0);

		if (got < 0)
			break;
		total -= got;
	}
	if (!total)
		return;
	for (int i = 0; i < g->n; i++) {
		struct part *p = (struct part *)(m->build.at + g->at[i] - sizeof(*p));

		if (guest_read(g->t, p->addr, g->to[i].iov_base, p->len) == 0)
			continue;
		if (p->kind == PART_STACK) {
			p->len = p->whole = guest_read_some(g->t, p->addr, g->to[i].iov_base, p->len) & ~7u;
			m->build.len = g->at[i] + p->len;
			break;
		}
		memset(g->to[i].iov_base, 0, p->len);
		p->flags |= PARTF_CUT;
	}
}

/* Whether the bytes of an extent stand for themselves: where there are pointers, or what the kernel does not look at,
 * hashes of it say nothing about another version's. */
static bool plain(const struct extent *x)
{
	return !x->shape && x->kind != K_STRV && x->kind != K_WORDS;
}

/* IN extents that are too long to carry become hashes. */
static int collect_in(void *ctx, const struct extent *x)
{
	struct gather *g = ctx;
	uint64_t blocks = (x->len + 4095) / 4096;
	char block[4096];
	uint64_t *hash;
	size_t at;

	if (x->len <= CARRY_ALWAYS || (x->len <= room_left(g->m) && (x->len <= CARRY_IN || !plain(x))))
		return collect(ctx, x);
	at = part_room(g->m, PART_INHASH, x->arg, x->addr, blocks * 8, x->len);
	hash = (uint64_t *)(g->m->build.at + at);
	for (uint64_t i = 0; i < blocks; i++) {
		size_t len = min_of((uint64_t)4096, x->len - i * 4096);

		if (guest_read(g->t, x->addr + i * 4096, block, len)) {
			/* The kernel reads no further either, however much was asked for. */
			struct part *p = (struct part *)(g->m->build.at + at) - 1;

			p->flags |= PARTF_CUT;
			p->len = i * 8;
			g->m->build.len = at + p->len;
			break;
		}
		hash[i] = hash_bytes(block, len, 0);
	}
	return 0;
}

static void gather_begin(struct monitor *m, struct task *t)
{
	gather.m = m;
	gather.t = t;
	gather.n = 0;
	gather.nout = 0;
	gather.nrest = 0;
}

/* Registers, and the top of the stack as the last part: where less can be read than was asked for,
 * it just ends earlier. */
static void gather_context(struct monitor *m, struct task *t)
{
	uint64_t len = m->cfg->stack, end = t->p->mm->stack_end, sp = t->regs.rsp & ~(uint64_t)7;

	if (!len)
		return;
	publish_part(m, PART_REGS, 0, 0, &t->regs, sizeof(t->regs));
	if (end > sp && end - sp < len)
		len = end - sp;
	len = min_of(len, room_left(m));
	add_extent(&gather, part_room(m, PART_STACK, 0, sp, len, len), sp, len);
}

void publish_context(struct monitor *m, struct task *t)
{
	gather_begin(m, t);
	gather_context(m, t);
	gather_read(&gather);
}

static int gather_walk_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct gather *g = ctx;

	return guest_read(g->t, addr, buf, len);
}

static void walk_begin(struct task *t)
{
	t->walk.row = t->row;
	t->walk.args = t->args;
	t->walk.read = gather_walk_read;
	t->walk.ctx = &gather;
}

static void walk_in(struct task *t)
{
	walk_begin(t);
	t->walk.visit = collect_in;
	gather.kind = PART_IN;
	walk_entry(&t->walk);
}

static void walk_out(struct task *t, int64_t result)
{
	walk_begin(t);
	t->walk.visit = collect;
	t->walk.ret = result;
	gather.kind = PART_OUT;
	walk_exit(&t->walk);
}

void capture_in(struct monitor *m, struct task *t)
{
	size_t head = sizeof(struct event);

	publish_begin(m, t, EV_CALL, 0);
	gather_begin(m, t);
	walk_in(t);
	gather_read(&gather);
	buf_clear(&t->in);
	buf_add(&t->in, m->build.at + head, m->build.len - head);
	t->in_parts = publish_event(m)->nparts;
	t->in_captured = true;
}

/* The bytes that did not fit, in events of their own. */
static void publish_rest(struct monitor *m, struct task *t)
{
	uint64_t seq = m->s->ring.h->seq, step = min_of(stream_max(m->s) / 2, (uint64_t)CARRY_OUT);

	for (int i = 0; i < gather.nrest; i++) {
		const struct rest *r = &gather.rest[i];

		for (uint64_t done = r->done, len; done < r->len; done += len) {
			len = min_of(step, r->len - done);
			bool last = i == gather.nrest - 1 && done + len == r->len;
			struct event *e = publish_begin(m, t, EV_FRAGMENT, last ? 0 : EVF_MORE);
			size_t at;

			e->args[0] = seq;
			e->args[1] = done;
			e->args[2] = r->index;
			at = part_room(m, PART_OUT, r->arg, r->addr + done, len, r->len);
			if (guest_read(t, r->addr + done, m->build.at + at, len)) {
				/* Nothing was written there, nor behind it. */
				memset(m->build.at + at, 0, len);
				((struct part *)(m->build.at + at) - 1)->flags |= PARTF_CUT;
				e = publish_event(m);
				e->flags = (e->flags & ~EVF_MORE) | (i == gather.nrest - 1 ? 0 : EVF_MORE);
				done = r->len - len;
			}
			publish_end(m, t);
		}
	}
}

void publish_call(struct monitor *m, struct task *t, int type, int64_t result, uint32_t flags)
{
	struct event *e = publish_begin(m, t, type, flags | t->call_flags);

	e->call = t->nr;
	e->result = result;
	e->entered = t->entered;
	e->other = t->child;
	memcpy(e->args, t->args, sizeof(e->args));
	gather_begin(m, t);
	if (type != EV_LEAVE) {
		if (t->in_captured) {
			buf_add(&m->build, t->in.at, t->in.len);
			publish_event(m)->nparts += t->in_parts;
		} else {
			walk_in(t);
		}
	}
	if (type != EV_ENTER && !(flags & EVF_SKIPPED)) {
		walk_out(t, result);
		shield_parts(m, t, result);
	} else if (type == EV_ENTER && row_in_place(t->row)) {
		walk_out(t, 0);
	}
	if (m->cfg->fd_names)
		store_fd_names(m, t, result);
	gather_context(m, t);
	gather_read(&gather);
	publish_end(m, t);
	if (gather.nrest)
		publish_rest(m, t);
}
