/* publish.c - see publish.h. */
#define _GNU_SOURCE
#include "monitor/publish.h"

#include <string.h>
#include <sys/uio.h>

#include "abi/walk.h"
#include "monitor/shields/shields.h"
#include "monitor/store.h"

/* Extents of one call: what is to be read, and where in m->build it goes. */
#define MAX_EXTENTS 262144 /* the strings of an exec; memory is used only as far as it is needed */

struct gather {
	struct monitor *m;
	struct task *t;
	struct iovec to[MAX_EXTENTS + 1], from[MAX_EXTENTS + 1];  /* and the stack */
	size_t at[MAX_EXTENTS + 1];        /* offset in build, of the bytes */
	int n;
	int kind;
	struct extent rest[64];        /* extents of which more follows in fragments */
	int nrest;
};

static struct gather gather;

struct event *publish_event(struct monitor *m)
{
	return (struct event *)m->build.at;
}

struct event *publish_begin(struct monitor *m, struct task *t, int type, uint32_t flags)
{
	static const struct event blank;
	struct event *e;

	buf_clear(&m->build);
	buf_add(&m->build, &blank, sizeof(blank));
	e = publish_event(m);
	e->type = type;
	e->flags = flags;
	e->task = t->id;
	e->domain = t->p->mm ? t->p->mm->domain : 0;
	e->tid = t->leader_tid;
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

void publish_guest(struct monitor *m, struct task *t, int kind, int arg, uint64_t addr, uint64_t len)
{
	size_t start = m->build.len;
	size_t at = part_room(m, kind, arg, addr, len, len);

	if (guest_read(t, addr, m->build.at + at, len) == 0)
		return;
	m->build.len = start;
	publish_event(m)->nparts--;
}

/* Copy the finished record out; as fragments where it is larger than the stream takes. */
void publish_end(struct monitor *m, struct task *t)
{
	struct event *e = publish_event(m), *slot;

	(void)t;
	must(m->build.len % 8 == 0);
	e->size = m->build.len;
	slot = stream_reserve(m->s, e->size);
	memcpy(slot, e, e->size);
	stream_publish(m->s, slot);
}

/* ---- gathering a call's memory ---- */

static int collect(void *ctx, const struct extent *x)
{
	struct gather *g = ctx;
	uint64_t len = x->len;

	if (!len && g->kind == PART_OUT)
		return 0;
	if (g->n == MAX_EXTENTS) {
		/* A follower must not go on with half of a call's outputs. */
		publish_event(g->m)->flags |= EVF_UNKNOWN;
		return -E2BIG;
	}
	if (g->kind == PART_OUT && len > CARRY_OUT && g->nrest < (int)countof(g->rest)) {
		g->rest[g->nrest++] = *x;
		len = CARRY_OUT;
		publish_event(g->m)->flags |= EVF_MORE;
	}
	g->at[g->n] = part_room(g->m, g->kind, x->arg, x->addr, len, x->len);
	g->from[g->n] = (struct iovec){(void *)x->addr, len};
	g->n++;
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

/* IN extents that are too long to carry become hashes. */
static int collect_in(void *ctx, const struct extent *x)
{
	struct gather *g = ctx;
	uint64_t blocks = (x->len + 4095) / 4096;
	char block[4096];
	uint64_t *hash;
	size_t at;

	if (x->len <= CARRY_IN)
		return collect(ctx, x);
	at = part_room(g->m, PART_INHASH, x->arg, x->addr, blocks * 8, x->len);
	hash = (uint64_t *)(g->m->build.at + at);
	for (uint64_t i = 0; i < blocks; i++) {
		size_t len = min_of((uint64_t)4096, x->len - i * 4096);

		if (guest_read(g->t, x->addr + i * 4096, block, len))
			memset(block, 0, sizeof(block));
		hash[i] = hash_bytes(block, len, 0);
	}
	return 0;
}

static void gather_begin(struct monitor *m, struct task *t)
{
	gather.m = m;
	gather.t = t;
	gather.n = 0;
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
	gather.at[gather.n] = part_room(m, PART_STACK, 0, sp, len, len);
	gather.from[gather.n++] = (struct iovec){(void *)sp, len};
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
	struct extent rest[countof(gather.rest)];
	uint64_t seq = m->s->ring.h->seq;
	int n = gather.nrest;

	memcpy(rest, gather.rest, n * sizeof(*rest));
	for (int i = 0; i < n; i++) {
		for (uint64_t done = CARRY_OUT; done < rest[i].len; done += CARRY_OUT) {
			uint64_t len = min_of((uint64_t)CARRY_OUT, rest[i].len - done);
			bool last = i == n - 1 && done + len == rest[i].len;
			struct event *e = publish_begin(m, t, EV_FRAGMENT, last ? 0 : EVF_MORE);

			e->args[0] = seq;
			e->args[1] = done;
			e->args[2] = i;
			part_room(m, PART_OUT, rest[i].arg, rest[i].addr + done, len, rest[i].len);
			guest_read(t, rest[i].addr + done,
			           m->build.at + sizeof(struct event) + sizeof(struct part), len);
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
	if (type != EV_ENTER)
		walk_out(t, result);
	if (type != EV_ENTER)
		shield_parts(m, t, result);
	if (m->cfg->fd_names)
		store_fd_names(m, t, result);
	gather_context(m, t);
	gather_read(&gather);
	publish_end(m, t);
	if (gather.nrest)
		publish_rest(m, t);
}
